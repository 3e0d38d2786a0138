// The partition table of an open disk: reading it, moving a GPT's mirror to the real end of the disk, adding one partition at the end.
// Invariant: the mirror is written and flushed before the primary, so that one of them is whole at any time.
import { AgentFault } from '../fault.ts'
import type { BlockTarget } from './block-target.ts'
import { CodecError } from '../../shared/codec-error.ts'
import type { Gpt, GptEntry } from './gpt.ts'
import { decodeGpt, decodeGptHeader, encodeGptEntries, encodeGptHeader, hasGptMagic, LINUX_DATA } from './gpt.ts'
import type { Mbr } from './mbr.ts'
import { decodeMbr, MBR_MAX_LBA, MBR_TYPE_LINUX, MBR_TYPE_PROTECTIVE, protectiveSectors, withMbrEntry } from './mbr.ts'

const ALIGN_BYTES = 1024 * 1024

export type PartitionTable = { kind: 'gpt'; gpt: Gpt } | { kind: 'mbr'; mbr: Mbr } | { kind: 'none' }

/** Where a partition lies, in bytes of the disk. */
export interface Partition {
  number: number
  name: string
  startBytes: number
  sizeBytes: number
}

async function readAt(target: BlockTarget, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  await target.read(bytes, offset)
  return bytes
}

const broken = (target: BlockTarget, error: unknown) =>
  error instanceof CodecError ? new AgentFault('PartitionTableError', `${target.path}: ${error.message}`) : error

/** Undefined for a sector 0 that is no MBR: nothing at all, or the boot sector of a file system. */
function mbrOrNothing(sector: Buffer): Mbr | undefined {
  try {
    return decodeMbr(sector)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}

/**
 * As Linux sees it: a GPT counts only behind an MBR with a protective entry, so that the leftover of one behind a newer MBR does not.
 * PartitionTableError when a GPT is there but broken, or made for another sector size.
 */
export async function readPartitionTable(target: BlockTarget): Promise<PartitionTable> {
  const { sectorBytes } = target
  const mbr = mbrOrNothing(await readAt(target, 0, sectorBytes))
  if (!mbr) return { kind: 'none' }
  if (!mbr.entries.some((entry) => entry.type === MBR_TYPE_PROTECTIVE)) return { kind: 'mbr', mbr }
  try {
    const otherSize = sectorBytes === 512 ? 4096 : 512
    const header = await readAt(target, sectorBytes, sectorBytes)
    if (!hasGptMagic(header) && hasGptMagic(await readAt(target, otherSize, 512))) {
      throw new CodecError(`the image is made for sectors of ${otherSize} bytes, the disk has ${sectorBytes}`)
    }
    const { entriesLba, entryCount, entryBytes } = decodeGptHeader(header)
    if (entriesLba * sectorBytes + entryCount * entryBytes > target.sizeBytes)
      throw new CodecError('GPT entries lie behind the disk')
    return {
      kind: 'gpt',
      gpt: decodeGpt(header, await readAt(target, entriesLba * sectorBytes, entryCount * entryBytes)),
    }
  } catch (error) {
    throw broken(target, error)
  }
}

export function listPartitions(table: PartitionTable, sectorBytes: number): Partition[] {
  if (table.kind === 'none') return []
  if (table.kind === 'gpt') {
    return table.gpt.entries.map(({ number, name, firstLba, lastLba }) => ({
      number,
      name,
      startBytes: firstLba * sectorBytes,
      sizeBytes: (lastLba - firstLba + 1) * sectorBytes,
    }))
  }
  return table.mbr.entries.map(({ number, firstLba, sectors }) => ({
    number,
    name: '',
    startBytes: firstLba * sectorBytes,
    sizeBytes: sectors * sectorBytes,
  }))
}

/** The same table with its mirror in the last sectors of a disk of `diskSectors`. */
function stretched(gpt: Gpt, diskSectors: number, sectorBytes: number): Gpt {
  const entrySectors = Math.ceil((gpt.entryCount * gpt.entryBytes) / sectorBytes)
  const otherLba = diskSectors - 1
  const lastUsableLba = otherLba - entrySectors - 1
  const outside = gpt.entries.find((entry) => entry.lastLba > lastUsableLba)
  if (outside)
    throw new CodecError(
      `partition ${outside.number} ends at sector ${outside.lastLba}, behind the last usable ${lastUsableLba}`,
    )
  return { ...gpt, myLba: 1, otherLba, lastUsableLba }
}

async function writeGpt(target: BlockTarget, gpt: Gpt): Promise<void> {
  const { sectorBytes } = target
  const entries = encodeGptEntries(gpt)
  const entrySectors = Math.ceil(entries.length / sectorBytes)
  const mirror = { ...gpt, myLba: gpt.otherLba, otherLba: 1, entriesLba: gpt.otherLba - entrySectors }
  await target.write(entries, mirror.entriesLba * sectorBytes)
  await target.write(encodeGptHeader(mirror, sectorBytes), mirror.myLba * sectorBytes)
  await target.flush()
  const mbrSector = await readAt(target, 0, sectorBytes)
  const protective = decodeMbr(mbrSector).entries.find(
    (entry) => entry.type === MBR_TYPE_PROTECTIVE && entry.firstLba === 1,
  )
  if (protective) {
    const sectors = protectiveSectors(Math.floor(target.sizeBytes / sectorBytes))
    await target.write(withMbrEntry(mbrSector, { ...protective, sectors }), 0)
  }
  await target.write(entries, gpt.entriesLba * sectorBytes)
  await target.write(encodeGptHeader(gpt, sectorBytes), sectorBytes)
  await target.flush()
}

/** A table on a disk that has none: a protective MBR, and a GPT with these partitions. */
export async function writeNewTable(
  target: BlockTarget,
  partitions: readonly (Partition & { readonly type: string })[],
): Promise<void> {
  const guid = () => crypto.randomUUID().toUpperCase()
  const entries = partitions.map(({ number, type, name, startBytes, sizeBytes }) => ({
    number,
    type,
    guid: guid(),
    firstLba: startBytes / target.sectorBytes,
    lastLba: (startBytes + sizeBytes) / target.sectorBytes - 1,
    attributes: 0n,
    name,
  }))
  await writeTable(target, usualGpt(target, guid(), entries))
}

/** A GPT of the usual size with these entries. PartitionTableError where one of them lies outside of it. */
export function usualGpt(target: BlockTarget, diskGuid: string, entries: GptEntry[]): Gpt {
  const { sectorBytes } = target
  const diskSectors = Math.floor(target.sizeBytes / sectorBytes)
  const [entryCount, entryBytes] = [128, 128]
  const entrySectors = Math.ceil((entryCount * entryBytes) / sectorBytes)
  const [firstUsableLba, lastUsableLba] = [2 + entrySectors, diskSectors - entrySectors - 2]
  const outside = entries.find(
    ({ number, firstLba, lastLba }) => number > entryCount || firstLba < firstUsableLba || lastLba > lastUsableLba,
  )
  if (outside)
    throw new AgentFault('PartitionTableError', `${target.path}: partition ${outside.number} does not fit into a GPT`)
  const places = { myLba: 1, otherLba: diskSectors - 1, entriesLba: 2, firstUsableLba, lastUsableLba }
  return { diskGuid, ...places, entryCount, entryBytes, entries }
}

/** The table, behind a protective MBR without boot code. */
export async function writeTable(target: BlockTarget, gpt: Gpt): Promise<void> {
  const { sectorBytes } = target
  const protective = { number: 1, bootable: false, type: MBR_TYPE_PROTECTIVE, firstLba: 1 }
  const sectors = protectiveSectors(Math.floor(target.sizeBytes / sectorBytes))
  await target.write(withMbrEntry(Buffer.alloc(sectorBytes), { ...protective, sectors }), 0)
  await writeGpt(target, gpt)
}

/** After a raw write: moves the GPT's mirror from the image's end to the disk's. Nothing to do without a GPT. */
export async function moveGptMirrorToEnd(target: BlockTarget): Promise<PartitionTable> {
  const table = await readPartitionTable(target)
  if (table.kind !== 'gpt') return table
  try {
    const gpt = stretched(table.gpt, Math.floor(target.sizeBytes / target.sectorBytes), target.sectorBytes)
    await writeGpt(target, gpt)
    return { kind: 'gpt', gpt }
  } catch (error) {
    throw broken(target, error)
  }
}

/**
 * A new partition of `sizeBytes` (rounded up to sectors) at the end of the disk, aligned to 1 MiB; on an MBR a primary one below 2^32 sectors.
 * PartitionTableError when there is no room, no free entry or no table.
 */
export async function addPartitionAtEnd(
  target: BlockTarget,
  options: { name: string; sizeBytes: number; guid: string },
): Promise<Partition> {
  const { sectorBytes } = target
  const align = ALIGN_BYTES / sectorBytes
  const sectors = Math.ceil(options.sizeBytes / sectorBytes)
  const diskSectors = Math.floor(target.sizeBytes / sectorBytes)
  const table = await moveGptMirrorToEnd(target)
  const fail = (why: string) =>
    new AgentFault('PartitionTableError', `no partition ${options.name} on ${target.path}: ${why}`)
  const startBefore = (end: number, used: number) => {
    const start = Math.floor((end - sectors) / align) * align
    if (start < used) throw fail(`the last ${options.sizeBytes} bytes of the disk are in use`)
    return start
  }
  const made = (number: number, start: number) => ({
    number,
    name: options.name,
    startBytes: start * sectorBytes,
    sizeBytes: sectors * sectorBytes,
  })
  if (table.kind === 'gpt') {
    const { gpt } = table
    const used = Math.max(gpt.firstUsableLba, ...gpt.entries.map((entry) => entry.lastLba + 1))
    const firstLba = startBefore(gpt.lastUsableLba + 1, used)
    const taken = new Set(gpt.entries.map((entry) => entry.number))
    let number = 1
    while (taken.has(number)) number++
    if (number > gpt.entryCount) throw fail('all entries of the GPT are taken')
    const entry = {
      number,
      type: LINUX_DATA,
      guid: options.guid,
      firstLba,
      lastLba: firstLba + sectors - 1,
      attributes: 0n,
      name: options.name,
    }
    await writeGpt(target, { ...gpt, entries: [...gpt.entries, entry] })
    return made(number, firstLba)
  }
  if (table.kind === 'none') throw fail('the image has no partition table')
  const { entries } = table.mbr
  const used = Math.max(align, ...entries.map((entry) => entry.firstLba + entry.sectors))
  const number = [1, 2, 3, 4].find((n) => !entries.some((entry) => entry.number === n))
  if (number === undefined) throw fail('the MBR has four primary partitions already')
  const firstLba = startBefore(Math.min(diskSectors, MBR_MAX_LBA), used)
  const sector = await readAt(target, 0, sectorBytes)
  await target.write(withMbrEntry(sector, { number, bootable: false, type: MBR_TYPE_LINUX, firstLba, sectors }), 0)
  await target.flush()
  return made(number, firstLba)
}
