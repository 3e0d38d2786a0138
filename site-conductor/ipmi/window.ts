// Which sequence numbers of a session were seen (IPMI 2.0 §6.12.13): a window that slides with the highest one.
// Only packets whose HMAC is right may be offered, otherwise a stranger could push the window.

const depth = 32

/**
 * Accepts each number once. Numbers more than 31 below the highest are refused. Unlike the specification (+15) any higher number
 * is accepted, as in IPsec (RFC 4303 §3.4.3): after a burst of loss a strict window would stay shut for ever.
 */
export class ReplayWindow {
  #highest = 0
  /** Bit n: highest - n was seen. */
  #seen = 0

  accept(sequence: number): boolean {
    if (sequence === 0) return false
    const ahead = sequence - this.#highest
    if (ahead > 0) {
      this.#seen = ahead >= depth ? 1 : (this.#seen << ahead) | 1
      this.#highest = sequence
      return true
    }
    if (-ahead >= depth) return false
    const bit = 1 << -ahead
    if ((this.#seen & bit) !== 0) return false
    this.#seen |= bit
    return true
  }
}
