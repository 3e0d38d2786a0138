// Reproducible random numbers for tests (mulberry32). A failing test prints its seed.
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** An integer in 0..below-1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** `original` with some bytes changed, cut out, doubled or cut off. */
  mutated(original: Buffer): Buffer {
    let bytes = Buffer.from(original)
    for (let changes = 1 + this.below(6); changes > 0 && bytes.length > 0; changes--) {
      const at = this.below(bytes.length)
      const kind = this.below(5)
      if (kind <= 1) bytes[at] = this.below(256)
      else if (kind === 2) bytes = bytes.subarray(0, at)
      else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + this.below(20))])
      else bytes = Buffer.concat([bytes.subarray(0, at), this.bytes(this.below(8)), bytes.subarray(at)])
    }
    return bytes
  }
}
