// Where a qcow2 file waits until its digest is verified: in memory when it fits with a margin, else at the far end of the target disk, which
// the image must then leave alone. Nothing in it is looked at before; the disk's own end is what the deployment overwrites anyway.
import { AgentFault } from '../fault.ts'
import { alignedBuffer, CHUNK_BYTES } from './aligned.ts'
import type { BlockTarget } from './block-target.ts'
import type { RandomAccess } from './qcow2.ts'

/** Left to the kernel and to ourselves. */
const MARGIN_BYTES = 256 * 1024 * 1024

export interface Spool {
  readonly where: 'memory' | 'disk'
  /** Bytes of the disk, from its start, that the image may use. */
  readonly freeBelow: number
  store(chunk: Uint8Array<SharedArrayBuffer>, offset: number): Promise<void>
  /** The file, `bytes` long, once it is complete. */
  file(bytes: number): RandomAccess
}

export function memoryBudget(memAvailableBytes: number): number {
  return Math.max(0, memAvailableBytes - Math.max(MARGIN_BYTES, memAvailableBytes / 5))
}

/** `fileBytes` undefined: the length is not known beforehand, so only memory will do. */
export function chooseSpool(fileBytes: number | undefined, memAvailableBytes: number, target: BlockTarget): Spool {
  const budget = memoryBudget(memAvailableBytes)
  if (fileBytes === undefined || fileBytes <= budget) return memorySpool(target, budget)
  const start = Math.floor((target.sizeBytes - fileBytes) / CHUNK_BYTES) * CHUNK_BYTES
  // Below the spool there must at least be room for as much again: a qcow2 file is hardly ever larger than what is in it.
  if (start < fileBytes / 2) {
    throw new AgentFault(
      'DiskTooSmall',
      `the ${fileBytes} bytes of the image fit neither into memory (${budget}) nor beside themselves on ${target.path}`,
    )
  }
  return {
    where: 'disk',
    freeBelow: start,
    store: (chunk, offset) => target.write(chunk, start + offset),
    file: (bytes) => ({
      bytes,
      async read(offset, length) {
        const aligned = offset % 4096 === 0 && length % 4096 === 0
        const into = aligned ? alignedBuffer(length) : new Uint8Array(length)
        await target.read(into, start + offset)
        return Buffer.from(into.buffer, into.byteOffset, length)
      },
    }),
  }
}

function memorySpool(target: BlockTarget, budget: number): Spool {
  const chunks: Buffer[] = []
  return {
    where: 'memory',
    freeBelow: target.sizeBytes,
    async store(chunk, offset) {
      if (offset + chunk.length > budget) {
        throw new AgentFault(
          'DiskTooSmall',
          `an image of unknown length does not fit into memory (${budget} bytes); serve it with a Content-Length`,
        )
      }
      chunks[offset / CHUNK_BYTES] = Buffer.from(chunk)
    },
    file: (bytes) => ({
      bytes,
      async read(offset, length) {
        const first = Math.floor(offset / CHUNK_BYTES)
        const at = offset % CHUNK_BYTES
        if (at + length <= CHUNK_BYTES) return chunks[first]!.subarray(at, at + length)
        const parts: Buffer[] = []
        for (let done = 0; done < length;) {
          const here = (offset + done) % CHUNK_BYTES
          const part = chunks[Math.floor((offset + done) / CHUNK_BYTES)]!.subarray(here, here + length - done)
          parts.push(part)
          done += part.length
        }
        return Buffer.concat(parts, length)
      },
    }),
  }
}
