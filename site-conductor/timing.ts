// Waiting that can be ended, on injected clocks.
import type { Env } from '../shared/env.ts'
import { FaultError } from '../shared/faults.ts'

/** Resolves after `ms`; rejects with the signal's reason when that comes first. */
export function sleep(env: Env, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(asError(signal.reason))
    const stop = env.setTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    const onAbort = () => {
      stop()
      reject(asError(signal?.reason))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Like sleep, but ends early when `early` resolves. Its signal aborts when it is no longer wanted. */
export async function sleepOr(
  env: Env,
  ms: number,
  signal: AbortSignal,
  early: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  try {
    await Promise.race([sleep(env, ms, either), early(either)])
  } finally {
    over.abort(new Error('waited long enough'))
  }
}

/**
 * Runs `work` for at most `ms`. Its signal aborts at the time limit and with `outer`, and then the answer is that reason at once,
 * even when `work` is deaf to its signal. `again` lets the limit begin anew: what is waited for has its own.
 */
export async function bounded<T>(
  env: Env,
  limit: { ms: number; what: string },
  outer: AbortSignal,
  work: (signal: AbortSignal, again: () => void) => Promise<T>,
): Promise<T> {
  const inner = new AbortController()
  const follow = () => inner.abort(outer.reason)
  if (outer.aborted) follow()
  outer.addEventListener('abort', follow, { once: true })
  const begin = () =>
    env.setTimer(limit.ms, () => {
      inner.abort(new FaultError('timeout', `${limit.what} took longer than ${Math.round(limit.ms / 1000)} s`))
    })
  let stop = begin()
  let isOver = false
  const again = () => {
    if (isOver) return
    stop()
    stop = begin()
  }
  const ended = new Promise<never>((_, reject) => {
    if (inner.signal.aborted) return reject(asError(inner.signal.reason))
    inner.signal.addEventListener('abort', () => reject(asError(inner.signal.reason)), { once: true })
  })
  try {
    inner.signal.throwIfAborted()
    return await Promise.race([work(inner.signal, again), ended])
  } finally {
    isOver = true
    stop()
    outer.removeEventListener('abort', follow)
    ended.catch(() => {})
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason ?? 'aborted'))
}
