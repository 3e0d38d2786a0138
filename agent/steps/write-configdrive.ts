// Deploy step: a config drive alone, onto a disk that has its image already.
import * as z from 'zod'
import { MAX_CONFIG_DRIVE_BYTES } from '../../shared/agent-protocol.ts'
import type { CommandContext } from '../command.ts'
import { defineStep } from '../command.ts'
import type { BlockTarget } from '../disk/block-target.ts'
import { checkConfigDrive, decodeConfigDrive, writeConfigDrive } from '../disk/config-drive.ts'
import { download } from '../disk/download.ts'
import type { PartitionTable } from '../disk/partition-table.ts'
import { readPartitionTable } from '../disk/partition-table.ts'
import { withRootDisk } from './root-disk.ts'

/** Base64 of an ISO 9660 or FAT volume, or of its gzip; or an http(s) URL where either form lies as it is. */
export const configDriveSchema = z
  .string()
  .min(1)
  .max(Math.ceil((MAX_CONFIG_DRIVE_BYTES * 4) / 3) + 1024 * 1024)

export async function fetchConfigDrive(context: CommandContext, configdrive: string): Promise<Buffer> {
  if (!/^https?:\/\//.test(configdrive)) return decodeConfigDrive(configdrive)
  const parts: Buffer[] = []
  await download({
    urls: [configdrive],
    caPem: context.machine.caPem,
    maxBytes: MAX_CONFIG_DRIVE_BYTES * 1.4,
    signal: context.signal,
    log: (message) => context.log(message),
    what: 'config drive',
    push: (bytes) => void parts.push(Buffer.from(bytes)),
  })
  const bytes = Buffer.concat(parts)
  const isText = /^[A-Za-z0-9+/=\s]+$/.test(bytes.toString('latin1', 0, 512))
  return isText ? decodeConfigDrive(bytes.toString('latin1')) : checkConfigDrive(bytes)
}

export async function placeConfigDrive(
  context: CommandContext,
  target: BlockTarget,
  table: PartitionTable,
  volume: Buffer,
): Promise<string> {
  const partition = await writeConfigDrive(target, table, volume, crypto.randomUUID().toUpperCase())
  const text = `config drive: ${volume.length} bytes in partition ${partition.number} of ${target.path}`
  context.log(text)
  if (target.sectorBytes > 2048)
    context.log('config drive: an ISO 9660 volume cannot be mounted on a disk of 4096-byte sectors; use FAT')
  return text
}

export const writeConfigDriveStep = defineStep({
  interface: 'deploy',
  step: 'write_configdrive',
  about: 'Writes a config drive to the partition labelled config-2, or to a new one at the end of the root disk.',
  priorities: { deploy: 0 },
  args: z.object({ configdrive: configDriveSchema }),
  async run(context, { configdrive }) {
    const volume = await fetchConfigDrive(context, configdrive)
    return withRootDisk(context, { changed: true }, async (target) =>
      placeConfigDrive(context, target, await readPartitionTable(target), volume),
    )
  },
})
