// The fence at a BMC (ownership.md, rule 6), whatever its protocol: a session of the step's own, and the predecessor's closed by its id.
// 1. A BMC that cannot do it, or has no session left, fails no step: lease and margin are the fence then, and the timeline says so.
// 2. A session's name carries its BMC: an id that another BMC gave out closes nothing here.
// 3. Only what the BMC has shown is remembered. What it answers while it is busy or confused is about that step: the next one tries again.
import { crc32 } from '../../shared/ids.ts'
import type { FaultCode } from '../../shared/faults.ts'
import type { Context, Fence, StepContext } from '../driver.ts'

/** What keeps a predecessor from acting: its session is closed, or the lease and its margin alone. `unknown`: the BMC could not be tried now. */
export type Ability = { readonly fence: 'session' } | WithoutSession

export interface WithoutSession {
  readonly fence: 'margin' | 'unknown'
  readonly why: string
}

interface Own {
  close(): Promise<void>
}

/** A step's own session, by whose name a successor can close it. Without one, lease and margin alone keep conductors apart. */
export class BmcFence<O extends Own> implements Fence {
  readonly own: O | undefined
  readonly session: string | undefined
  readonly facts: Fence['facts']

  constructor({ own, session, facts }: { own?: O } & Partial<Pick<Fence, 'session' | 'facts'>>) {
    this.own = own
    this.session = session
    this.facts = facts
  }

  async close(): Promise<void> {
    await this.own?.close()
  }
}

/** What a protocol knows of sessions. */
export interface Sessions<Info, Pool, O extends Own> {
  /** The BMC as people call it. */
  bmcOf(info: Info): string
  /** Tells it from any other, and who logs in there. */
  placeOf(info: Info): string
  loginOf(info: Info): string
  /** Of a session; `idPattern` is what it looks like in a name. */
  idOf(own: O): string
  readonly idPattern: RegExp
  /** Why this login cannot close another's session, where that is known without asking. */
  cannot(info: Info): string | undefined
  asFaults<Value>(context: Context<Info>, use: (pool: Pool) => Promise<Value>, lost?: FaultCode): Promise<Value>
  open(context: Context<Info>, pool: Pool): Promise<O>
  /** Without whom a step may go on when its own session cannot be opened; undefined: it may not. */
  withoutOwn(error: unknown): WithoutSession | undefined
  /** Closes another's session by its id, and looks whether it is gone. `absent`: there was none. */
  closeOther(own: O, id: string, context: Context<Info>): Promise<'absent' | 'gone' | 'stays'>
  /** What a failure to do so is about: the BMC's moment, the step's own session, or a refusal; undefined: it fails the step. */
  refusal(error: unknown): 'busy' | 'lost' | 'refused' | undefined
  /** Tries it on two sessions. */
  probe(context: Context<Info>, pool: Pool): Promise<Ability>
}

export interface BmcFencing<Info> {
  openFence(context: StepContext<Info>, predecessor: string | undefined): Promise<Fence>
  /** Finds out what this BMC can do, for `verify`. Fails only where it cannot be reached at all. */
  fenceAbility(context: Context<Info>): Promise<Ability>
}

/** As `verify` writes it: only what the BMC has shown. */
export function factsOf(ability: Ability | undefined): Fence['facts'] {
  if (ability === undefined || ability.fence === 'unknown') return undefined
  return { driver_internal_info: { fence: ability.fence } }
}

export function bmcFencing<Info, Pool, O extends Own>(sessions: Sessions<Info, Pool, O>): BmcFencing<Info> {
  const { asFaults } = sessions
  /** BMCs that were tried and cannot, as they are logged in to, and why: as long as this process runs, or until `verify` finds otherwise. */
  const openMargins = () => ({ known: new Map<string, string>(), close: async () => {} })
  const placeOf = (info: Info) =>
    crc32(Buffer.from(sessions.placeOf(info)))
      .toString(16)
      .padStart(8, '0')
  const loginOf = (info: Info) => `${placeOf(info)} ${sessions.loginOf(info)}`

  /** This step goes by lease and margin, and says so. */
  function byMargin({ driverInfo, log, note }: StepContext<Info>, ability: WithoutSession): Fence {
    const { why } = ability
    log.warn('no fence at the BMC: lease and margin only', { bmc: sessions.bmcOf(driverInfo), why })
    note('fence.margin', { why })
    return new BmcFence({ facts: factsOf(ability) })
  }

  /** Closes the predecessor's session. Answers what the BMC has shown; undefined where there was nobody to shut out. */
  async function shutOut(
    context: StepContext<Info>,
    pool: Pool,
    own: O,
    predecessor: string | undefined,
  ): Promise<Ability | undefined> {
    if (predecessor === undefined) return undefined
    const { driverInfo, log, note } = context
    const [, id, place] = /^(.*)@([0-9a-f]{8})$/.exec(predecessor) ?? []
    if (id === undefined || !sessions.idPattern.test(id) || place !== placeOf(driverInfo)) {
      log.warn("the predecessor's session was another BMC's", { predecessor })
      note('fence.unknown_predecessor', { predecessor })
      return undefined
    }
    // Ids come round again: what had this one before us is gone.
    if (id === sessions.idOf(own)) return undefined
    let why = 'the BMC says that it has closed a session, and still has it'
    let lost: unknown
    try {
      const end = await sessions.closeOther(own, id, context)
      if (end === 'absent') return undefined
      if (end === 'gone') {
        note('fence.closed', { session: predecessor })
        return { fence: 'session' }
      }
    } catch (error) {
      const about = sessions.refusal(error)
      if (about === undefined) throw error
      why = (error as Error).message
      // It was waited for long enough, and would not be tried any sooner.
      if (about === 'busy') return { fence: 'unknown', why }
      if (about === 'lost') lost = error
    }
    // A refusal may be about this one session, or this one moment.
    const ability = await sessions.probe(context, pool)
    if (ability.fence === 'margin') return ability
    // It did not survive its own command, at a BMC that was restarted just now.
    if (lost !== undefined) throw lost
    return { fence: 'unknown', why }
  }

  return {
    async openFence(context, predecessor) {
      const { driverInfo, site } = context
      const { known } = site.resource(openMargins)
      const cannot = sessions.cannot(driverInfo) ?? known.get(loginOf(driverInfo))
      if (cannot !== undefined) return byMargin(context, { fence: 'margin', why: cannot })
      const open = async (pool: Pool) => {
        let own: O
        try {
          own = await sessions.open(context, pool)
        } catch (error) {
          const ability = sessions.withoutOwn(error)
          if (ability === undefined) throw error
          return byMargin(context, ability)
        }
        try {
          const ability = await shutOut(context, pool, own, predecessor)
          if (ability?.fence === 'margin') known.set(loginOf(driverInfo), ability.why)
          if (ability === undefined || ability.fence === 'session') {
            const session = `${sessions.idOf(own)}@${placeOf(driverInfo)}`
            return new BmcFence({ own, session, facts: factsOf(ability) })
          }
          await own.close()
          return byMargin(context, ability)
        } catch (error) {
          await own.close()
          throw error
        }
      }
      return await asFaults<Fence>(context, open, 'bmc.session_lost')
    },
    async fenceAbility(context) {
      const { known } = context.site.resource(openMargins)
      const ability = await asFaults(context, (pool) => sessions.probe(context, pool))
      if (ability.fence === 'margin') known.set(loginOf(context.driverInfo), ability.why)
      else if (ability.fence === 'session') known.delete(loginOf(context.driverInfo))
      return ability
    },
  }
}
