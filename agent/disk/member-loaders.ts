// How a machine boots from software RAID: its firmware reads no arrays, so each disk that the root volume is made of gets a copy of the image's EFI system
// partition, in the place that was left for it when the array was made.
import { AgentFault } from '../fault.ts'
import type { Machine } from '../machine.ts'
import { alignedBuffer, CHUNK_BYTES } from './aligned.ts'
import type { BlockDevice } from './block-devices.ts'
import type { GptEntry } from './gpt.ts'
import { arraysOn, type MdArray, partitionPath } from './md-arrays.ts'
import { readPartitionTable } from './partition-table.ts'
import { EFI_SYSTEM } from './partition-types.ts'

export interface MemberLoader {
  /** Name of the disk. */
  readonly disk: string
  readonly partition: GptEntry
}

/** `system`: the EFI system partition of `volume`, which is the array. BootEntryError where a disk has no place for it. */
export async function copyToMembers(
  machine: Machine,
  array: MdArray,
  volume: BlockDevice,
  system: GptEntry,
): Promise<MemberLoader[]> {
  const bytes = (system.lastLba - system.firstLba + 1) * volume.logicalSectorBytes
  const from = system.firstLba * volume.logicalSectorBytes
  const loaders: MemberLoader[] = []
  for (const device of await machine.listDisks()) {
    if (arraysOn(device.path, [array]).length === 0) continue
    const partition = await placeOn(machine, device)
    const sizeBytes = partition ? (partition.lastLba - partition.firstLba + 1) * device.logicalSectorBytes : 0
    if (partition === undefined || sizeBytes < bytes)
      throw new AgentFault('BootEntryError', `${device.path} has no room for an EFI system partition of ${bytes} bytes`)
    const path = partitionPath(device.path, partition.number)
    await copy(machine, volume, from, bytes, { ...device, path, sizeBytes })
    loaders.push({ disk: device.name, partition })
  }
  return loaders
}

/** The array holds the disk, so that it can only be read. */
async function placeOn(machine: Machine, device: BlockDevice): Promise<GptEntry | undefined> {
  const target = await machine.openDisk(device, 'read')
  const table = await readPartitionTable(target).finally(() => target.close())
  return table.kind === 'gpt' ? table.gpt.entries.find(({ type }) => type === EFI_SYSTEM) : undefined
}

async function copy(
  machine: Machine,
  source: BlockDevice,
  from: number,
  bytes: number,
  to: BlockDevice,
): Promise<void> {
  const [reader, writer] = [await machine.openDisk(source, 'read'), await machine.openDisk(to)]
  try {
    const chunk = alignedBuffer(CHUNK_BYTES)
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const part = chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - at))
      await reader.read(part, from + at)
      await writer.write(part, at)
    }
    await writer.flush()
  } finally {
    await Promise.all([reader.close(), writer.close()])
  }
}
