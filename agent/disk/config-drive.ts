// The config drive: a small ISO 9660 or FAT volume labelled config-2, from which the operating system takes its first settings.
// Its label is all we read of it. No path inside is ever followed (CVE-2026-48681).
import { gunzipSync } from 'node:zlib'
import { MAX_CONFIG_DRIVE_BYTES } from '../../shared/agent-protocol.ts'
import { AgentFault } from '../fault.ts'
import type { BlockTarget } from './block-target.ts'
import type { Partition, PartitionTable } from './partition-table.ts'
import { addPartitionAtEnd, listPartitions } from './partition-table.ts'

export const CONFIG_DRIVE_LABEL = 'config-2'
const LABEL_BYTES = 34 * 1024

const isLabel = (text: string) => text.trim().toLowerCase() === CONFIG_DRIVE_LABEL

/** Volume label of an ISO 9660 (ECMA-119 §8.4) or FAT volume from its first 34 KiB; undefined when it is neither. */
export function volumeLabel(head: Buffer): string | undefined {
  if (head.length >= LABEL_BYTES && head.toString('latin1', 32_769, 32_774) === 'CD001') {
    return head.toString('latin1', 32_808, 32_840).trim()
  }
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return undefined
  if (head.toString('latin1', 82, 87) === 'FAT32') return head.toString('latin1', 71, 82).trim()
  if (head.toString('latin1', 54, 57) === 'FAT') return head.toString('latin1', 43, 54).trim()
  return undefined
}

const invalid = (message: string, details = message) => new AgentFault('InvalidConfigDrive', message, details)

/** Base64 text of a volume or of its gzip → the volume's bytes, at most 64 MiB and labelled config-2. Throws InvalidConfigDrive. */
export function decodeConfigDrive(text: string): Buffer {
  const clean = text.replaceAll(/\s+/g, '')
  if (clean === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(clean)) throw invalid('the config drive is not base64')
  return checkConfigDrive(Buffer.from(clean, 'base64'))
}

/** Raw or gzipped bytes of a volume → the volume's bytes. */
export function checkConfigDrive(packed: Buffer): Buffer {
  let volume = packed
  if (packed.length > 2 && packed.readUInt16BE(0) === 0x1f8b) {
    try {
      volume = gunzipSync(packed, { maxOutputLength: MAX_CONFIG_DRIVE_BYTES })
    } catch (error) {
      const large = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      throw invalid(
        large ? 'the config drive unpacks to more than 64 MiB' : 'the config drive is not valid gzip',
        (error as Error).message,
      )
    }
  }
  if (volume.length > MAX_CONFIG_DRIVE_BYTES)
    throw invalid(`the config drive has ${volume.length} bytes, more than 64 MiB`)
  const label = volumeLabel(volume.subarray(0, LABEL_BYTES))
  if (label === undefined) throw invalid('the config drive is neither ISO 9660 nor FAT')
  if (!isLabel(label)) throw invalid(`the config drive is labelled "${label}" instead of ${CONFIG_DRIVE_LABEL}`)
  return volume
}

/** A partition named config-2 in the GPT, or whose volume is labelled so. */
async function existingPartition(target: BlockTarget, table: PartitionTable): Promise<Partition | undefined> {
  const partitions = listPartitions(table, target.sectorBytes)
  const named = partitions.find((partition) => isLabel(partition.name))
  if (named) return named
  for (const partition of partitions) {
    if (partition.sizeBytes < LABEL_BYTES || partition.startBytes + LABEL_BYTES > target.sizeBytes) continue
    const head = Buffer.alloc(LABEL_BYTES)
    await target.read(head, partition.startBytes)
    const label = volumeLabel(head)
    if (label !== undefined && isLabel(label)) return partition
  }
  return undefined
}

/**
 * Writes the volume into the partition labelled config-2 or into a new one of 64 MiB at the end of the disk (always 64, as Ironic does, so that a
 * larger one fits into the same place later), and reads all of it back.
 */
export async function writeConfigDrive(
  target: BlockTarget,
  table: PartitionTable,
  volume: Buffer,
  guid: string,
): Promise<Partition> {
  const partition =
    (await existingPartition(target, table)) ??
    (await addPartitionAtEnd(target, { name: CONFIG_DRIVE_LABEL, sizeBytes: MAX_CONFIG_DRIVE_BYTES, guid }))
  if (partition.sizeBytes < volume.length) {
    throw invalid(
      `the config drive has ${volume.length} bytes, partition ${partition.number} only ${partition.sizeBytes}`,
    )
  }
  await target.write(volume, partition.startBytes)
  await target.flush()
  const back = Buffer.alloc(volume.length)
  await target.read(back, partition.startBytes)
  if (!back.equals(volume))
    throw new AgentFault('DiskWriteError', `${target.path} does not hold the config drive that was written`)
  return partition
}
