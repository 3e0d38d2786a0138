// How long a transfer waits for its client, and what it may conclude from how quickly an answer came.

/** Time as protocols here see it; tests bring their own. */
export interface Clock {
  nowMs(): number
  /** Calls `then` once after `delayMs`, unless the returned function is called first. */
  after(delayMs: number, then: () => void): () => void
}

const FIRST_TIMEOUT_MS = 1_000
const LONGEST_TIMEOUT_MS = 8_000
/** Once a round trip is known, four of the slowest are waited for, but no less than this. */
const LEAST_TIMEOUT_MS = 250
/** With doubling from 1 s: silent for 1+2+4+8+8+8 s; from 250 ms for 16 s. */
const MOST_TIMEOUTS_IN_A_ROW = 6

export class Patience {
  readonly #clock: Clock
  readonly #fixedMs: number | undefined
  readonly #onTimeout: () => void
  #lastSentMs = 0
  #quickestRoundTripMs = Number.POSITIVE_INFINITY
  #slowestRoundTripMs = 0
  #timeoutsInARow = 0
  /** When a reaction is due, and when the timer fires (0: none runs); the second may be earlier than the first. */
  #deadlineMs = 0
  #timerMs = 0
  #cancelTimer = () => {}

  /** `fixedMs` is what the client asked for (RFC 2349): no backoff then. */
  constructor(clock: Clock, fixedMs: number | undefined, onTimeout: () => void) {
    this.#clock = clock
    this.#fixedMs = fixedMs
    this.#onTimeout = onTimeout
  }

  /** Something went out that wants an answer. */
  sent(): void {
    this.#lastSentMs = this.#clock.nowMs()
    const delayMs = this.#fixedMs ?? this.#backoffMs()
    this.#deadlineMs = this.#lastSentMs + delayMs
    // A timer that fires too early looks at the deadline and goes on; so most windows start and stop none.
    if (this.#timerMs === 0 || this.#timerMs > this.#deadlineMs) this.#arm(delayMs)
  }

  /** The transfer went on. `unambiguous`: by an answer to something that was sent once (Karn's rule). */
  answered(unambiguous: boolean): void {
    this.#timeoutsInARow = 0
    if (!unambiguous) return
    const roundTripMs = this.#clock.nowMs() - this.#lastSentMs
    this.#quickestRoundTripMs = Math.min(this.#quickestRoundTripMs, roundTripMs)
    this.#slowestRoundTripMs = Math.max(this.#slowestRoundTripMs, roundTripMs)
  }

  /**
   * Whether what has just arrived can be an answer to what was sent last: answers take at least about the quickest round
   * trip, while a packet that the network doubled comes at once.
   */
  mayBeAnswered(): boolean {
    return this.#clock.nowMs() - this.#lastSentMs >= this.#quickestRoundTripMs / 2
  }

  get exhausted(): boolean {
    return this.#timeoutsInARow >= MOST_TIMEOUTS_IN_A_ROW
  }

  stop(): void {
    this.#cancelTimer()
    this.#timerMs = 0
  }

  #backoffMs(): number {
    const known = this.#quickestRoundTripMs < Number.POSITIVE_INFINITY
    const patienceMs = Math.max(LEAST_TIMEOUT_MS, 4 * this.#slowestRoundTripMs)
    const firstMs = known ? Math.min(patienceMs, FIRST_TIMEOUT_MS) : FIRST_TIMEOUT_MS
    return Math.min(firstMs * 2 ** this.#timeoutsInARow, LONGEST_TIMEOUT_MS)
  }

  #arm(delayMs: number): void {
    this.#cancelTimer()
    this.#timerMs = this.#clock.nowMs() + delayMs
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#timerMs = 0
      const leftMs = this.#deadlineMs - this.#clock.nowMs()
      if (leftMs > 0) {
        this.#arm(leftMs)
        return
      }
      this.#timeoutsInARow++
      this.#onTimeout()
    })
  }
}
