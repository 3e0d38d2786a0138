// The disk of a simulated machine: a sparse file. The agent writes it; at a disk boot the firmware and the operating system look at it here,
// with a reader of their own (UEFI 2.10 §5.3), so that what the agent wrote is judged by other code than the agent's.
import { open, type FileHandle } from 'node:fs/promises'
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import { openBlockTarget, type BlockTarget } from '../agent/disk/block-target.ts'
import { isoLabel, readIsoFile } from './iso9660.ts'

const SECTOR = 512
const MAX_VOLUME_BYTES = 64 * 2 ** 20
const LATEST = 'openstack/latest'

export async function makeDisk(path: string, sizeBytes: number, serial: string, name = 'sda'): Promise<BlockDevice> {
  const file = await open(path, 'w')
  await file.truncate(sizeBytes)
  await file.close()
  const device: BlockDevice = {
    name,
    path,
    sizeBytes,
    logicalSectorBytes: SECTOR,
    physicalSectorBytes: SECTOR,
    rotational: false,
    readOnly: false,
    removable: false,
    model: 'SIMULATED',
    vendor: 'FERRULE',
    serial,
    wwn: null,
    wwnWithExtension: null,
    wwnVendorExtension: null,
    hctl: null,
    byPath: null,
    tran: 'sata',
    canZero: false,
  }
  writtenBlocks.set(device, new Set())
  return device
}

/** The disk as long as the machine has power: afterwards nothing reaches it, and whoever writes is told so. */
export async function openWhilePowered(device: BlockDevice, power: AbortSignal): Promise<BlockTarget> {
  const target = await openBlockTarget(device)
  const written = writtenBlocks.get(device)
  const powered = <A extends unknown[]>(act: (...given: A) => Promise<void>) => {
    return async (...given: A) => {
      power.throwIfAborted()
      await act(...given)
    }
  }
  return {
    ...target,
    read: powered(target.read),
    write: powered(async (from, offset) => {
      for (const block of blocksOf(offset, from.length)) written?.add(block)
      await target.write(from, offset)
    }),
    flush: powered(target.flush),
    // What was never written reads as zeros already, and a thousand machines need no space for them.
    zero: powered(async (offset, length) => {
      for (const block of blocksOf(offset, length)) {
        if (written?.has(block) === false) continue
        const start = Math.max(offset, block * BLOCK_BYTES)
        const end = Math.min(offset + length, (block + 1) * BLOCK_BYTES)
        await target.write(ZEROS.subarray(0, end - start), start)
      }
    }),
  }
}

const BLOCK_BYTES = 2 ** 20
const ZEROS = Buffer.alloc(BLOCK_BYTES)
/** Of each disk made here: numbers of the blocks that were ever written. Any other disk may hold anything. */
const writtenBlocks = new WeakMap<BlockDevice, Set<number>>()

function* blocksOf(offset: number, length: number): Generator<number> {
  for (let block = Math.floor(offset / BLOCK_BYTES); block * BLOCK_BYTES < offset + length; block++) yield block
}

export interface DiskFound {
  /** Partitions by number and name. */
  readonly partitions: readonly string[]
  /** What the operating system learns from its config drive; undefined without one. */
  readonly config:
    | { readonly device: string; readonly metaData: Record<string, unknown>; readonly userData: string }
    | undefined
}

/** What firmware and operating system find; undefined: no bootable device. */
export async function lookAtDisk(path: string): Promise<DiskFound | undefined> {
  const file = await open(path, 'r')
  try {
    const head = await readAt(file, 0, 2 * SECTOR)
    if (head.readUInt16LE(510) !== 0xaa55) return undefined
    if (head.toString('latin1', SECTOR, SECTOR + 8) !== 'EFI PART') return { partitions: [], config: undefined }
    const entriesLba = Number(head.readBigUInt64LE(SECTOR + 72))
    const [count, size] = [head.readUInt32LE(SECTOR + 80), head.readUInt32LE(SECTOR + 84)]
    const table = await readAt(file, entriesLba * SECTOR, count * size)
    const partitions: string[] = []
    let config: DiskFound['config']
    for (let i = 0; i < count; i++) {
      const entry = table.subarray(i * size, (i + 1) * size)
      if (entry.subarray(0, 16).every((byte) => byte === 0)) continue
      const name = entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '')
      partitions.push(`${i + 1} ${name}`)
      const [first, last] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))]
      config ??= await readConfig(file, `/dev/sda${i + 1}`, first * SECTOR, (last - first + 1) * SECTOR)
    }
    return { partitions, config }
  } finally {
    await file.close()
  }
}

async function readConfig(file: FileHandle, device: string, at: number, bytes: number): Promise<DiskFound['config']> {
  const head = await readAt(file, at, Math.min(17 * 2048, bytes))
  if (isoLabel(head)?.toLowerCase() !== 'config-2') return undefined
  // Sectors in the volume, ECMA-119 §8.4.8.
  const volumeBytes = Math.min(head.readUInt32LE(16 * 2048 + 80) * 2048, bytes, MAX_VOLUME_BYTES)
  const volume = await readAt(file, at, volumeBytes)
  const metaData = JSON.parse(readIsoFile(volume, `${LATEST}/meta_data.json`)?.toString() ?? '{}') as Record<
    string,
    unknown
  >
  return { device, metaData, userData: readIsoFile(volume, `${LATEST}/user_data`)?.toString() ?? '' }
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  await file.read(bytes, 0, length, at)
  return bytes
}
