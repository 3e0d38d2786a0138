// Cursors with bounds for IPMI's little-endian packets. Invariant: reading past the end is a CodecError, never a wrong value.

/** Bytes that are not the message they should be. The only error a decoder throws. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
}

/** Reads forward through `bytes`. `what` names the message in errors. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw this.fail(`ends at byte ${this.#at}`)
    this.#at++
    return value
  }

  u16(): number {
    return this.u8() | (this.u8() << 8)
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0
  }

  /** The next `length` bytes as a view (no copy). */
  take(length: number): Uint8Array {
    if (length > this.remaining) throw this.fail(`wants ${length} bytes at ${this.#at}, ${this.remaining} are left`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  skip(length: number): void {
    this.take(length)
  }

  rest(): Uint8Array {
    return this.take(this.remaining)
  }

  /** Throws unless the next byte is `value`. */
  expect(value: number, field: string): void {
    const found = this.u8()
    if (found !== value) throw this.fail(`${field} is 0x${found.toString(16)}, not 0x${value.toString(16)}`)
  }

  fail(why: string): CodecError {
    return new CodecError(`${this.#what}: ${why}`)
  }
}

/** Writes forward into a buffer of exactly `size` bytes; `done()` checks that it is full. */
export class Writer {
  readonly #bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.#bytes = Buffer.alloc(size)
  }

  u8(value: number): this {
    this.#bytes[this.#at++] = value
    return this
  }

  u16(value: number): this {
    return this.u8(value & 0xff).u8(value >>> 8)
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16)
  }

  put(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  done(): Buffer {
    if (this.#at !== this.#bytes.length) throw new RangeError(`wrote ${this.#at} of ${this.#bytes.length} bytes`)
    return this.#bytes
  }
}
