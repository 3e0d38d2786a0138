// The fence at a BMC (ownership.md, rule 6): a session of the step's own, and the predecessor's deleted by its id (DSP0266 §13.3.4.4).
// 1. A BMC that cannot do it, or has no session left, fails no step: lease and margin are the fence then, and the timeline says so.
// 2. A session's name carries its BMC: an id that another BMC gave out deletes nothing here.
import { crc32 } from '../../../shared/ids.ts'
import type { Fence, StepContext } from '../../driver.ts'
import { RedfishError } from '../../redfish/errors.ts'
import type { OwnSession, Pool } from '../../redfish/pool.ts'
import { asFaults, BmcFence, type RedfishContext } from './bmc.ts'
import { bmcOf, type RedfishInfo } from './info.ts'

/** What keeps a predecessor from acting: its session is deleted, or the lease and its margin alone. `unknown`: the BMC could not be tried now. */
export type Ability = { readonly fence: 'session' } | { readonly fence: 'margin' | 'unknown'; readonly why: string }

type WithoutSession = Exclude<Ability, { fence: 'session' }>

/** The hub keeps 64 characters: nine are the BMC's. */
const MAX_ID = 55

/**
 * BMCs, as they are logged in to, that were tried and cannot delete another's session, and why. For as long as this process runs, or until `verify`
 * finds otherwise. What a BMC answers while it is busy is nothing to remember: the next step tries again.
 */
const openMargins = () => ({ known: new Map<string, string>(), close: async () => {} })

/** Statuses of a refusal that say nothing of what the BMC can do at another time. Those from 500 on, too, but for 501. */
const PASSING = [408, 409, 412, 423, 425, 429]

function placeOf(info: RedfishInfo): string {
  const { origin, root } = bmcOf(info).endpoint
  return crc32(Buffer.from(`${origin}${root}`))
    .toString(16)
    .padStart(8, '0')
}

function loginOf(info: RedfishInfo): string {
  return `${placeOf(info)} ${info.redfish_username} ${info.redfish_auth_type}`
}

export async function openFence(context: StepContext<RedfishInfo>, predecessor: string | undefined): Promise<Fence> {
  const { driverInfo, site } = context
  const { known } = site.resource(openMargins)
  const cannot = known.get(loginOf(driverInfo))
  if (cannot !== undefined) return byMargin(context, { fence: 'margin', why: cannot })
  return await asFaults(
    context,
    async (pool) => {
      let own: OwnSession
      try {
        own = await openOwn(context, pool)
      } catch (error) {
        return byMargin(context, whyNot(error))
      }
      try {
        const ability = await shutOut(context, pool, own, predecessor)
        if (ability?.fence === 'margin') known.set(loginOf(driverInfo), ability.why)
        if (ability === undefined || ability.fence === 'session')
          return new BmcFence({ own, session: `${idOf(own)}@${placeOf(driverInfo)}`, facts: factsOf(ability) })
        await own.close()
        return byMargin(context, ability)
      } catch (error) {
        await own.close()
        throw error
      }
    },
    'bmc.session_lost',
  )
}

function idOf(own: OwnSession): string {
  return own.session.resource!.id
}

async function openOwn({ driverInfo, signal, before }: RedfishContext, pool: Pool): Promise<OwnSession> {
  const own = await pool.own(bmcOf(driverInfo), { signal, before })
  if (idOf(own).length <= MAX_ID) return own
  await own.close()
  throw new RedfishError('missing', 'the BMC has names for sessions that are too long to keep')
}

/** Why a session could not be opened, where the step may go on without; else throws what it was. */
function whyNot(error: unknown): WithoutSession {
  const canGoOn = ['busy', 'missing', 'privilege', 'refused', 'protocol']
  if (error instanceof RedfishError && canGoOn.includes(error.kind)) return without(error)
  throw error
}

/** Does the BMC say that it cannot do this, or only that it cannot now? */
function without({ kind, status = 0, message: why }: RedfishError): WithoutSession {
  const isPassing = PASSING.includes(status) || (status >= 500 && status !== 501)
  const cannot = kind === 'missing' || kind === 'privilege' || (kind === 'refused' && !isPassing)
  return { fence: cannot ? 'margin' : 'unknown', why }
}

/** This step goes by lease and margin, and says so. */
function byMargin({ driverInfo, log, note }: StepContext<RedfishInfo>, ability: WithoutSession): Fence {
  const { why } = ability
  log.warn('no fence at the BMC: lease and margin only', { bmc: driverInfo.redfish_address, why })
  note('fence.margin', { why })
  return new BmcFence({ facts: factsOf(ability) })
}

/** As `verify` writes it: only what the BMC has shown. */
export function factsOf(ability: Ability | undefined): Fence['facts'] {
  if (ability === undefined || ability.fence === 'unknown') return undefined
  return { driver_internal_info: { fence: ability.fence } }
}

/** Deletes the predecessor's session. Answers what the BMC has shown; undefined where there was nobody to shut out. */
async function shutOut(
  context: StepContext<RedfishInfo>,
  pool: Pool,
  own: OwnSession,
  predecessor: string | undefined,
): Promise<Ability | undefined> {
  const { driverInfo, signal, before, log, note } = context
  const [, id, place] = /^([\w.~%-]{1,55})@([0-9a-f]{8})$/.exec(predecessor ?? '') ?? []
  if (id === undefined || place !== placeOf(driverInfo)) {
    if (predecessor === undefined) return undefined
    log.warn("the predecessor's session was another BMC's", { predecessor })
    note('fence.unknown_predecessor', { predecessor })
    return undefined
  }
  // Ids come round again: what had this one before us is gone.
  if (id === idOf(own)) return undefined
  let why: string
  let lost: RedfishError | undefined
  try {
    if (!(await own.mutate((session) => session.removeSession(id, { signal, before }), signal))) return undefined
    // It must be gone now.
    if (!(await own.session.hasSession(id, { signal }))) {
      note('fence.closed', { session: predecessor })
      return { fence: 'session' }
    }
    why = 'the BMC says that it has deleted a session, and still has it'
  } catch (error) {
    if (!(error instanceof RedfishError)) throw error
    // It was waited for long enough, and would not be tried any sooner.
    if (error.kind === 'busy') return { fence: 'unknown', why: error.message }
    if (!['refused', 'privilege', 'missing', 'protocol', 'session-lost'].includes(error.kind)) throw error
    lost = error.kind === 'session-lost' ? error : undefined
    why = error.message
  }
  // A refusal may be about this one session, or this one moment.
  const ability = await probe(context, pool)
  if (ability.fence === 'margin') return ability
  // It did not survive its own request, at a BMC that was restarted just now.
  if (lost !== undefined) throw lost
  return { fence: 'unknown', why }
}

/** Finds out what this BMC can do, for `verify`. Fails only where it cannot be reached at all. */
export async function fenceAbility(context: RedfishContext): Promise<Ability> {
  const { known } = context.site.resource(openMargins)
  const ability = await asFaults(context, (pool) => probe(context, pool))
  if (ability.fence === 'margin') known.set(loginOf(context.driverInfo), ability.why)
  else if (ability.fence === 'session') known.delete(loginOf(context.driverInfo))
  return ability
}

/** Opens two sessions, deletes one from the other, and looks which of them lives. */
async function probe(context: RedfishContext, pool: Pool): Promise<Ability> {
  const margin = (why: string): Ability => ({ fence: 'margin', why })
  const { signal, before } = context
  const open: OwnSession[] = []
  try {
    for (let i = 0; i < 2; i++) open.push(await openOwn(context, pool))
    const [closing, toClose] = open as [OwnSession, OwnSession]
    const remove = () => closing.mutate((session) => session.removeSession(idOf(toClose), { signal, before }), signal)
    if (!(await remove())) return margin('the BMC denies a session that is open')
    if (await isAlive(toClose, signal))
      return margin('the BMC says that it has deleted a session, which goes on answering')
    await closing.session.checkAlive({ signal })
    return { fence: 'session' }
  } catch (error) {
    const isFatal = ['aborted', 'unreachable', 'unanswered', 'tls', 'authentication', 'closed', 'argument']
    if (!(error instanceof RedfishError) || isFatal.includes(error.kind)) throw error
    const [, toClose] = open
    if (error.kind === 'session-lost' && toClose !== undefined && (await isAlive(toClose, signal)))
      return margin('the BMC deletes the session of whoever asks')
    return without(error)
  } finally {
    await Promise.all(open.map((own) => own.close()))
  }
}

async function isAlive({ session }: OwnSession, signal: AbortSignal): Promise<boolean> {
  try {
    await session.checkAlive({ signal })
    return true
  } catch (error) {
    if (error instanceof RedfishError && error.kind === 'session-lost') return false
    throw error
  }
}
