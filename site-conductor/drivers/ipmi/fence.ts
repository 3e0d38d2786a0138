// The fence at a BMC (ownership.md, rule 6): an Administrator session of the step's own, and the predecessor's closed by its id (IPMI 2.0 §22.19).
// 1. A BMC that cannot do it, or has no session left, fails no step: lease and margin are the fence then, and the timeline says so.
// 2. A session's name carries its BMC: an id that another BMC gave out closes nothing here.
import { crc32 } from '../../../shared/ids.ts'
import type { Fence, StepContext } from '../../driver.ts'
import { getChassisStatus } from '../../ipmi/commands/chassis-status.ts'
import { closeSessionById } from '../../ipmi/commands/close-session.ts'
import { IpmiError } from '../../ipmi/errors.ts'
import type { OwnSession, Pool } from '../../ipmi/pool.ts'
import { asFaults, BmcFence, type IpmiContext } from './bmc.ts'
import { bmcOf, type IpmiInfo } from './info.ts'

/** What keeps a predecessor from acting: its session is closed, or the lease and its margin alone. `unknown`: the BMC could not be tried now. */
export type Ability = { readonly fence: 'session' } | { readonly fence: 'margin' | 'unknown'; readonly why: string }

type WithoutSession = Exclude<Ability, { fence: 'session' }>

/** A closed session answers nothing: asked so often, waited for so long. Not longer, for `verify` waits for it each time. */
const ASKED = 2
const ANSWER_MS = 500

/**
 * BMCs, as they are logged in to, that were tried and cannot close another's session, and why. For as long as this process runs, or until `verify`
 * finds otherwise. What a BMC answers while it is busy or confused is nothing to remember: the next step tries again.
 */
const openMargins = () => ({ known: new Map<string, string>(), close: async () => {} })

/** Completion codes by which a BMC says that it does not know the command, or not for this user. (C3h, CEh, D5h and FFh are about this moment.) */
const CANNOT = [0xc1, 0xc2, 0xc7, 0xc9, 0xcc, 0xcd, 0xd4, 0xd6]
const NOT_ADMINISTRATOR = 'closing sessions needs ipmi_priv_level ADMINISTRATOR'

function placeOf({ ipmi_address: host, ipmi_port: port }: IpmiInfo): string {
  return crc32(Buffer.from(`${host.toLowerCase()} ${port}`))
    .toString(16)
    .padStart(8, '0')
}

function loginOf(info: IpmiInfo): string {
  return `${placeOf(info)} ${info.ipmi_username} ${info.ipmi_priv_level}`
}

export async function openFence(context: StepContext<IpmiInfo>, predecessor: string | undefined): Promise<Fence> {
  const { driverInfo, site } = context
  const { known } = site.resource(openMargins)
  const cannot = driverInfo.ipmi_priv_level === 'ADMINISTRATOR' ? known.get(loginOf(driverInfo)) : NOT_ADMINISTRATOR
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
          return new BmcFence({
            own,
            session: `0x${hex(own.session.id)}@${placeOf(driverInfo)}`,
            facts: factsOf(ability),
          })
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

function openOwn({ driverInfo, signal, before }: IpmiContext, pool: Pool): Promise<OwnSession> {
  return pool.own(bmcOf(driverInfo), { privilege: 'administrator', signal, before })
}

/** Why an Administrator session could not be opened, where the step may go on without; else throws what it was. */
function whyNot(error: unknown): WithoutSession {
  if (error instanceof IpmiError && (error.kind === 'busy' || error.kind === 'privilege')) return without(error)
  throw error
}

/** Does the BMC say that it cannot do this, or only that it cannot now? */
function without({ kind, completionCode, message: why }: IpmiError): WithoutSession {
  const cannot = kind === 'privilege' || (completionCode !== undefined && CANNOT.includes(completionCode))
  return { fence: cannot ? 'margin' : 'unknown', why }
}

/** This step goes by lease and margin, and says so. */
function byMargin({ driverInfo, log, note }: StepContext<IpmiInfo>, ability: WithoutSession): Fence {
  const { why } = ability
  log.warn('no fence at the BMC: lease and margin only', { bmc: driverInfo.ipmi_address, why })
  note('fence.margin', { why })
  return new BmcFence({ facts: factsOf(ability) })
}

/** As `verify` writes it: only what the BMC has shown. */
export function factsOf(ability: Ability | undefined): Fence['facts'] {
  if (ability === undefined || ability.fence === 'unknown') return undefined
  return { driver_internal_info: { fence: ability.fence } }
}

/** Closes the predecessor's session. Answers what the BMC has shown; undefined where there was nobody to shut out. */
async function shutOut(
  context: StepContext<IpmiInfo>,
  pool: Pool,
  own: OwnSession,
  predecessor: string | undefined,
): Promise<Ability | undefined> {
  const { driverInfo, signal, before, log, note } = context
  const [, id, place] = /^0x([0-9a-f]{8})@([0-9a-f]{8})$/.exec(predecessor ?? '') ?? []
  if (id === undefined || place !== placeOf(driverInfo)) {
    if (predecessor === undefined) return undefined
    log.warn("the predecessor's session was another BMC's", { predecessor })
    note('fence.unknown_predecessor', { predecessor })
    return undefined
  }
  const old = Number.parseInt(id, 16)
  // Ids come round again: what had this one before us is gone.
  if (old === own.session.id) return undefined
  let why: string
  let lost: IpmiError | undefined
  try {
    const close = () => own.mutate((session) => closeSessionById(session, old, { signal, before }), signal)
    if (!(await close())) return undefined
    // It must be gone now. (pyghmi's server says yes to every id, and closes nothing.)
    if (!(await close())) {
      note('fence.closed', { session: predecessor })
      return { fence: 'session' }
    }
    why = 'the BMC says that it has closed a session, and so it says again'
  } catch (error) {
    if (!(error instanceof IpmiError)) throw error
    // It was waited for long enough, and would not be tried any sooner.
    if (error.kind === 'busy') return { fence: 'unknown', why: error.message }
    if (!['completion', 'privilege', 'protocol', 'session-lost'].includes(error.kind)) throw error
    lost = error.kind === 'session-lost' ? error : undefined
    why = error.message
  }
  // A refusal may be about this one session, or this one moment.
  const ability = await probe(context, pool)
  if (ability.fence === 'margin') return ability
  // It did not survive its own command, at a BMC that was restarted just now.
  if (lost !== undefined) throw lost
  return { fence: 'unknown', why }
}

/** Finds out what this BMC can do, for `verify`. Fails only where it cannot be reached at all. */
export async function fenceAbility(context: IpmiContext): Promise<Ability> {
  const { known } = context.site.resource(openMargins)
  const ability = await asFaults(context, (pool) => probe(context, pool))
  if (ability.fence === 'margin') known.set(loginOf(context.driverInfo), ability.why)
  else if (ability.fence === 'session') known.delete(loginOf(context.driverInfo))
  return ability
}

/** Opens two sessions, closes one by its id from the other, and looks which of them lives. */
async function probe(context: IpmiContext, pool: Pool): Promise<Ability> {
  const margin = (why: string): Ability => ({ fence: 'margin', why })
  if (context.driverInfo.ipmi_priv_level !== 'ADMINISTRATOR') return margin(NOT_ADMINISTRATOR)
  const { signal, before } = context
  const open: OwnSession[] = []
  /** Told to end, and not seen to have ended. */
  let told: OwnSession | undefined
  try {
    for (let i = 0; i < 2; i++) open.push(await openOwn(context, pool))
    const [closing, toClose] = open as [OwnSession, OwnSession]
    told = toClose
    const { id } = toClose.session
    if (!(await closing.mutate((session) => closeSessionById(session, id, { signal, before }), signal)))
      return margin('the BMC denies a session that is open')
    if (await answers(context, toClose)) {
      // Without waiting: it may be the one that was closed instead.
      closing.session.abandon()
      return margin('the BMC says that it has closed a session, which goes on answering')
    }
    told = undefined
    toClose.session.abandon()
    await getChassisStatus(closing.session, { signal })
    return { fence: 'session' }
  } catch (error) {
    if (!(error instanceof IpmiError) || error.kind === 'aborted' || error.kind === 'timeout') throw error
    if (error.kind === 'session-lost' && told !== undefined && (await answers(context, told)))
      return margin('the BMC closes the session of whoever asks')
    return without(error)
  } finally {
    await Promise.all(open.map((own) => own.close()))
  }
}

async function answers({ env, signal }: IpmiContext, { session }: OwnSession): Promise<boolean> {
  for (let i = 0; i < ASKED; i++) {
    const over = new AbortController()
    const stop = env.setTimer(ANSWER_MS, () => over.abort())
    try {
      await getChassisStatus(session, { signal: AbortSignal.any([signal, over.signal]) })
      return true
    } catch (error) {
      if (!(error instanceof IpmiError) || (error.kind !== 'aborted' && error.kind !== 'session-lost')) throw error
      signal.throwIfAborted()
    } finally {
      stop()
    }
  }
  return false
}

function hex(id: number): string {
  return id.toString(16).padStart(8, '0')
}
