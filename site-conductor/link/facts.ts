// Facts about nodes (power_state, …) on their way to the hub, batched. 1. Of two values for one field the last wins.
// 2. What the hub has heard in this session, under this epoch of the node, is not said again. 3. Nothing is lost while the link is down, but what was
// found under a hold ends with it: by then somebody else may have changed it.
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { bytesInFrame, type FromConductor } from '../../shared/protocol.ts'
import type { Hold } from './grants.ts'
import { PAGE_BYTES, pages } from './pages.ts'

const BATCH_MS = 200
const FACTS_PER_FRAME = 400
/** Of a node's and a field's name beside the value. */
const NAMES_BYTES = 256

/** Field → its value as JSON, as the hub heard it last. */
type Said = Map<string, string>

export class Facts {
  readonly #env: Env
  readonly #send: (message: FromConductor) => void
  readonly #isConnected: () => boolean
  readonly #nodes = new Map<string, { epoch: number; said: Said }>()
  #waiting = new Map<string, { readonly hold: Hold; readonly fields: Record<string, unknown> }>()
  #timer: (() => void) | undefined

  constructor(env: Env, send: (message: FromConductor) => void, isConnected: () => boolean) {
    this.#env = env
    this.#send = send
    this.#isConnected = isConnected
  }

  /** The field's value now, as it was found under `hold`. Goes up when it differs from what was said last. Throws request.too_large for what no frame can carry. */
  set(hold: Hold, field: string, value: unknown): void {
    const { node, epoch } = hold.grant
    const bytes = bytesInFrame(value)
    if (bytes > PAGE_BYTES - NAMES_BYTES)
      throw new FaultError('request.too_large', `${field} has ${bytes} bytes, and a frame holds ${PAGE_BYTES}`)
    if (this.#said(node, epoch).get(field) === JSON.stringify(value)) {
      delete this.#waiting.get(node)?.fields[field]
      return
    }
    const earlier = this.#waiting.get(node)
    const fields = earlier?.hold === hold ? earlier.fields : {}
    fields[field] = value
    this.#waiting.set(node, { hold, fields })
    this.#timer ??= this.#env.setTimer(BATCH_MS, () => this.flush())
  }

  /** These fields have gone up in another way (with a task's event): what was said before is out of date. */
  saidElsewhere(node: string, epoch: number, fields: Readonly<Record<string, unknown>>): void {
    this.#record(this.#said(node, epoch), fields)
    const waiting = this.#waiting.get(node)?.fields
    for (const field of Object.keys(fields)) delete waiting?.[field]
  }

  /** What was said and what waits no longer counts: the next value of each field goes up. */
  forget(node: string): void {
    this.#nodes.delete(node)
    this.#waiting.delete(node)
  }

  flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (!this.#isConnected()) return
    const all = [...this.#waiting.values()]
      .filter(({ hold }) => !hold.signal.aborted)
      .flatMap(({ hold: { grant }, fields }) =>
        Object.entries(fields).map(([field, value]) => ({ node: grant.node, epoch: grant.epoch, field, value })),
      )
    this.#waiting = new Map()
    for (const page of pages(all, FACTS_PER_FRAME)) {
      const nodes: Record<string, Record<string, unknown>> = {}
      const epochs: Record<string, number> = {}
      for (const { node, epoch, field, value } of page) {
        epochs[node] = epoch
        ;(nodes[node] ??= {})[field] = value
      }
      this.#send({ type: 'facts', nodes, epochs })
      for (const { node, epoch, field, value } of page) this.#said(node, epoch).set(field, JSON.stringify(value))
    }
  }

  /** A new session: what was on its way when the old one broke may not have arrived. */
  reconnected(): void {
    for (const { said } of this.#nodes.values()) said.clear()
    this.flush()
  }

  /** Between two epochs another owner may have spoken of the node. */
  #said(node: string, epoch: number): Said {
    let known = this.#nodes.get(node)
    if (known?.epoch !== epoch) {
      known = { epoch, said: new Map() }
      this.#nodes.set(node, known)
    }
    return known.said
  }

  #record(said: Said, fields: Readonly<Record<string, unknown>>): void {
    for (const [field, value] of Object.entries(fields)) said.set(field, JSON.stringify(value))
  }
}
