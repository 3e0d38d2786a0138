// A RAID configuration as Ironic has it: its schema, and the same in words for GET drivers/{name}/raid/logical_disk_properties.
import { z } from 'zod'

const count = z.int().positive()

const LogicalDisk = z.strictObject({
  size_gb: z
    .union([z.int().min(0), z.literal('MAX')])
    .describe(
      'Size in GiB (Integer) for the logical disk. Use "MAX" as size_gb if this logical disk is supposed to use the rest of the space available. Required.',
    ),
  raid_level: z
    .enum(['JBOD', '0', '1', '2', '5', '6', '1+0', '5+0', '6+0'])
    .describe('RAID level for the logical disk: JBOD, 0, 1, 2, 5, 6, 1+0, 5+0, 6+0. Required.'),
  volume_name: z.string().optional().describe('Name of the volume to be created. Made up where it is absent.'),
  is_root_volume: z.boolean().optional().describe('Is it the root volume? One logical disk at most.'),
  share_physical_disks: z.boolean().optional().describe('May its physical disks be shared with other logical disks?'),
  disk_type: z.enum(['hdd', 'ssd']).optional().describe('The type of disk preferred: hdd or ssd.'),
  interface_type: z.enum(['sata', 'scsi', 'sas']).optional().describe('The interface of the disks: sata, scsi or sas.'),
  number_of_physical_disks: count.optional().describe('Number of physical disks to use for this logical disk.'),
  controller: z.string().optional().describe('Controller to use; "software" is RAID by the agent.'),
  physical_disks: z
    .union([z.array(z.string()).min(1), z.array(z.record(z.string(), z.unknown())).min(2)])
    .optional()
    .describe('The physical disks to use: names, or at least two objects of hints. Needs a controller.'),
})

export const RaidConfig = z
  .strictObject({ logical_disks: z.array(LogicalDisk).min(1) })
  .refine(
    ({ logical_disks: disks }) => disks.filter((disk) => disk.is_root_volume).length <= 1,
    'at most one root volume',
  )
  .refine(
    ({ logical_disks: disks }) => disks.every((disk) => !disk.physical_disks || disk.controller !== undefined),
    'physical_disks needs a controller',
  )
  .refine(
    ({ logical_disks: disks }) => isSoftware(disks),
    'software RAID has at most two logical disks, all of them software, the first with level 1, the second with 0, 1, 1+0, 5 or 6',
  )

function isSoftware(disks: readonly z.output<typeof LogicalDisk>[]): boolean {
  const soft = disks.filter(({ controller }) => controller === 'software')
  if (soft.length === 0) return true
  const [first, second] = disks
  return (
    soft.length === disks.length &&
    disks.length <= 2 &&
    first!.raid_level === '1' &&
    (second === undefined || ['0', '1', '1+0', '5', '6'].includes(second.raid_level))
  )
}

/** Key of a logical disk → what it means. */
export const LOGICAL_DISK_PROPERTIES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(LogicalDisk.shape).map(([name, schema]) => [name, schema.description ?? '']),
)
