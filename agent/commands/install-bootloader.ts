// image.install_bootloader: the firmware's menu starts with the deployed system. On UEFI an entry for the loader in its EFI system
// partition comes first; a BIOS has no menu, and the image brought its boot sector along. What is not there is said, and is no failure:
// firmware then goes on with the boot device that the conductor set, by the removable path.
import * as z from 'zod'
import { type CommandContext, defineCommand } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { encodeBootEntry } from '../disk/boot-entry.ts'
import { findEfiLoader } from '../disk/efi-loader.ts'
import type { GptEntry } from '../disk/gpt.ts'
import { partitionPath } from '../disk/md-arrays.ts'
import { arraysOf } from '../steps/arrays.ts'
import { copyToMembers } from '../disk/member-loaders.ts'
import { readPartitionTable } from '../disk/partition-table.ts'
import { AgentFault } from '../fault.ts'
import { bootMenu } from '../hardware/efi-variables.ts'
import { withRootDisk } from '../steps/root-disk.ts'
import { EFI_SYSTEM } from '../disk/partition-types.ts'

/** By this name the next deployment finds the entry that it replaces. */
export const DESCRIPTION = 'Ferrule instance'

export const installBootloader = defineCommand({
  name: 'image.install_bootloader',
  about: 'Makes the deployed system the first entry of a UEFI boot menu.',
  kind: 'async',
  params: z.looseObject({ target_boot_mode: z.enum(['bios', 'uefi']).default('uefi') }),
  async run(context, { target_boot_mode: mode }) {
    if (mode === 'bios') return 'nothing to do for a BIOS'
    const menu = await bootMenu(context.machine.root)
    if (menu === undefined) return 'this machine was not booted by UEFI'
    const { partition, source, device } = await findSystemPartition(context)
    if (partition === undefined) return 'the image has no EFI system partition'
    const path = await context.machine.withFileSystem(source, 'vfat', (folder) => findEfiLoader(folder))
    if (path === undefined) return 'the EFI system partition holds no program to start'
    const put = async (description: string, place: GptEntry) => {
      const entry = encodeBootEntry({ description, partition: place, path })
      const name = await menu.putFirst(description, entry).catch((error: Error) => {
        throw new AgentFault('BootEntryError', 'the firmware does not take the boot entry', error.message)
      })
      return `${name} starts ${path} of partition ${place.number}`
    }
    const array = (await arraysOf(context)).own.find((each) => each.path === device.path)
    if (array === undefined) return await put(DESCRIPTION, partition)
    const loaders = await copyToMembers(context.machine, array, device, partition)
    const told: string[] = []
    // The last that is put first is the first.
    for (const { disk, partition: place } of loaders.toReversed())
      told.unshift(`${await put(`${DESCRIPTION} (${disk})`, place)} of ${disk}`)
    return told.join('; ')
  },
})

/** The disk is closed again when this is answered: a partition of a disk that is held cannot be mounted. */
async function findSystemPartition(
  context: CommandContext,
): Promise<{ partition: GptEntry | undefined; source: string; device: BlockDevice }> {
  return withRootDisk(context, { changed: false }, async (target, device) => {
    const table = await readPartitionTable(target)
    const partition = table.kind === 'gpt' ? table.gpt.entries.find(({ type }) => type === EFI_SYSTEM) : undefined
    return { partition, source: partitionPath(device.path, partition?.number ?? 0), device }
  })
}
