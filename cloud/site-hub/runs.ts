// Runs of one conductor: which process of an identity may drive (ADR 10, ADR 13). 1. A newer run is granted nothing while the one before
// may be alive and act. 2. What must outlive the hub (replaced runs, used upgrades, the wait) is in the conductor's row, and bounded.
import { MAX_CLOCK_SKEW_MS } from '../../shared/upgrade.ts'
import { MARGIN_MS } from './lease.ts'
import { sendGrants } from './ownership.ts'
import { isHeld, type ConductorState } from './state.ts'
import { endTenures } from './tenure.ts'
import type { Turn } from './turn.ts'

const MAX_REPLACED = 8
const MAX_UPGRADES = 256
/** Stands for all runs in the entry that says up to when the upgrades are forgotten. */
const ANY = ''

/**
 * The same signed request again. A process never signs twice in one millisecond. What is forgotten (for its age by this hub's clock, which
 * may be set back again, or for its number) is not believed either: honest ones are signed later.
 */
export function isReplay(turn: Turn, { row }: ConductorState, run: string, signedAt: number): boolean {
  const known = row.upgrades as [string, number][]
  if (known.some(([other, at]) => (other === ANY ? signedAt <= at : other === run && at === signedAt))) return true
  const all = [...known.filter(([other]) => other !== ANY), [run, signedAt] as [string, number]]
  const newest = all.sort(([, a], [, b]) => a - b).slice(1 - MAX_UPGRADES)
  const kept = newest.filter(([, at]) => at >= turn.now - 2 * MAX_CLOCK_SKEW_MS)
  const forgotten = Math.max(...[...known, ...all].filter((each) => !kept.includes(each)).map(([, at]) => at), 0)
  turn.updateConductor(row, { upgrades: forgotten > 0 ? [[ANY, forgotten], ...kept] : kept })
  return false
}

export function wasReplaced({ row }: ConductorState, run: string): boolean {
  return (row.replaced as string[]).includes(run)
}

/** `run` takes the place of the one before, which may still be alive. */
export function replaceRun(turn: Turn, conductor: ConductorState, lock: string | null): void {
  const { row } = conductor
  const isDead = isKnownDead(conductor, lock)
  if (row.incarnation !== null)
    turn.updateConductor(row, { replaced: [...(row.replaced as string[]), row.incarnation].slice(-MAX_REPLACED) })
  if (!isDead) wait(turn, conductor)
  // Nobody is left who could use a tenure (ownership.md rule 10).
  else if (!isHeld(turn, conductor)) endTenures(turn, row.id)
}

/**
 * Is the run before known to act no more: by its goodbye, by the end of its lease, or since the new one holds the lock that it held? Of
 * conductors that name no lock the closed socket is believed.
 */
function isKnownDead({ row, peer, leaseUntil, stopped }: ConductorState, lock: string | null): boolean {
  if (leaseUntil === 0 || stopped) return true
  return lock === null && row.lock === null ? peer === null : lock === row.lock
}

/** Nothing is granted to it until whoever has had its lease so far must have noticed that it is over. */
export function wait(turn: Turn, { row, leaseUntil }: ConductorState): void {
  const until = Math.max(row.held_ms ?? 0, leaseUntil + MARGIN_MS)
  if (until > turn.now) turn.updateConductor(row, { held_ms: until })
}

/** Ends the waits that are over. An earlier run that lives would have been heard of by now: nobody uses its tenures. */
export async function endWaits(turn: Turn): Promise<boolean> {
  let ended = false
  for (const conductor of turn.state.conductors.values()) {
    const { row } = conductor
    if (row.held_ms === null || isHeld(turn, conductor)) continue
    turn.updateConductor(row, { held_ms: null })
    ended = true
    if (conductor.leaseUntil === 0) continue
    endTenures(turn, row.id)
    await sendGrants(turn, conductor, null)
  }
  return ended
}
