// One open disk (or a file standing for one). Bulk data goes past the page cache, so that a machine with little memory keeps it and what
// is read back comes from the disk. 1. Nothing outside [0, sizeBytes) is touched. 2. `zero` leaves zeros, whatever the device can do.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { AgentFault } from '../fault.ts'
import { alignedBuffer, CHUNK_BYTES } from './aligned.ts'
import type { BlockDevice } from './block-devices.ts'
import { runTool } from '../tool.ts'

/** `read` and `shared` are also possible where something in the kernel holds the disk, or a partition of it. */
export type DiskAccess = 'exclusive' | 'shared' | 'read'

export interface BlockTarget {
  readonly path: string
  readonly sizeBytes: number
  readonly sectorBytes: number
  /** Whole range or a fault. Goes through the page cache unless buffer, offset and length are aligned (see aligned.ts). */
  read(into: Uint8Array, offset: number): Promise<void>
  write(from: Uint8Array, offset: number): Promise<void>
  /** Makes [offset, offset + length) read as zeros; the device does it by itself where it can. */
  zero(offset: number, length: number): Promise<void>
  /** Returns when everything written is on stable storage. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** Below this a run of zeros is written like data: starting blkdiscard costs more. */
const ZERO_OUT_MIN_BYTES = 16 * 1024 * 1024
const ALIGN_BYTES = 4096

/** Opens for reading and writing, unless `access` says otherwise. Fails with DeviceNotFound, DiskReadError or DiskWriteError, always naming path and offset. */
export async function openBlockTarget(
  device: Pick<BlockDevice, 'path' | 'sizeBytes' | 'logicalSectorBytes' | 'canZero'>,
  access: DiskAccess = 'exclusive',
): Promise<BlockTarget> {
  const { path, sizeBytes } = device
  // O_EXCL on a block device fails when something in the kernel (a mount, an array) holds it; on a file it means nothing without O_CREAT.
  const mode = access === 'read' ? constants.O_RDONLY : constants.O_RDWR
  const only = access === 'exclusive' ? constants.O_EXCL : 0
  const cached = await open(path, mode | only).catch((error: Error) => {
    throw new AgentFault(
      'DeviceNotFound',
      `cannot open ${path} for ${access === 'read' ? 'reading' : 'writing'}`,
      error.message,
    )
  })
  // Some file systems (tmpfs) have no O_DIRECT; then everything goes through the cache.
  const direct = await open(path, mode | constants.O_DIRECT).catch(() => cached)
  const zeros = alignedBuffer(CHUNK_BYTES)

  const handleFor = (bytes: Uint8Array, offset: number): FileHandle =>
    offset % ALIGN_BYTES === 0 &&
    bytes.length % ALIGN_BYTES === 0 &&
    bytes.byteOffset % ALIGN_BYTES === 0 &&
    isAligned(bytes)
      ? direct
      : cached

  const inside = (offset: number, length: number, verb: 'read' | 'write') => {
    if (offset >= 0 && offset + length <= sizeBytes) return
    const fault = verb === 'read' ? 'DiskReadError' : 'DiskWriteError'
    throw new AgentFault(fault, `${verb} of ${length} bytes at ${offset} is outside ${path} (${sizeBytes} bytes)`)
  }

  const target: BlockTarget = {
    path,
    sizeBytes,
    sectorBytes: device.logicalSectorBytes,
    async read(into, offset) {
      inside(offset, into.length, 'read')
      const file = handleFor(into, offset)
      let done = 0
      while (done < into.length) {
        const { bytesRead } = await file.read(into, done, into.length - done, offset + done).catch((error: Error) => {
          throw new AgentFault('DiskReadError', `cannot read ${path} at byte ${offset + done}`, error.message)
        })
        if (bytesRead === 0) throw new AgentFault('DiskReadError', `${path} ends at byte ${offset + done}`)
        done += bytesRead
      }
    },
    async write(from, offset) {
      inside(offset, from.length, 'write')
      const file = handleFor(from, offset)
      let done = 0
      while (done < from.length) {
        const { bytesWritten } = await file
          .write(from, done, from.length - done, offset + done)
          .catch((error: Error) => {
            throw new AgentFault('DiskWriteError', `cannot write ${path} at byte ${offset + done}`, error.message)
          })
        done += bytesWritten
      }
    },
    async zero(offset, length) {
      inside(offset, length, 'write')
      if (device.canZero && length >= ZERO_OUT_MIN_BYTES && offset % ALIGN_BYTES === 0 && length % ALIGN_BYTES === 0) {
        // BLKZEROOUT: the kernel promises zeros, by WRITE ZEROES or by writing them. (Plain discard promises nothing.)
        // --force, because the exclusive opener that it would refuse to disturb is us.
        const args = ['--force', '--zeroout', '--offset', String(offset), '--length', String(length), path]
        const { code } = await runTool('blkdiscard', args, { timeoutMs: 3_600_000 })
        if (code === 0) return
      }
      for (let done = 0; done < length; done += zeros.length) {
        await target.write(zeros.subarray(0, Math.min(zeros.length, length - done)), offset + done)
      }
    },
    async flush() {
      await cached.sync().catch((error: Error) => {
        throw new AgentFault('DiskWriteError', `${path} did not store what was written`, error.message)
      })
    },
    async close() {
      if (direct !== cached) await direct.close()
      await cached.close()
    },
  }
  return target
}

/** Only memory from aligned.ts starts on a page; its buffers are shared ones. */
function isAligned(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer
}

/** A range of an open disk as a disk of its own; closing it leaves the disk open. */
export function partOf(target: BlockTarget, startBytes: number, sizeBytes: number): BlockTarget {
  const at = (offset: number, length: number) => {
    if (offset >= 0 && offset + length <= sizeBytes) return startBytes + offset
    throw new AgentFault('DiskWriteError', `${length} bytes at ${offset} are outside a part of ${target.path}`)
  }
  return {
    path: target.path,
    sizeBytes,
    sectorBytes: target.sectorBytes,
    read: async (into, offset) => await target.read(into, at(offset, into.length)),
    write: async (from, offset) => await target.write(from, at(offset, from.length)),
    zero: async (offset, length) => await target.zero(at(offset, length), length),
    flush: () => target.flush(),
    close: async () => {},
  }
}
