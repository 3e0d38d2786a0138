// Clean step: erases the metadata of every disk that could be a root disk. Between tenants this is the least that is done.
import * as z from 'zod'
import { defineStep } from '../command.ts'
import { eraseMetadata } from '../disk/erase.ts'
import { matchesHints } from '../disk/root-hints.ts'
import { AgentFault } from '../fault.ts'

const isHints = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

export const eraseDevicesMetadataStep = defineStep({
  phase: 'clean',
  step: 'erase_devices_metadata',
  about: 'Zeros partition tables and file system signatures of all disks and reads the places back.',
  priority: 99,
  args: z.object({}),
  async run(context) {
    const skipped = context.node.properties['skip_block_devices']
    const skip = Array.isArray(skipped) ? skipped.filter(isHints) : []
    const disks = await context.machine.listDisks()
    const wanted = disks.filter(
      (disk) => !disk.readOnly && !disk.removable && !skip.some((set) => matchesHints(disk, set)),
    )
    const failures: string[] = []
    for (const [index, device] of wanted.entries()) {
      context.progress('erase_devices_metadata', index, wanted.length)
      try {
        const target = await context.machine.openDisk(device)
        const bytes = await eraseMetadata(target, context.signal).finally(() => target.close())
        context.log(`erased ${bytes} bytes of metadata on ${device.path}`)
        await context.machine.rereadPartitions(device)
      } catch (error) {
        // One bad disk must not hide what happens to the others, but an abort stops all.
        if (error instanceof AgentFault && error.type === 'CommandAborted') throw error
        failures.push(`${device.path}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    if (failures.length > 0)
      throw new AgentFault('DiskWriteError', 'metadata could not be erased on all disks', failures.join('; '))
    return `${wanted.length} disks erased: ${wanted.map((disk) => disk.name).join(', ')}`
  },
})
