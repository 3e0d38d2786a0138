// How long a promise made by the hub may be relied on, counted from the moment at which the conductor *sent* its question.
// 1. Both clocks must agree: a paused machine's monotonic clock may stand still, a wall clock may jump (ownership.md, rules 1 and 5).
import type { Env } from '../../shared/env.ts'

/** One moment on both clocks, in ms. */
export interface Moment {
  readonly mono: number
  readonly wall: number
}

/** A promise that holds for `ms` from `from`. */
export interface Span {
  readonly from: Moment
  readonly ms: number
}

export function moment(env: Env): Moment {
  return { mono: env.mono(), wall: env.now() }
}

/** What is left of a promise in ms by the clock that is further ahead; 0 when there is none. */
export function left(env: Env, span: Span | undefined): number {
  if (span === undefined) return 0
  const passed = Math.max(env.mono() - span.from.mono, env.now() - span.from.wall)
  return Math.max(0, span.ms - passed)
}

/** Of two promises the one that ends later on the monotonic clock. */
export function later(a: Span | undefined, b: Span): Span {
  return a !== undefined && a.from.mono + a.ms > b.from.mono + b.ms ? a : b
}
