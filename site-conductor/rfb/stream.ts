// Bytes of the Remote Framebuffer Protocol (RFC 6143) from a stream: exactly as many as are asked for, never more than `MAX_TAKEN`. What has not been taken
// stays in the stream, so that it can be piped on from there.
import type { Duplex } from 'node:stream'

/** The other end does not speak RFB, or not as it may. */
export class RfbError extends Error {}

const MAX_TAKEN_BYTES = 1 << 20

export class RfbStream {
  readonly duplex: Duplex
  #failure: Error | undefined

  constructor(duplex: Duplex) {
    this.duplex = duplex
    duplex.on('error', (error) => (this.#failure ??= error))
  }

  /** Throws an RfbError where the stream ends before. */
  async take(length: number): Promise<Buffer> {
    if (length > MAX_TAKEN_BYTES) throw new RfbError(`${length} bytes at once are too many`)
    if (length === 0) return Buffer.alloc(0)
    const { duplex } = this
    return await new Promise((resolve, reject) => {
      // Listens until all of it is there: whoever begins to listen is told at once of a part that is there already, again and again.
      const look = () => {
        const taken = duplex.read(length) as Buffer | null
        const isAll = taken?.length === length
        if (!isAll && taken === null && !duplex.readableEnded && !duplex.destroyed) return
        duplex.off('readable', look).off('end', look).off('close', look)
        if (isAll) resolve(taken)
        else reject(this.#ended())
      }
      duplex.on('readable', look).on('end', look).on('close', look)
      look()
    })
  }

  async takeU8(): Promise<number> {
    return (await this.take(1)).readUInt8()
  }

  async takeU32(): Promise<number> {
    return (await this.take(4)).readUInt32BE()
  }

  write(bytes: Uint8Array | string): void {
    if (!this.duplex.writableEnded && !this.duplex.destroyed) this.duplex.write(bytes)
  }

  /** Resolves when what was written before has gone to the network. */
  async drained(): Promise<void> {
    const { duplex } = this
    if (!duplex.writableNeedDrain || duplex.destroyed) return
    await new Promise<void>((resolve) => {
      const on = () => {
        duplex.off('drain', on).off('close', on)
        resolve()
      }
      duplex.on('drain', on).on('close', on)
    })
  }

  #ended(): RfbError {
    return new RfbError(this.#failure?.message ?? 'the connection was closed')
  }
}

/** As the protocol has texts: their length, then their bytes. */
export function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
