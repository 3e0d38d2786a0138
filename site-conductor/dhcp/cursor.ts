// A bounded cursor over bytes in network order. Every read past the end is a CodecError, so codecs need no length
// checks of their own, and nothing read from the wire can do more than fail.

/** What is wrong with bytes that came from the network; the only thing a decoder of this folder throws. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
}

/** Reads big-endian fields from the front of `bytes`; each read moves on. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#advance(1))
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2))
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4))
  }

  /** The next `length` bytes, as a view (not a copy). */
  take(length: number): Buffer {
    const start = this.#advance(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** Everything that is left, as a view. */
  rest(): Buffer {
    return this.take(this.left)
  }

  /** Says that nothing may be left; `what` names the thing that was decoded. */
  end(what: string): void {
    if (this.left > 0) throw new CodecError(`${what}: ${this.left} bytes too many`)
  }

  #advance(length: number): number {
    if (length > this.left) throw new CodecError(`${length} bytes wanted at ${this.#at}, ${this.left} left`)
    const start = this.#at
    this.#at += length
    return start
  }
}

/** Appends big-endian fields; grows as needed. */
export class Writer {
  #bytes = Buffer.alloc(320)
  #length = 0

  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    const at = this.#grow(1)
    this.#bytes.writeUInt8(value, at)
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#grow(4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** `value`, then zeros up to `length` bytes; a value that does not fit is a CodecError. */
  padded(value: Uint8Array, length: number, what: string): this {
    if (value.length > length) throw new CodecError(`${what} has ${value.length} bytes, at most ${length} fit`)
    return this.bytes(value).zeros(length - value.length)
  }

  zeros(count: number): this {
    this.#bytes.fill(0, this.#grow(count), this.#length)
    return this
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(count: number): number {
    const start = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#length, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, start)
      this.#bytes = larger
    }
    return start
  }
}
