// A clock that a test turns by hand.
import type { Env } from '../../shared/env.ts'

export class FakeEnv implements Env {
  #mono = 1_000
  #wall = 1_700_000_000_000
  #timers: { at: number; run: () => void }[] = []

  now(): number {
    return this.#wall
  }
  mono(): number {
    return this.#mono
  }
  random(length: number): Uint8Array<ArrayBuffer> {
    return crypto.getRandomValues(new Uint8Array(length))
  }
  setTimer(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#mono + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
  }

  /** Both clocks go on, and timers that are due run in order. */
  advance(ms: number): void {
    const end = this.#mono + ms
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((each) => each !== due)
      this.#wall += Math.max(0, due.at - this.#mono)
      this.#mono = Math.max(this.#mono, due.at)
      due.run()
    }
    this.#wall += end - this.#mono
    this.#mono = end
  }

  /** A paused machine: the wall clock goes on, the monotonic one and its timers do not. */
  pause(ms: number): void {
    this.#wall += ms
  }
}
