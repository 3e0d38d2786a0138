// The blocks of one window as ready-made DATA packets, in a ring of slots: a block sent twice is read once.
import { writeDataHeader } from './packet.ts'
import type { Agreed } from './options.ts'

/** What a resolver gives for a name. `read` gives exactly `lengthBytes` bytes from `offset`. */
export interface TftpContent {
  sizeBytes: number
  read(offset: number, lengthBytes: number): Uint8Array | Promise<Uint8Array>
  close?(): void
}

export class Window {
  readonly #content: TftpContent
  readonly #blockBytes: number
  readonly #slots: number
  /** Every slot one after another: 4 bytes of header, then the block. */
  readonly packets: Buffer
  /** Of the whole file. One that is a multiple of the block size ends with an empty block (RFC 1350 §6). */
  readonly blocks: number
  #loadedTo = 0

  constructor(content: TftpContent, { blockBytes, windowBlocks }: Agreed) {
    this.#content = content
    this.#blockBytes = blockBytes
    this.blocks = Math.floor(content.sizeBytes / blockBytes) + 1
    this.#slots = Math.min(windowBlocks, this.blocks)
    this.packets = Buffer.allocUnsafe((blockBytes + 4) * this.#slots)
  }

  /** Makes the blocks up to `last` ready; at most a window's worth may be in use. A promise only if reading gave one. */
  load(last: number): void | Promise<void> {
    const first = this.#loadedTo + 1
    if (first > last) return
    const offset = (first - 1) * this.#blockBytes
    const lengthBytes = Math.min(last * this.#blockBytes, this.#content.sizeBytes) - offset
    const data = lengthBytes > 0 ? this.#content.read(offset, lengthBytes) : new Uint8Array(0)
    if (data instanceof Uint8Array) this.#fill(first, last, data, lengthBytes)
    else return this.#fillLater(first, last, data, lengthBytes)
  }

  /** Where in `packets` the packet of a loaded block is. */
  packet(block: number): { offset: number; length: number } {
    const data = Math.min(this.#blockBytes, this.#content.sizeBytes - (block - 1) * this.#blockBytes)
    return { offset: this.#slot(block), length: data + 4 }
  }

  async #fillLater(first: number, last: number, data: Promise<Uint8Array>, lengthBytes: number): Promise<void> {
    this.#fill(first, last, await data, lengthBytes)
  }

  #fill(first: number, last: number, data: Uint8Array, lengthBytes: number): void {
    if (data.length !== lengthBytes) {
      throw new Error(`${lengthBytes} bytes wanted, the file gave ${data.length}: it has changed`)
    }
    for (let block = first; block <= last; block++) {
      const slot = this.#slot(block)
      writeDataHeader(this.packets, slot, block)
      const start = (block - first) * this.#blockBytes
      this.packets.set(data.subarray(start, start + this.#blockBytes), slot + 4)
    }
    this.#loadedTo = last
  }

  #slot(block: number): number {
    return ((block - 1) % this.#slots) * (this.#blockBytes + 4)
  }
}
