// A process of the simulated world: production code gets its Env from here. It can be stopped for a while (SIGSTOP, a paused virtual
// machine), it can be killed, and its clocks need not be right. 1. Nothing of a killed process ever happens again.
// 2. What reaches a stopped one waits, in order.
import type { Env } from '../../shared/env.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export class Process {
  readonly name: string
  readonly env: Env
  alive = true
  stopped = false
  /** What a person or NTP did to its wall clock. */
  wallOffsetMs = 0
  readonly #clock: Clock
  readonly #random: Random
  readonly #held: (() => void)[] = []
  readonly #onResume: (() => void)[] = []
  /** By how much its monotonic clock is behind, because the machine under it stood still. */
  #stoodMs = 0
  #stoppedAt = 0

  constructor(name: string, clock: Clock, random: Random) {
    this.name = name
    this.#clock = clock
    this.#random = random
    this.env = {
      now: () => Math.floor(clock.now + this.wallOffsetMs),
      mono: () => clock.now - this.#stoodMs,
      setTimer: (delayMs, run) => {
        let on = true
        const take = clock.after(delayMs, () => this.run(() => on && run()))
        return () => {
          on = false
          take()
        }
      },
      random: (length) => random.bytes(length),
    }
  }

  /** Something reaches this process. */
  run(act: () => void): void {
    if (!this.alive) return
    if (this.stopped) this.#held.push(act)
    else act()
  }

  /** Resolves in this process after `ms`, or never. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, () => this.run(resolve)))
  }

  /** What had left this process but not its host when it was stopped goes out when it goes on; at once where it runs. */
  leave(act: () => void): void {
    if (this.stopped) this.#onResume.push(act)
    else act()
  }

  kill(): void {
    this.alive = false
    // What was in the host's hands may or may not be on the wire already.
    for (const act of this.#onResume.splice(0)) if (this.#random.chance(0.5)) this.#clock.after(0, act)
  }

  /** `standing`: the monotonic clock stands still meanwhile, as in a paused virtual machine. */
  stop(forMs: number, standing: boolean): void {
    if (this.stopped) return
    this.stopped = true
    this.#stoppedAt = this.#clock.now
    this.#clock.after(forMs, () => {
      this.stopped = false
      if (standing) this.#stoodMs += this.#clock.now - this.#stoppedAt
      for (const act of this.#onResume.splice(0)) this.#clock.after(0, act)
      for (const act of this.#held.splice(0)) this.#clock.after(0, () => this.run(act))
    })
  }
}
