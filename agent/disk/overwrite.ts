// Overwriting a whole disk as Ironic's agent does by default: once with noise, then with zeros.
import { randomFillSync } from 'node:crypto'
import { AgentFault } from '../fault.ts'
import { alignedBuffer, CHUNK_BYTES, isZero } from './aligned.ts'
import type { BlockTarget } from './block-target.ts'

const PASSES = 2
/** So many places, evenly spaced, are read back. */
const SAMPLES = 64
/** The device may make zeros by itself: not so much at once that nobody sees how far it is. */
const ZERO_BYTES = 16 * CHUNK_BYTES

export const overwrittenBytes = (sizeBytes: number): number => PASSES * sizeBytes

/** Rejects with CommandAborted soon after the signal. `done`: bytes so far, of `overwrittenBytes`. */
export async function overwrite(
  target: BlockTarget,
  signal: AbortSignal,
  done: (bytes: number) => void,
): Promise<void> {
  const { path, sizeBytes } = target
  const goOn = (bytes: number) => {
    if (signal.aborted) throw new AgentFault('CommandAborted', `aborted while overwriting ${path}`)
    done(bytes)
  }
  const noise = alignedBuffer(CHUNK_BYTES)
  const fresh = Buffer.alloc(CHUNK_BYTES)
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    goOn(at)
    noise.set(randomFillSync(fresh))
    await target.write(noise.subarray(0, Math.min(CHUNK_BYTES, sizeBytes - at)), at)
  }
  // What a cache holds back would never have been noise on the disk.
  await target.flush()
  for (let at = 0; at < sizeBytes; at += ZERO_BYTES) {
    goOn(sizeBytes + at)
    await target.zero(at, Math.min(ZERO_BYTES, sizeBytes - at))
  }
  await target.flush()
  await readBack(target)
}

async function readBack(target: BlockTarget): Promise<void> {
  const { path, sizeBytes, sectorBytes } = target
  const sample = alignedBuffer(Math.min(64 * 1024, sizeBytes))
  const last = sizeBytes - sample.length
  for (let i = 0; i < SAMPLES; i++) {
    const offset = Math.floor((last * i) / (SAMPLES - 1) / sectorBytes) * sectorBytes
    await target.read(sample, offset)
    if (!isZero(sample))
      throw new AgentFault('DiskWriteError', `${path} still holds data at byte ${offset} after it was overwritten`)
  }
}
