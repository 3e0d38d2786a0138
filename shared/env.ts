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
  random,
}

/** Most calls want sixteen bytes: a call of the system for each costs more than all else about a UUID. */
const pool = new Uint8Array(4096)
let used = pool.length

function random(length: number): Uint8Array<ArrayBuffer> {
  if (length > 64) return crypto.getRandomValues(new Uint8Array(length))
  if (used + length > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const bytes = pool.slice(used, used + length)
  pool.fill(0, used, (used += length)) // what may become a secret stays nowhere else
  return bytes
}
