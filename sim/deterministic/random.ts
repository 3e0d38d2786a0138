// Chance from a seed. Each consumer has a stream of its own, so that one more throw here changes nothing there.
import { mulberry32 } from '../bmc/network.ts'

export class Random {
  readonly #next: () => number
  readonly #seed: number

  constructor(seed: number) {
    this.#seed = seed
    this.#next = mulberry32(seed)
  }

  /** A stream of its own, always the same for this seed and name. */
  stream(name: string): Random {
    let hash = this.#seed ^ 0x9e3779b9
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    return new Random(hash ^ (hash >>> 15))
  }

  /** [0, 1) */
  float(): number {
    return this.#next()
  }

  between(from: number, to: number): number {
    return from + (to - from) * this.#next()
  }

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return Math.floor(this.between(from, to + 1))
  }

  chance(probability: number): boolean {
    return this.#next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)]!
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.#next() * 256
    return bytes
  }
}
