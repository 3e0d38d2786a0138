// What a machine's BMC must have been told, and what its power must have done, when an action was finished in spite of a blow. Each judge throws
// with what it saw.
import type { SimMachine } from '../machine.ts'

/** Something that changes a machine, as its BMC logged it. */
export interface Act {
  readonly session: string | number
  readonly what: string
  /** What the power was told, in either protocol's word: `on`, `ForceOff`. */
  readonly power?: string
  /** In an administrator's session. */
  readonly isAllowed: boolean
}

export type Changes = readonly ('power on' | 'power off')[]

const IPMI_MUTATIONS: ReadonlySet<string> = new Set(['Chassis Control', 'Set System Boot Options'])
const REDFISH_MUTATIONS: ReadonlySet<string> = new Set(['ComputerSystem.Reset', 'PATCH ComputerSystem'])
/** A cycle or a reset is nothing that a step may ask for. */
const ON_AND_OFF: readonly string[] = ['on', 'off', 'On', 'ForceOff']

/** What both of the machine's BMCs were told since this was called. What Redfish refused did nothing: it is what a closed session is for. */
export function actsSince({ bmc, redfish }: Pick<SimMachine, 'bmc' | 'redfish'>): () => Act[] {
  const from = bmc.log.entries.length
  const redfishFrom = redfish?.log.entries.length ?? 0
  return () => [
    ...bmc.log.entries
      .slice(from)
      .filter(({ command }) => IPMI_MUTATIONS.has(command))
      .map(({ session, command, detail, privilege }) => ({
        session,
        what: `${command} ${detail}`,
        isAllowed: privilege === 4,
        ...(command === 'Chassis Control' && { power: detail }),
      })),
    ...(redfish?.log.entries.slice(redfishFrom) ?? [])
      .filter(({ what, status }) => REDFISH_MUTATIONS.has(what) && status < 300)
      .map(({ session, what, detail }) => ({
        session,
        what: `${what} ${detail}`,
        isAllowed: session !== 'basic',
        ...(what === 'ComputerSystem.Reset' && { power: detail }),
      })),
  ]
}

/** The changes of power since this was called. */
export function powerSince({ transitions }: Pick<SimMachine, 'transitions'>): () => Changes {
  const from = transitions.length
  return () =>
    transitions
      .slice(from)
      .map(({ kind }) => kind)
      .filter((kind) => kind === 'power on' || kind === 'power off')
}

/** The same changes as ever; for each boot that had to be done again, and says so on the timeline, one more off and on. */
export function judgePower(what: string, wanted: Changes, seen: Changes, again: number): void {
  const extra = seen.length - wanted.length
  const alternates = seen.every((kind, i) => kind !== seen[i - 1])
  if (alternates && seen.at(-1) === wanted.at(-1) && extra % 2 === 0 && extra >= 0 && extra <= 2 * again) return
  throw new Error(`${what}: the power went ${seen.join(', ')} instead of ${wanted.join(', ')}; ${again} boots again`)
}

/** Nothing but on and off, and what else is `asked` for; each in an administrator's session, and none in a session after a later one acted. */
export function judgeActs(what: string, acts: readonly Act[], asked: readonly string[] = []): void {
  const odd = acts.filter(
    ({ isAllowed, power }) =>
      !isAllowed || (power !== undefined && !ON_AND_OFF.includes(power) && !asked.includes(power)),
  )
  if (odd.length > 0) throw new Error(`${what}: the BMC was told ${JSON.stringify(odd)}`)
  const sessions = acts.map(({ session }) => session).filter((session, i, all) => session !== all[i - 1])
  if (new Set(sessions).size !== sessions.length) throw new Error(`${what}: a session acted after a later one had`)
}
