// Metadata erase: what makes a disk look used. Partition tables, boot code and file system, RAID, LVM and ZFS signatures live in the first and
// last MiBs of a disk and of its partitions. Data between them stays: this is not secure erasure.
import { AgentFault } from '../fault.ts'
import { alignedBuffer, isZero } from './aligned.ts'
import type { BlockTarget } from './block-target.ts'
import { listPartitions, readPartitionTable } from './partition-table.ts'

/** Covers ext (1 KiB), LVM (512 B), swap (4 KiB), btrfs (64 KiB), MD 1.x, ZFS (two labels of 256 KiB at either end) and bcache. */
const EDGE_BYTES = 4 * 1024 * 1024
/** Copies of the btrfs superblock far inside a disk. */
const BTRFS_MIRRORS = [64 * 1024 ** 2, 256 * 1024 ** 3]
const MIRROR_BYTES = 4096

/** The byte ranges to erase: [start, length], clipped to the disk. */
export async function metadataRanges(target: BlockTarget): Promise<[number, number][]> {
  // A broken table names no partitions; it goes with the disk's edges.
  const table = await readPartitionTable(target).catch(() => ({ kind: 'none' as const }))
  const areas = [{ startBytes: 0, sizeBytes: target.sizeBytes }, ...listPartitions(table, target.sectorBytes)]
  const ranges: [number, number][] = []
  for (const { startBytes, sizeBytes } of areas) {
    const end = Math.min(startBytes + sizeBytes, target.sizeBytes)
    if (startBytes >= end) continue
    const edge = Math.min(EDGE_BYTES, end - startBytes)
    ranges.push([startBytes, edge], [end - edge, edge])
    for (const mirror of BTRFS_MIRRORS) {
      if (startBytes + mirror + MIRROR_BYTES <= end) ranges.push([startBytes + mirror, MIRROR_BYTES])
    }
  }
  return ranges
}

/** Zeros all ranges, flushes, and reads them back. Resolves with the number of bytes zeroed; DiskWriteError when something came back. */
export async function eraseMetadata(target: BlockTarget, signal: AbortSignal): Promise<number> {
  const ranges = await metadataRanges(target)
  let bytes = 0
  // Partitions before the table that names them, so that a repeated attempt still finds them.
  for (const [offset, length] of ranges.toReversed()) {
    if (signal.aborted) throw new AgentFault('CommandAborted', `aborted while erasing ${target.path}`)
    await target.zero(offset, length)
    bytes += length
  }
  await target.flush()
  const back = alignedBuffer(EDGE_BYTES)
  for (const [offset, length] of ranges) {
    const part = back.subarray(0, length)
    await target.read(part, offset)
    if (!isZero(part))
      throw new AgentFault('DiskWriteError', `${target.path} still holds data at byte ${offset} after erasing it`)
  }
  return bytes
}
