// What the client needs of the world beside HTTP. Injected, so that tests need not wait.

export interface Env {
  /** Monotonic milliseconds. */
  mono(): number
  /** Calls once after `delayMs`; returns how to take it back. */
  setTimer(delayMs: number, run: () => void): () => void
}

export const nodeEnv: Env = {
  mono: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`; rejects with the signal's reason when that comes first. */
export function pause(env: Env, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const onAbort = () => {
      stop()
      reject(signal?.reason as Error)
    }
    const stop = env.setTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
