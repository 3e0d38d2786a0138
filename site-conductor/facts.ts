// Facts about nodes (power_state, …) on their way to the hub, batched. 1. Of two values for one field the last wins.
// 2. What the hub has heard in this session is not said again. 3. Nothing is lost while the link is down.
import type { Env } from '../shared/env.ts'
import type { FromConductor } from '../shared/protocol.ts'

const BATCH_MS = 200
const NODES_PER_FRAME = 200

export class Facts {
  readonly #env: Env
  readonly #send: (message: FromConductor) => void
  readonly #isConnected: () => boolean
  readonly #said = new Map<string, string>()
  readonly #epochs = new Map<string, number>()
  #waiting = new Map<string, Record<string, unknown>>()
  #timer: (() => void) | undefined

  constructor(env: Env, send: (message: FromConductor) => void, isConnected: () => boolean) {
    this.#env = env
    this.#send = send
    this.#isConnected = isConnected
  }

  /** The field's value now. Goes up when it differs from what was said last under this epoch of the node. */
  set(node: string, epoch: number, field: string, value: unknown): void {
    // Another owner may have spoken between two epochs.
    if (this.#epochs.get(node) !== epoch) this.#forget(node)
    this.#epochs.set(node, epoch)
    const key = `${node} ${field}`
    const text = JSON.stringify(value)
    if (this.#said.get(key) === text) {
      delete this.#waiting.get(node)?.[field]
      return
    }
    const fields = this.#waiting.get(node) ?? {}
    fields[field] = value
    this.#waiting.set(node, fields)
    this.#timer ??= this.#env.setTimer(BATCH_MS, () => this.flush())
  }

  /** These fields have gone up in another way (with a task's event): what was said before is out of date. */
  saidElsewhere(node: string, fields: Readonly<Record<string, unknown>>): void {
    for (const [field, value] of Object.entries(fields)) this.#said.set(`${node} ${field}`, JSON.stringify(value))
  }

  #forget(node: string): void {
    for (const key of this.#said.keys()) if (key.startsWith(`${node} `)) this.#said.delete(key)
  }

  flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (!this.#isConnected()) return
    const all = [...this.#waiting].filter(([, fields]) => Object.keys(fields).length > 0)
    this.#waiting = new Map()
    for (let i = 0; i < all.length; i += NODES_PER_FRAME) {
      const nodes = Object.fromEntries(all.slice(i, i + NODES_PER_FRAME))
      this.#send({ type: 'facts', nodes })
      for (const [node, fields] of Object.entries(nodes)) {
        for (const [field, value] of Object.entries(fields)) this.#said.set(`${node} ${field}`, JSON.stringify(value))
      }
    }
  }

  /** A new session: what was on its way when the old one broke may not have arrived. */
  reconnected(): void {
    this.#said.clear()
    this.flush()
  }
}
