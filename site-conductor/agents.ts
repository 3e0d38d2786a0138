// The agents that are expected to call: one per booting node, each for one boot. A MAC is not an identity:
// 1. Whoever is not expected learns nothing. 2. The token of a boot is shown once. 3. An agent is believed only with that token.
import { timingSafeEqual } from 'node:crypto'

/** What a heartbeat told. */
export interface AgentCall {
  readonly url: string
  readonly version: string
  /** PEM of the agent's own certificate. */
  readonly certificate?: string
}

export interface Expected {
  readonly node: string
  readonly macs: readonly string[]
  readonly token: string
  /** Part of the lookup's answer: properties and instance_info without secrets. */
  readonly facts: { properties: Record<string, unknown>; instanceInfo: Record<string, unknown> }
  /** True when the token was given out before. */
  readonly shown: boolean
  /** Resolves when it is on record that the token was shown; only then it is. */
  readonly onShown: () => Promise<void>
  readonly onCall: (call: AgentCall) => void
}

type Entry = { expected: Expected; shown: boolean; call?: AgentCall }
export type Heard = 'unknown' | 'wrong token' | 'changed' | 'heard'

export class Agents {
  readonly #byNode = new Map<string, Entry>()

  expect(expected: Expected): void {
    this.#byNode.set(expected.node, { expected, shown: expected.shown })
  }

  forget(node: string): void {
    this.#byNode.delete(node)
  }

  /** The node that `macs` or `node` belong to, when it is booting; MACs of two nodes belong to none. */
  find(query: { addresses: readonly string[]; node_uuid?: string | undefined }): Expected | undefined {
    const entries = [...this.#byNode.values()]
    if (query.node_uuid !== undefined) return this.#byNode.get(query.node_uuid)?.expected
    const matches = entries.filter(({ expected }) => expected.macs.some((mac) => query.addresses.includes(mac)))
    return matches.length === 1 ? matches[0]!.expected : undefined
  }

  /** The token, the first time; undefined afterwards. */
  async showToken(node: string): Promise<string | undefined> {
    const entry = this.#byNode.get(node)
    if (entry === undefined || entry.shown) return undefined
    entry.shown = true
    await entry.expected.onShown()
    return entry.expected.token
  }

  /** A heartbeat. The address and certificate of an agent do not change during a boot. */
  heard(node: string, token: string, call: AgentCall): Heard {
    const entry = this.#byNode.get(node)
    if (entry === undefined) return 'unknown'
    if (!same(token, entry.expected.token)) return 'wrong token'
    const before = entry.call
    if (before !== undefined && (before.url !== call.url || before.certificate !== call.certificate)) return 'changed'
    entry.call = call
    entry.expected.onCall(call)
    return 'heard'
  }
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
