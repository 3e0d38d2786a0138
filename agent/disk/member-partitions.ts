// The partitions of a disk that software RAID is made of, and what lies beside them.
import { AgentFault } from '../fault.ts'
import type { BlockDevice } from './block-devices.ts'
import { type BlockTarget, partOf } from './block-target.ts'
import { eraseMetadata } from './erase.ts'
import type { GptEntry } from './gpt.ts'
import { isOn, type MdArray, partitionPath, type Span } from './md-arrays.ts'
import { BIOS_BOOT, EFI_SYSTEM } from './partition-types.ts'
import { listPartitions, type PartitionTable, readPartitionTable, usualGpt, writeTable } from './partition-table.ts'

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

/**
 * Gives `use` all of a disk that is not its arrays', in ranges that end where partitions do, each as a disk of its own: what is in the firmware's partition,
 * too, unless `keepsFirmware`, and what an array does not use of its own. Then the table is written anew, without boot code and with the partitions of the arrays and of the firmware: not before, so
 * that another attempt still finds the others. PartitionTableError, with nothing changed, where an array is in anything but a partition of a GPT.
 */
export async function eachBesideArrays(
  target: BlockTarget,
  device: BlockDevice,
  arrays: readonly MdArray[],
  { keepsFirmware, use }: { keepsFirmware: boolean; use(part: BlockTarget): Promise<void> },
): Promise<void> {
  const table = await readPartitionTable(target)
  const members = arrays.flatMap((array) => array.members).filter((member) => isOn(device.path, member))
  const entries = table.kind === 'gpt' ? table.gpt.entries : []
  const isMember = ({ number }: GptEntry) => members.includes(partitionPath(device.path, number))
  if (table.kind !== 'gpt' || entries.filter(isMember).length !== members.length)
    throw new AgentFault(
      'PartitionTableError',
      `${device.path}: its arrays are not in partitions of a GPT: delete_configuration takes them apart`,
    )
  const spans = Object.assign({}, ...arrays.map((array) => array.spans)) as Readonly<Record<string, Span>>
  const firmware = firmwareNumbers(table)
  const kept = entries.filter((entry) => isMember(entry) || firmware.has(entry.number))
  const after = usualGpt(target, table.gpt.diskGuid, kept)
  const spared = kept.filter((entry) => isMember(entry) || keepsFirmware)
  const [first, end] = [after.firstUsableLba, after.lastUsableLba + 1]
  const endOf = ({ number, firstLba, lastLba }: GptEntry) => {
    const span = spans[partitionPath(device.path, number)]
    const sectors = span ? Math.ceil((span.dataAt + span.dataBytes) / target.sectorBytes) : Infinity
    return Math.min(firstLba + sectors, lastLba + 1)
  }
  const borders = entries.flatMap((entry) => [entry.firstLba, endOf(entry), entry.lastLba + 1])
  const cuts = [...new Set([first, end, ...borders])].filter((lba) => lba >= first && lba <= end).sort((a, b) => a - b)
  for (const [i, to] of cuts.slice(1).entries()) {
    const from = cuts[i]!
    if (spared.some((entry) => entry.firstLba <= from && endOf(entry) >= to)) continue
    await use(partOf(target, from * target.sectorBytes, (to - from) * target.sectorBytes))
  }
  await writeTable(target, after)
}
