// Steps: software RAID made and taken apart (Ironic's raid interface `agent`). The configuration is what the node's owner asked for, and is answered as
// it was made, each array with its UUID, by which it is known from then on.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { type CommandContext, defineStep } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { eraseMembers } from '../disk/member-partitions.ts'
import { arraysOn, partitionPath, type SoftwareRaid } from '../disk/md-arrays.ts'
import { readPartitionTable, writeNewTable } from '../disk/partition-table.ts'
import { planRaid, type RaidConfig, raidConfigSchema } from '../disk/raid-plan.ts'
import { AgentFault } from '../fault.ts'
import { BIOS_BOOT, EFI_SYSTEM, LINUX_RAID } from '../disk/partition-types.ts'
import { arraysOf } from './arrays.ts'
import { placesToErase } from './each-disk.ts'
import { skippedOf } from './skipped.ts'

function raidOf({ machine }: CommandContext): SoftwareRaid {
  if (machine.raid) return machine.raid
  throw new AgentFault('SoftwareRAIDError', 'this ramdisk has no mdadm')
}

async function make(context: CommandContext, config: RaidConfig): Promise<Record<string, unknown>> {
  const { machine, log } = context
  const raid = raidOf(context)
  const isUefi = await access(join(machine.root, 'sys/firmware/efi')).then(
    () => true,
    () => false,
  )
  if (!isUefi && config.logical_disks.some((disk) => disk.is_root_volume))
    throw new AgentFault('SoftwareRAIDError', 'a BIOS does not boot an image from software RAID: use UEFI')
  const { own, others } = await arraysOf(context)
  if (own.length + others.length > 0)
    throw new AgentFault('SoftwareRAIDError', 'there is software RAID already: delete_configuration takes it apart')
  const disks = (await placesToErase(context)).wanted.map(({ device }) => device)
  const { partitions, arrays } = planRaid(config, disks, isUefi ? 'uefi' : 'bios')
  for (const device of partitions.keys()) await refuseUsed(context, device)
  for (const [device, planned] of partitions) {
    const target = await machine.openDisk(device)
    const types = { firmware: isUefi ? EFI_SYSTEM : BIOS_BOOT, raid: LINUX_RAID }
    await writeNewTable(
      target,
      planned.map(({ kind, ...place }) => ({ ...place, type: types[kind], name: kind === 'raid' ? 'raid' : 'boot' })),
    ).finally(() => target.close())
    const warning = await machine.rereadPartitions(device)
    if (warning) throw new AgentFault('SoftwareRAIDError', `partitions of ${device.path} are not seen`, warning)
  }
  const uuids = new Map<number, string>()
  for (const { members, index, ...array } of arrays) {
    const paths = members.map(({ device, number }) => partitionPath(device.path, number))
    uuids.set(index, await raid.create({ ...array, members: paths }))
    log(`RAID ${array.level} ${array.name} of ${paths.join(', ')}`)
  }
  return { logical_disks: config.logical_disks.map((disk, i) => ({ ...disk, uuid: uuids.get(i) })) }
}

async function refuseUsed({ machine }: CommandContext, device: BlockDevice): Promise<void> {
  const target = await machine.openDisk(device)
  const table = await readPartitionTable(target).finally(() => target.close())
  if (table.kind !== 'none')
    throw new AgentFault('SoftwareRAIDError', `${device.path} is partitioned: erase_devices_metadata makes room`)
}

async function takeApart(context: CommandContext): Promise<string> {
  const raid = raidOf(context)
  const { machine, signal } = context
  const { own, others, absent } = await arraysOf(context)
  const arrays = [...own, ...others]
  const disks = await machine.listDisks()
  const skip = skippedOf(context, disks, arrays)
  // Off the record, one that is not seen today would be nobody's tomorrow.
  const kept = [...skip.arrays.map(({ name }) => name), ...absent.filter((name) => skip.unknownVolumes.includes(name))]
  if (kept.length > 0)
    throw new AgentFault(
      'SoftwareRAIDError',
      `${kept.join(', ')}: kept by skip_block_devices, and nothing is taken apart`,
    )
  for (const array of arrays) await raid.delete(array)
  const members = arrays.flatMap((array) => array.members)
  for (const device of disks.filter(({ path }) => arraysOn(path, arrays).length > 0)) {
    const target = await machine.openDisk(device)
    await eraseMembers(target, device, members, signal).finally(() => target.close())
    await machine.rereadPartitions(device)
  }
  return `${arrays.length} arrays taken apart: ${arrays.map(({ name }) => name).join(', ') || 'none'}`
}

export const createConfigurationStep = defineStep({
  interface: 'raid',
  step: 'create_configuration',
  about: 'Makes the software RAID of the node’s target_raid_config on disks that are blank.',
  priorities: { clean: 0, service: 0 },
  args: z.object({}),
  async run(context) {
    const { error, data } = raidConfigSchema.safeParse(context.node['target_raid_config'])
    if (error) throw new AgentFault('SoftwareRAIDError', `target_raid_config: ${z.prettifyError(error)}`)
    return make(context, data)
  },
})

export const deleteConfigurationStep = defineStep({
  interface: 'raid',
  step: 'delete_configuration',
  about: 'Takes the node’s software RAID apart and erases the metadata of its disks.',
  priorities: { clean: 0, service: 0 },
  args: z.object({}),
  run: takeApart,
})

export const applyConfigurationStep = defineStep({
  interface: 'raid',
  step: 'apply_configuration',
  about: 'Makes the software RAID that is given.',
  priorities: { deploy: 0, service: 0 },
  args: z.object({
    raid_config: raidConfigSchema.describe('The RAID configuration: {"logical_disks": […]}'),
    delete_existing: z.boolean().default(true).describe('Take what is there apart first (true)'),
  }),
  async run(context, { raid_config: config, delete_existing: deletes }) {
    if (deletes) context.log(await takeApart(context))
    return make(context, config)
  },
})
