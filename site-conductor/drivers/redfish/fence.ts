// The fence at a BMC (ownership.md, rule 6): a session of the step's own, and the predecessor's deleted by its id (DSP0266 §13.3.4.4).
// 1. A BMC that cannot do it, or has no session left, fails no step: lease and margin are the fence then, and the timeline says so.
// 2. A session's name carries its BMC: an id that another BMC gave out deletes nothing here.
import { crc32 } from '../../../shared/ids.ts'
import type { Fence, StepContext } from '../../driver.ts'
import { RedfishError } from '../../redfish/errors.ts'
import type { OwnSession, Pool } from '../../redfish/pool.ts'
import { asFaults, BmcFence, type RedfishContext } from './bmc.ts'
import { bmcOf, type RedfishInfo } from './info.ts'

/** What keeps a predecessor from acting: its session is deleted, or the lease and its margin alone. */
export type Ability = { readonly fence: 'session' } | { readonly fence: 'margin'; readonly why: string }

/** The hub keeps 64 characters: nine are the BMC's. */
const MAX_ID = 55

/** BMCs, as they are logged in to, that cannot delete another's session. For as long as this process runs, or until `verify` finds otherwise. */
const openMargins = () => ({ known: new Set<string>(), close: async () => {} })

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
  if (known.has(loginOf(driverInfo))) return new BmcFence()
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
        const why = await shutOut(context, pool, own, predecessor)
        if (why === undefined) return new BmcFence(own, `${idOf(own)}@${placeOf(driverInfo)}`)
        known.add(loginOf(driverInfo))
        await own.close()
        return byMargin(context, why)
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
function whyNot(error: unknown): string {
  const canGoOn = ['busy', 'missing', 'privilege', 'refused', 'protocol']
  if (error instanceof RedfishError && canGoOn.includes(error.kind)) return error.message
  throw error
}

function byMargin({ driverInfo, log, note }: StepContext<RedfishInfo>, why: string): Fence {
  log.warn('no fence at the BMC: lease and margin only', { bmc: driverInfo.redfish_address, why })
  note('fence.margin', { why })
  return new BmcFence()
}

/** Deletes the predecessor's session. Answers why not, where this BMC cannot do it. */
async function shutOut(
  context: StepContext<RedfishInfo>,
  pool: Pool,
  own: OwnSession,
  predecessor: string | undefined,
): Promise<string | undefined> {
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
  try {
    if (!(await own.mutate((session) => session.removeSession(id, { signal, before }), signal))) return undefined
    // It must be gone now.
    if (await own.session.hasSession(id, { signal }))
      return 'the BMC says that it has deleted a session, and still has it'
    note('fence.closed', { session: predecessor })
    return undefined
  } catch (error) {
    if (!(error instanceof RedfishError)) throw error
    if (['refused', 'privilege', 'missing', 'busy', 'protocol'].includes(error.kind)) return error.message
    if (error.kind !== 'session-lost') throw error
    // It did not survive its own request: a BMC that deletes the session of whoever asks, or one that was restarted just now.
    const ability = await probe(context, pool)
    if (ability.fence === 'margin') return ability.why
    throw error
  }
}

/** Finds out what this BMC can do, for `verify`. Fails only where it cannot be reached at all. */
export async function fenceAbility(context: RedfishContext): Promise<Ability> {
  const { known } = context.site.resource(openMargins)
  const ability = await asFaults(context, (pool) => probe(context, pool))
  if (ability.fence === 'margin') known.add(loginOf(context.driverInfo))
  else known.delete(loginOf(context.driverInfo))
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
    return margin(error.message)
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
