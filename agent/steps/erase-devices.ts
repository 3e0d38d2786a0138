// Steps: every disk, erased by itself where it can, and otherwise overwritten, or, where that would take too long, without its metadata.
import * as z from 'zod'
import { type CommandContext, defineStep } from '../command.ts'
import { overwrite, overwrittenBytes } from '../disk/overwrite.ts'
import type { OwnErase } from '../disk/own-erase.ts'
import { AgentFault } from '../fault.ts'
import { eraseEachDisk, type Place } from './each-disk.ts'
import { eraseMetadataOf } from './erase-devices-metadata.ts'

/** Ironic's disk_erasure_concurrency. */
const AT_ONCE = 4

/** What a disk does by itself goes on whatever happens here: an abort is not kept waiting by it. */
async function byItself({ machine, signal }: CommandContext, { device, beside }: Place): Promise<OwnErase> {
  if (beside.length > 0) return { cannot: 'its arrays would go, too' }
  if (machine.eraseItself === undefined) return { cannot: 'it cannot erase itself' }
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(new AgentFault('CommandAborted', `aborted while ${device.path} erases itself`))
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  return await Promise.race([machine.eraseItself(device), aborted]).finally(() =>
    signal.removeEventListener('abort', abort),
  )
}

export const eraseDevicesStep = defineStep({
  interface: 'deploy',
  step: 'erase_devices',
  about: 'Erases all disks: by their own secure erase where they have one, else by noise and zeros all over.',
  priorities: { clean: 10 },
  args: z.object({}),
  run: (context) =>
    eraseEachDisk(context, 'erase_devices', {
      failure: 'not all disks could be erased',
      atOnce: AT_ONCE,
      workBytes: ({ sizeBytes }) => overwrittenBytes(sizeBytes),
      async erase(place, done) {
        const own = await byItself(context, place)
        if ('how' in own) return own.how
        let before = 0
        await place.each(async (target) => {
          await overwrite(target, context.signal, (bytes) => done(before + bytes))
          before += overwrittenBytes(target.sizeBytes)
        })
        return `overwritten (${own.cannot})`
      },
    }),
})

export const eraseDevicesExpressStep = defineStep({
  interface: 'deploy',
  step: 'erase_devices_express',
  about: 'Erases NVMe disks by their own format, and the metadata of all others.',
  priorities: { clean: 0 },
  args: z.object({}),
  run: (context) =>
    eraseEachDisk(context, 'erase_devices_express', {
      failure: 'not all disks could be erased',
      atOnce: AT_ONCE,
      workBytes: () => 1,
      async erase(place) {
        const isNvme = place.device.name.startsWith('nvme')
        const own = isNvme ? await byItself(context, place) : { cannot: 'no NVMe disk' }
        if ('how' in own) return own.how
        await eraseMetadataOf(context, place)
        return `without its metadata (${own.cannot})`
      },
    }),
})
