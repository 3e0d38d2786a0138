// A running task's right to act: its node's hold, or after a lapse the task's tenure (ownership.md, rule 10).
// 1. A tenure outlives a lapse only: a node that was given away is lost at once. 2. No mutation outside lease ∪ tenure.
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import type { Grants, Hold } from '../link/grants.ts'
import { left, later, type Span } from '../link/span.ts'

export class Authority {
  readonly hold: Hold
  readonly #env: Env
  readonly #grants: Grants
  readonly #controller = new AbortController()
  #tenure: Span | undefined
  #stopTimer = () => {}

  constructor(env: Env, grants: Grants, hold: Hold) {
    this.#env = env
    this.#grants = grants
    this.hold = hold
    if (hold.signal.aborted) this.#onHoldEnded()
    else hold.signal.addEventListener('abort', () => this.#onHoldEnded(), { once: true })
  }

  /** Aborts when the right to act ends; the reason is a FaultError. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get epoch(): number {
    return this.hold.grant.epoch
  }

  /** The hub promised to give the node to nobody else during `span`. */
  extendTenure(span: Span): void {
    this.#tenure = later(this.#tenure, span)
  }

  /** What is left of the promise, in ms. */
  get tenureLeft(): number {
    return left(this.#env, this.#tenure)
  }

  /** Handed to protocol clients, called in the turn in which a packet of a mutation leaves. */
  readonly before = (): void => {
    this.#controller.signal.throwIfAborted()
    try {
      this.#grants.check(this.hold)
    } catch (error) {
      if (!isLapse(error) && !isLapse(this.hold.signal.reason)) throw error
      if (left(this.#env, this.#tenure) > 0) return
      // Whoever sees first that it is over makes it so: a clock that was set has no timer that fires then.
      this.end(error as FaultError)
      throw error
    }
  }

  end(reason: FaultError): void {
    this.#stopTimer()
    this.#controller.abort(reason)
  }

  #onHoldEnded(): void {
    // A task that has ended has nothing to wait for: its timer would keep a stopping process alive as long as the tenure.
    if (this.#controller.signal.aborted) return
    const reason = this.hold.signal.reason as FaultError
    const rest = isLapse(reason) ? left(this.#env, this.#tenure) : 0
    if (rest === 0) this.end(reason)
    else this.#stopTimer = this.#env.setTimer(rest, () => this.end(reason))
  }
}

function isLapse(error: unknown): boolean {
  return error instanceof FaultError && error.fault.code === 'lease.lapsed'
}
