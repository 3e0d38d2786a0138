// Lines for nodes' timelines on their way to the hub: batched, bounded, and dropped (oldest first, counted) when there are too many.
import type { Env } from '../../shared/env.ts'
import type { FromConductor, Note } from '../../shared/protocol.ts'
import { pages } from './pages.ts'

const BATCH_MS = 200
const NOTES_PER_FRAME = 100
const MAX_WAITING = 2_000
const MAX_BODY_CHARACTERS = 500

export class Notes {
  readonly #env: Env
  readonly #send: (message: FromConductor) => void
  readonly #isConnected: () => boolean
  #waiting: Note[] = []
  #dropped = 0
  #timer: (() => void) | undefined

  constructor(env: Env, send: (message: FromConductor) => void, isConnected: () => boolean) {
    this.#env = env
    this.#send = send
    this.#isConnected = isConnected
  }

  add(note: Omit<Note, 'at' | 'body'> & { body?: Record<string, unknown> }): void {
    const body = note.body ?? {}
    const fits = JSON.stringify(body).length <= MAX_BODY_CHARACTERS
    this.#waiting.push({
      ...note,
      at: this.#env.now(),
      stage: note.stage.slice(0, 64),
      body: fits ? body : { cut: true },
    })
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      this.#dropped++
    }
    this.#timer ??= this.#env.setTimer(BATCH_MS, () => this.flush())
  }

  flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (!this.#isConnected()) return
    const dropped = this.#dropped
    const all = pages(this.#waiting.splice(0), NOTES_PER_FRAME)
    if (all.length > 0) this.#dropped = 0
    for (const [index, notes] of all.entries()) this.#send({ type: 'notes', notes, dropped: index === 0 ? dropped : 0 })
  }
}
