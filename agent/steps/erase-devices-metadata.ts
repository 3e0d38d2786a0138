// Step: erases the metadata of every disk that could be a root disk. Between tenants this is the least that is done.
import * as z from 'zod'
import { type CommandContext, defineStep } from '../command.ts'
import { eraseMetadata } from '../disk/erase.ts'
import { eraseEachDisk, type Place } from './each-disk.ts'

export async function eraseMetadataOf({ signal, log }: CommandContext, place: Place): Promise<void> {
  let bytes = 0
  await place.each(async (target) => void (bytes += await eraseMetadata(target, signal)))
  log(`erased ${bytes} bytes of metadata on ${place.device.path}`)
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
      async erase(place) {
        await eraseMetadataOf(context, place)
        return ''
      },
    }),
})
