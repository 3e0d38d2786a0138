// What is looked at again and again: the power state of each granted node. 1. Reads only. 2. Nodes are spread over the interval by
// their id, so that a site's BMCs are not asked in one burst, before and after a restart alike. 3. Only changes go up (facts.ts).
import type { Env } from '../shared/env.ts'
import { crc32 } from '../shared/ids.ts'
import { toFault } from '../shared/faults.ts'
import type { Calls } from './calls.ts'
import type { Facts } from './facts.ts'
import type { Grants } from './grants.ts'
import type { Log } from './log.ts'
import { bounded } from './timing.ts'

const SLOTS = 60
const READ_TIMEOUT_MS = 60_000

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

export class PowerPoll {
  readonly #options: PowerPollOptions
  readonly #reading = new Set<string>()
  #slot = 0
  #stop = () => {}

  constructor(options: PowerPollOptions) {
    this.#options = options
    this.#arm()
  }

  close(): void {
    this.#stop()
  }

  #arm(): void {
    const { env, intervalMs } = this.#options
    this.#stop = env.setTimer(intervalMs / SLOTS, () => {
      this.#slot = (this.#slot + 1) % SLOTS
      for (const hold of this.#options.grants.all()) {
        if (slotOf(hold.grant.node) === this.#slot && hold.grant.powerSync) void this.#read(hold.grant.node)
      }
      this.#arm()
    })
  }

  async #read(node: string): Promise<void> {
    const { env, grants, calls, facts, log, isBusy } = this.#options
    const hold = grants.get(node)
    if (hold === undefined || isBusy(node) || this.#reading.has(node)) return
    this.#reading.add(node)
    try {
      const limit = { ms: READ_TIMEOUT_MS, what: 'power.get_power_state' }
      const state = await bounded(env, limit, hold.signal, (signal) =>
        calls.invoke(hold, 'power', 'get_power_state', {}, signal),
      )
      if (grants.get(node) !== hold || isBusy(node)) return
      facts.set(node, hold.grant.epoch, 'power_state', state)
      facts.set(node, hold.grant.epoch, 'power_fault', null)
    } catch (error) {
      if (grants.get(node) !== hold || isBusy(node)) return
      log.debug('power read failed', { node, error })
      facts.set(node, hold.grant.epoch, 'power_fault', toFault(error))
    } finally {
      this.#reading.delete(node)
    }
  }
}

export function slotOf(node: string): number {
  return crc32(new TextEncoder().encode(node)) % SLOTS
}
