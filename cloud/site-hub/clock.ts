// The hub's time. What is promised until some moment (leases, tenures, deadlines) is stored as wall time, which a person or NTP may set.
// 1. While a hub lives its monotonic clock counts: when the wall clock was set, every such moment moves with it, in memory and in the
// rows. 2. Across restarts the stored wall time is all there is: take-overs wait CLOCK_SLACK_MS longer than what was promised.
import type { Env } from '../../shared/env.ts'
import type { Turn } from './turn.ts'

/** By so much the wall clock of a hub that starts may be ahead of its predecessor's. */
export const CLOCK_SLACK_MS = 10_000

/** Less is left to the margins: clocks that are slewed are not set. */
const NOTICED_MS = 500

export class Clock {
  readonly #env: Env
  /** Wall time when the monotonic clock was 0, as the rows know it. */
  #start: number

  constructor(env: Env) {
    this.#env = env
    this.#start = env.now() - env.mono()
  }

  /** By how many ms the wall clock was set since the rows were right. */
  setBy(): number {
    const byMs = Math.round(this.#env.now() - this.#env.mono() - this.#start)
    return Math.abs(byMs) < NOTICED_MS ? 0 : byMs
  }

  /** The rows have moved by `byMs`. */
  follow(byMs: number): void {
    this.#start += byMs
  }
}

/** First in a turn: every moment that was promised moves by `byMs`. */
export function moveMoments(turn: Turn, byMs: number): void {
  const { state } = turn
  for (const conductor of state.conductors.values()) {
    const { row } = conductor
    if (conductor.leaseUntil > 0) conductor.leaseUntil += byMs
    if (row.horizon_ms !== null) row.horizon_ms += byMs
    if (row.held_ms !== null) row.held_ms += byMs
  }
  for (const task of [...state.tasks.values()].flat()) {
    task.deadline_ms += byMs
    if (task.tenure_ms !== null) task.tenure_ms += byMs
  }
  for (const [node, until] of state.promises) state.promises.set(node, until + byMs)
  const { id } = state.site
  for (const [table, columns, where] of MOMENTS) {
    const set = columns.map((column) => `${column} = ${column} + ?1`).join(', ')
    turn.writeToAll({ sql: `UPDATE ${table} SET ${set} WHERE site = ?2${where}`, args: [byMs, id] })
  }
}

const MOMENTS = [
  ['conductors', ['horizon_ms', 'held_ms'], ''],
  ['tasks', ['deadline_ms', 'tenure_ms'], " AND state = 'open'"],
  ['nodes', ['promised_ms'], ' AND promised_ms IS NOT NULL'],
] as const
