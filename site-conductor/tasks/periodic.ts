// What is looked at again and again: the power state of each granted node. 1. Reads only. 2. Nodes are spread over the interval by
// their id, so that a site's BMCs are not asked in one burst, before and after a restart alike. 3. Only changes go up (facts.ts).
// 4. A BMC that does not answer is news after more than MAX_RETRIES reads in a row, and then said until it has been heard; what follows from it
// the cloud decides. 5. What was counted ends with the hold: another may have had the node since.
import type { Env } from '../../shared/env.ts'
import { crc32 } from '../../shared/ids.ts'
import { type Fault, toFault } from '../../shared/faults.ts'
import type { Calls } from './calls.ts'
import type { Facts } from '../link/facts.ts'
import type { Grants, Hold } from '../link/grants.ts'
import type { Log } from '../log.ts'
import { bounded } from '../timing.ts'

const SLOTS = 60
const READ_TIMEOUT_MS = 60_000
/** Ironic's power_state_sync_max_retries. */
export const MAX_RETRIES = 3
/** Ironic's power_failure_recovery_interval: how often a node that was given up is looked at. */
export const RECOVERY_MS = 300_000

export interface PowerPollOptions {
  readonly env: Env
  readonly log: Log
  readonly grants: Grants
  readonly calls: Calls
  readonly facts: Facts
  readonly intervalMs: number
  /** A task works on the node: its steps report power themselves. */
  readonly isBusy: (node: string) => boolean
}

/** Of a BMC that does not answer. */
interface Silence {
  /** Reads that failed in a row. */
  failures: number
  /** What is said of it: the text of the next failure may differ, and says nothing new. */
  fault?: Fault
  /** The cloud has given the node up for it. */
  isGivenUp: boolean
}

export class PowerPoll {
  readonly #options: PowerPollOptions
  readonly #reading = new Set<string>()
  readonly #silences = new WeakMap<Hold, Silence>()
  /** When a node that was given up was read last, on the monotonic clock. */
  readonly #tried = new WeakMap<Hold, number>()
  /** Slot of a node: computed once for as long as it is held. */
  readonly #slots = new WeakMap<Hold, number>()
  #slot = 0
  #stop = () => {}

  constructor(options: PowerPollOptions) {
    this.#options = options
    this.#arm()
  }

  close(): void {
    this.#stop()
  }

  /** A task of the node has ended: whatever was counted before it says nothing any more, and the next reading is news. */
  taskEnded(node: string): void {
    const hold = this.#options.grants.get(node)
    if (hold !== undefined) this.#forget(hold)
    this.#options.facts.forget(node)
  }

  #arm(): void {
    const { env, intervalMs } = this.#options
    this.#stop = env.setTimer(intervalMs / SLOTS, () => {
      this.#slot = (this.#slot + 1) % SLOTS
      for (const hold of this.#options.grants.all()) {
        if (hold.grant.powerSync && this.#slotOf(hold) === this.#slot && this.#isDue(hold)) void this.#read(hold)
      }
      this.#arm()
    })
  }

  #slotOf(hold: Hold): number {
    let slot = this.#slots.get(hold)
    if (slot === undefined) {
      slot = slotOf(hold.grant.node)
      this.#slots.set(hold, slot)
    }
    return slot
  }

  /** A node that was given up is due less often than others. */
  #isDue(hold: Hold): boolean {
    const tried = this.#tried.get(hold)
    return !hold.grant.powerFault || tried === undefined || this.#options.env.mono() - tried >= RECOVERY_MS
  }

  async #read(hold: Hold): Promise<void> {
    const { env, grants, calls, facts, log, isBusy } = this.#options
    const { node } = hold.grant
    if (isBusy(node) || this.#reading.has(node)) return
    this.#reading.add(node)
    if (hold.grant.powerFault) this.#tried.set(hold, env.mono())
    // Somebody has ended its maintenance: it is as good as any other again.
    else if (this.#silences.get(hold)?.isGivenUp) this.taskEnded(node)
    const isStillOurs = () => grants.get(node) === hold && !isBusy(node)
    try {
      const limit = { ms: READ_TIMEOUT_MS, what: 'power.get_power_state' }
      const state = await bounded(env, limit, hold.signal, (signal) =>
        calls.invoke(hold, 'power', 'get_power_state', {}, signal),
      )
      if (!isStillOurs()) return
      this.#silences.delete(hold)
      // That the BMC answers is what the cloud waits for, whatever was said before.
      if (hold.grant.powerFault) facts.forget(node)
      else this.#tried.delete(hold)
      facts.set(hold, 'power_state', state)
      facts.set(hold, 'power_fault', null)
    } catch (error) {
      if (!isStillOurs()) return this.#forget(hold)
      const silence = this.#silences.get(hold) ?? { failures: 0, isGivenUp: false }
      this.#silences.set(hold, silence)
      silence.failures++
      silence.isGivenUp = hold.grant.powerFault === true
      const { failures } = silence
      log.debug('power read failed', { node, failures, error })
      if (failures === MAX_RETRIES + 1) {
        silence.fault = toFault(error)
        log.warn('a BMC does not answer', { node, failures, code: silence.fault.code, error })
      }
      if (silence.fault !== undefined) facts.set(hold, 'power_fault', silence.fault)
    } finally {
      this.#reading.delete(node)
    }
  }

  #forget(hold: Hold): void {
    this.#silences.delete(hold)
    this.#tried.delete(hold)
  }
}

export function slotOf(node: string): number {
  return crc32(new TextEncoder().encode(node)) % SLOTS
}
