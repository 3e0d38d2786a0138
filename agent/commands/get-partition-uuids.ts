// standby.get_partition_uuids: which identifiers a bootloader or the conductor may look for after a deployment.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { EFI_SYSTEM } from '../disk/partition-types.ts'
import { listPartitions, readPartitionTable } from '../disk/partition-table.ts'
import { withRootDisk } from '../steps/root-disk.ts'

const PREP_BOOT = '9E1A2D38-C612-4316-AA26-8B49521E5A8B'

export const getPartitionUuids = defineCommand({
  name: 'standby.get_partition_uuids',
  about: 'Identifier of the root disk and of its EFI and PReP partitions.',
  kind: 'sync',
  params: z.object({}),
  async run(context) {
    return withRootDisk(context, { changed: false }, async (target, device) => {
      const table = await readPartitionTable(target)
      const gpt = table.kind === 'gpt' ? table.gpt : undefined
      const ofType = (type: string) => gpt?.entries.find((entry) => entry.type === type)?.guid.toLowerCase() ?? null
      // For a whole-disk image this is the disk's identifier, as Ironic's own agent answers.
      const signature = table.kind === 'mbr' ? table.mbr.signature : 0
      const separator = /\d$/.test(device.path) ? 'p' : ''
      const partitions = listPartitions(table, target.sectorBytes).map(({ number, name }) => [
        name || `partition ${number}`,
        `${device.path}${separator}${number}`,
      ])
      return {
        'root uuid': gpt ? gpt.diskGuid.toLowerCase() : `0x${signature.toString(16).padStart(8, '0')}`,
        'efi system partition uuid': ofType(EFI_SYSTEM),
        'PReP Boot partition uuid': ofType(PREP_BOOT),
        partitions: Object.fromEntries(partitions) as Record<string, string>,
      }
    })
  },
})
