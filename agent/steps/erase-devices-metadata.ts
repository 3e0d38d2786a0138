// Step: erases the metadata of every disk that could be a root disk. Between tenants this is the least that is done.
import * as z from 'zod'
import { type CommandContext, defineStep } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { eraseMetadata } from '../disk/erase.ts'
import { eraseEachDisk } from './each-disk.ts'

export async function eraseMetadataOf({ machine, signal, log }: CommandContext, device: BlockDevice): Promise<void> {
  const target = await machine.openDisk(device)
  const bytes = await eraseMetadata(target, signal).finally(() => target.close())
  log(`erased ${bytes} bytes of metadata on ${device.path}`)
}

export const eraseDevicesMetadataStep = defineStep({
  interface: 'deploy',
  step: 'erase_devices_metadata',
  about: 'Zeros partition tables and file system signatures of all disks and reads the places back.',
  priorities: { clean: 99, deploy: 0 },
  args: z.object({}),
  run: (context) =>
    eraseEachDisk(context, 'erase_devices_metadata', {
      failure: 'metadata could not be erased on all disks',
      atOnce: 1,
      workBytes: () => 1,
      async erase(device) {
        await eraseMetadataOf(context, device)
        return ''
      },
    }),
})
