// What drivers do at this moment, whether anybody still waits for it or not: one that is deaf to its signal goes on when its step or its call
// has long been answered. A node is not given back, and no goodbye is said, before it has come back, or has been waited for in vain.
import type { Env } from '../../shared/env.ts'
import { sleep } from '../timing.ts'

/**
 * So long a node waits for a driver that does not come back. Whatever passes the last-moment check was refused all the while, and a BMC has
 * closed a silent session by then (60 s, IPMI 2.0 §22.14); a conductor that is lost is waited for no longer than its lease and a margin.
 */
export const DEAF_AFTER_MS = 120_000

export class Acts {
  readonly #env: Env
  readonly #underWay = new Map<Promise<unknown>, { readonly node: string; readonly what: string }>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Remembers `act` until it has come back. `what`: its name, for people. */
  track<T>(node: string, what: string, act: Promise<T>): Promise<T> {
    this.#underWay.set(act, { node, what })
    const forget = () => void this.#underWay.delete(act)
    act.then(forget, forget)
    return act
  }

  /** Waits for what is under way, at `node` or anywhere, for `ms` at most. Answers the names of what has not come back by then. */
  async ended(ms: number, node?: string): Promise<string[]> {
    const mine = [...this.#underWay].filter(([, of]) => node === undefined || of.node === node)
    if (mine.length === 0) return []
    const late = new AbortController()
    const limit = sleep(this.#env, ms, late.signal).catch(() => {})
    await Promise.race([Promise.allSettled(mine.map(([act]) => act)), limit])
    late.abort(new Error('no longer needed'))
    return mine.flatMap(([act, { what }]) => (this.#underWay.has(act) ? [what] : []))
  }
}
