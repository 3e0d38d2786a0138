// Virtual time: a heap of what is to happen. 1. Nothing happens but from here, one thing after another. 2. What is due at the same
// moment happens in the order in which it was planned. 3. Before the next thing, everything that follows from the last one has happened.
import { quiet } from './quiet.ts'

interface Planned {
  readonly atMs: number
  readonly order: number
  run: (() => void) | undefined
}

/** Virtual moments are ms since 1970, so that they pass for a wall clock. */
export const START_MS = 1_795_000_000_000

export class Clock {
  now = START_MS
  /** Things that have happened. */
  steps = 0
  readonly #heap: Planned[] = []
  #order = 0

  /** Plans `run` for `delayMs` from now; the answer takes it back. */
  after(delayMs: number, run: () => void): () => void {
    const planned: Planned = { atMs: this.now + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(planned)
    return () => (planned.run = undefined)
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Lets time go by up to `untilMs`, or until `done` says so. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    await quiet()
    while (!done()) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#pop()
      if (next.run === undefined) continue
      this.now = next.atMs
      this.steps++
      next.run()
      await quiet()
    }
    if (!done()) this.now = Math.max(this.now, untilMs)
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(planned)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!earlier(planned, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = planned
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++
      if (!earlier(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

function earlier(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
