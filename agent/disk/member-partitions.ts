// The partitions of a disk that software RAID is made of, and what lies beside them.
import type { BlockDevice } from './block-devices.ts'
import { type BlockTarget, partOf } from './block-target.ts'
import { eraseMetadata } from './erase.ts'
import { partitionPath } from './md-arrays.ts'
import { BIOS_BOOT, EFI_SYSTEM } from './partition-types.ts'
import { listPartitions, type PartitionTable, readPartitionTable } from './partition-table.ts'

/**
 * Erases the metadata of a disk whose arrays are taken apart: the whole disk's where nothing but their partitions and the firmware's is on it, else only
 * that of their partitions. `members`: the paths of those, of all disks.
 */
export async function eraseMembers(
  target: BlockTarget,
  device: BlockDevice,
  members: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const table = await readPartitionTable(target)
  const partitions = listPartitions(table, target.sectorBytes)
  const isMember = ({ number }: { number: number }) => members.includes(partitionPath(device.path, number))
  const firmware = firmwareNumbers(table)
  if (partitions.every((each) => isMember(each) || firmware.has(each.number))) {
    await eraseMetadata(target, signal)
    return
  }
  for (const { startBytes, sizeBytes } of partitions.filter(isMember))
    await eraseMetadata(partOf(target, startBytes, sizeBytes), signal)
}

function firmwareNumbers(table: PartitionTable): ReadonlySet<number> {
  const entries = table.kind === 'gpt' ? table.gpt.entries : []
  return new Set(entries.filter(({ type }) => type === EFI_SYSTEM || type === BIOS_BOOT).map(({ number }) => number))
}
