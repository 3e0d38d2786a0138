// Documents among facts (what an inspection found) go to the blob store, which may be slow or away: before the turn that names them, so that
// nobody's lease waits for it, and within a limit. 1. Frames of one socket keep their order; only a renewal, which concerns nothing else, goes
// ahead. 2. Each has a key of its own: nothing that a row names is ever overwritten. 3. What no row came to name is deleted again.
import { uuidv7 } from '../../shared/ids.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import type { Env } from '../../shared/env.ts'
import type { Blobs, Peer, SiteRef } from '../ports.ts'
import type { Attachment } from './state.ts'

/** How long the blob store may take; the conductor says it again after that. */
const PUT_MS = 10_000
const NAMES = { inventory: 'inventory', plugin_data: 'plugin-data' } as const

/** Stands for a document in facts. No frame can make one. */
export class StoredDocument {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
  /** A row names it. */
  isNamed = false
  constructor(key: string, value: Readonly<Record<string, unknown>>) {
    this.key = key
    this.value = value
  }
}

interface Deps {
  readonly site: SiteRef
  readonly env: Env
  readonly blobs: Pick<Blobs, 'put' | 'delete'>
}

export class Documents {
  readonly #deps: Deps
  /** Of sockets on which a document is on its way: the last frame that has to be in order. */
  readonly #ahead = new WeakMap<Peer, Promise<StoredDocument[]>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Resolves when it is the message's turn and its documents are stored, with these; undefined: there is nothing to wait for. */
  stored(peer: Peer, message: FromConductor): Promise<StoredDocument[]> | undefined {
    const ahead = this.#ahead.get(peer)
    const all = [...factsIn(message)].filter((facts) => isDocument(facts['inventory']))
    if (message.type === 'renew' || (!ahead && all.length === 0)) return undefined
    const before = ahead?.catch(() => []) ?? Promise.resolve([])
    const stored = before.then(() => (hasSession(peer) ? this.#putAll(all) : []))
    this.#ahead.set(peer, stored)
    const end = () => this.#ahead.get(peer) === stored && this.#ahead.delete(peer)
    void stored.then(end, end)
    return stored
  }

  /** Deletes those that no row names after the turn. */
  forget(documents: readonly StoredDocument[]): void {
    for (const { key, isNamed } of documents) if (!isNamed) void this.#deps.blobs.delete(key).catch(() => undefined)
  }

  async #putAll(all: readonly Record<string, unknown>[]): Promise<StoredDocument[]> {
    const { env, blobs, site } = this.#deps
    const stored: StoredDocument[] = []
    const puts: Promise<void>[] = []
    for (const facts of all) {
      const folder = `sites/${site.site}/documents/${uuidv7(env)}`
      for (const [field, name] of Object.entries(NAMES)) {
        const value = facts[field]
        if (!isDocument(value)) continue
        const document = new StoredDocument(`${folder}/${name}.json`, value)
        puts.push(blobs.put(document.key, new TextEncoder().encode(JSON.stringify(value))))
        facts[field] = document
        stored.push(document)
      }
    }
    await this.#inTime(Promise.all(puts))
    return stored
  }

  #inTime(puts: Promise<unknown>): Promise<unknown> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const cancel = this.#deps.env.setTimer(PUT_MS, () => reject(new Error('the blob store did not answer in time')))
    return Promise.race([puts, late]).finally(cancel)
  }
}

function* factsIn(message: FromConductor): Generator<Record<string, unknown>> {
  if (message.type === 'facts') yield* Object.values(message.nodes)
  if (message.type === 'event') for (const { facts } of message.events) if (facts) yield facts
}

function isDocument(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whoever has none is not heard, and fills nobody's store. */
function hasSession(peer: Peer): boolean {
  return ((peer.attachment as Attachment | undefined)?.session ?? -1) > 0
}
