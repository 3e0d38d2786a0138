// Puts an image onto a disk so that the disk boots either the whole verified image or nothing.
// 1. The first chunk is wiped at the start and written last, by seal(), after the caller has checked the digest.
// 2. Runs of zeros are zeroed by the device where it can, written otherwise; nothing is ever skipped: an old disk is not blank.
// 3. What was written is read back in samples: 64 KiB of the first chunk, the last, and up to 64 chosen at random beforehand (a second on a spinning
//    disk). The digest already covers every byte on its way in; the samples catch what it cannot: a disk that lies about its size, a
//    controller that drops writes. Reading everything would double the time of every deployment to find what the file system's checksums
//    and the disk's own ECC report anyway. Reads bypass the page cache.
import { crc32 } from 'node:zlib'
import { AgentFault } from '../fault.ts'
import { alignedBuffer, CHUNK_BYTES, isZero } from './aligned.ts'
import type { BlockTarget } from './block-target.ts'

const MAX_SAMPLES = 64
const SAMPLE_BYTES = 64 * 1024
const TAIL_BYTES = 1024 * 1024

interface Sample {
  offset: number
  length: number
  crc: number
}

export interface ImageWriter {
  /** Chunks of CHUNK_BYTES in order, the last may be shorter. The memory may be reused when the promise has resolved. */
  write(chunk: Uint8Array<SharedArrayBuffer>, offset: number): Promise<void>
  /** Zeros from `offset` on, without anybody having to make them. `length` counts whole chunks, or reaches the end of the image. */
  zeros(offset: number, length: number): Promise<void>
  /** Stores everything, reads the samples back, and writes the first chunk: only now does the disk boot. */
  seal(): Promise<void>
}

/**
 * `imageBytes` (when known) spreads the samples over the image instead of over the disk. `keepAbove`: from there on the disk holds something
 * that is needed until seal().
 */
export async function openImageWriter(
  target: BlockTarget,
  random: () => number,
  imageBytes: number = target.sizeBytes,
  keepAbove: number = target.sizeBytes,
): Promise<ImageWriter> {
  const head = alignedBuffer(Math.min(CHUNK_BYTES, target.sizeBytes))
  const chunks = Math.ceil(imageBytes / CHUNK_BYTES)
  const chosen = new Set(Array.from({ length: MAX_SAMPLES }, () => Math.floor(random() * chunks)))
  const samples: Sample[] = []
  let headBytes = 0
  let end = 0
  /** The last MiB of the disk, as far as it lies behind `offset`. */
  const tailFrom = (offset: number) => Math.min(target.sizeBytes, Math.max(offset, target.sizeBytes - TAIL_BYTES))
  let last: Sample | undefined
  let zeroFrom = 0
  let zeroBytes = 0
  let pendingZero: Promise<void> | undefined

  // The old boot sector, partition table and the mirror of a GPT at the end go first, so that a half-written disk boots nothing.
  await target.zero(0, head.length)
  await target.zero(tailFrom(head.length), Math.max(0, keepAbove - tailFrom(head.length)))
  await target.flush()

  const flushZeros = () => {
    if (zeroBytes === 0) return pendingZero
    const [offset, length] = [zeroFrom, zeroBytes]
    zeroBytes = 0
    pendingZero = (pendingZero ?? Promise.resolve()).then(() => target.zero(offset, length))
    return pendingZero
  }
  const addZeros = (offset: number, length: number) => {
    if (zeroBytes === 0) zeroFrom = offset
    zeroBytes += length
  }
  const sampleOf = (chunk: Uint8Array, offset: number): Sample => {
    const piece = chunk.subarray(0, SAMPLE_BYTES)
    return { offset, length: piece.length, crc: crc32(piece) }
  }
  const memory = alignedBuffer(SAMPLE_BYTES)
  const check = async ({ offset, length, crc }: Sample) => {
    const back = memory.subarray(0, length)
    await target.read(back, offset)
    if (crc32(back) === crc) return
    throw new AgentFault('ImageWriteError', `${target.path} does not hold what was written at byte ${offset}`)
  }

  return {
    async write(chunk, offset) {
      if (offset + chunk.length > target.sizeBytes) {
        throw new AgentFault('DiskTooSmall', `the image is larger than ${target.path} (${target.sizeBytes} bytes)`)
      }
      end = offset + chunk.length
      if (offset === 0) {
        head.set(chunk)
        headBytes = chunk.length
        return undefined
      }
      if (isZero(chunk)) {
        addZeros(offset, chunk.length)
        return undefined
      }
      // A run of zeros that ended here is made by the device while this chunk is written; they do not overlap.
      const zeroing = flushZeros()
      last = sampleOf(chunk, offset)
      if (chosen.has(offset / CHUNK_BYTES)) samples.push(last)
      await Promise.all([zeroing, target.write(chunk, offset)])
      return undefined
    },
    async zeros(offset, length) {
      end = offset + length
      if (offset > 0) return addZeros(offset, length)
      headBytes = Math.min(head.length, length)
      return length > headBytes ? addZeros(headBytes, length - headBytes) : undefined
    },
    async seal() {
      await flushZeros()
      if (keepAbove < target.sizeBytes) await target.zero(tailFrom(end), target.sizeBytes - tailFrom(end))
      await target.flush()
      for (const sample of last ? [...samples, last] : samples) await check(sample)
      if (headBytes === 0) return
      await target.write(head.subarray(0, headBytes), 0)
      await target.flush()
      await check(sampleOf(head.subarray(0, headBytes), 0))
    },
  }
}
