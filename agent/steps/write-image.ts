// Deploy step: an image onto the root disk, then the GPT's mirror, then the config drive.
import * as z from 'zod'
import { imageInfoSchema } from '../../shared/agent-protocol.ts'
import { defineStep } from '../command.ts'
import { moveGptMirrorToEnd } from '../disk/partition-table.ts'
import { writeImage } from '../disk/write-image.ts'
import { configDriveSchema, fetchConfigDrive, placeConfigDrive } from './write-configdrive.ts'
import { withRootDisk } from './root-disk.ts'

export const writeImageArgs = z.object({ image_info: imageInfoSchema, configdrive: configDriveSchema.nullish() })

export const writeImageStep = defineStep({
  interface: 'deploy',
  step: 'write_image',
  about: 'Writes a whole-disk image (raw or qcow2) to the root disk, and the config drive when one is given.',
  priorities: { deploy: 0 },
  args: writeImageArgs,
  async run(context, { image_info: image, configdrive }) {
    // A config drive that is no good is found out before the disk is touched.
    const volume = configdrive ? await fetchConfigDrive(context, configdrive) : undefined
    return withRootDisk(context, { changed: true }, async (target, device) => {
      const { machine, config, boot, signal, log, progress } = context
      const { fetchedBytes, imageBytes, digest } = await writeImage({
        image,
        target,
        permittedFormats: config.permitted_image_formats,
        caPem: machine.caPem,
        memAvailableBytes: await machine.memAvailableBytes(),
        signal,
        random: () => machine.random(),
        log,
        progress,
        download: {
          ...(boot.imageStallMs !== undefined && {
            stallWindowMs: boot.imageStallMs,
            connectTimeoutMs: boot.imageStallMs,
          }),
          ...(boot.imageTries !== undefined && { tries: boot.imageTries }),
        },
      })
      log(`image: ${fetchedBytes} bytes, ${digest.algorithm} ${digest.hex}, on ${device.path}`)
      const table = await moveGptMirrorToEnd(target)
      if (volume) await placeConfigDrive(context, target, table, volume)
      return { result: `write_image: image (${image.id}) written to device ${device.path} size ${imageBytes}` }
    })
  },
})
