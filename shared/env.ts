// What protocol code may ask of the world. Production passes the platform's; the simulator passes its own clock, randomness and timers.

export interface Env {
  /** Wall clock, ms since 1970. May jump. */
  now(): number
  /** Monotonic clock, ms since some start. Never goes back, may stand still while a machine is paused. */
  mono(): number
  /** Runs `run` once after `delayMs`; the answer cancels it. */
  setTimer(delayMs: number, run: () => void): () => void
  /** `length` random bytes. */
  random(length: number): Uint8Array<ArrayBuffer>
}

/** The platform's own clock, timers and randomness (Node, workerd, browsers). */
export const systemEnv: Env = {
  now: () => Date.now(),
  mono: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
}
