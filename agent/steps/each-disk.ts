// What the steps that erase disks share: which disks, several at once, and one bad disk that must not hide what happens to the others.
import type { CommandContext } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { arrayOf } from '../disk/md-arrays.ts'
import { AgentFault } from '../fault.ts'
import { skippedOf } from './skipped.ts'

/** `skipped`: names with the reason. What is on a member of an array is the array's, which is a disk of its own. */
export async function disksToErase(context: CommandContext): Promise<{ wanted: BlockDevice[]; skipped: string[] }> {
  const arrays = (await context.machine.raid?.list()) ?? []
  const disks = await context.machine.listDisks()
  const skip = skippedOf(context, disks, arrays)
  const whyNot = (disk: BlockDevice): string | undefined => {
    if (skip.has(disk)) return 'skip_block_devices'
    const array = arrayOf(disk.path, arrays)
    if (array) return `member of ${array.name}`
    return disk.readOnly ? 'read-only' : disk.removable ? 'removable' : undefined
  }
  const [wanted, skipped]: [BlockDevice[], string[]] = [[], []]
  for (const disk of disks) {
    const why = whyNot(disk)
    if (why === undefined) wanted.push(disk)
    else skipped.push(`${disk.name} (${why})`)
  }
  return { wanted, skipped }
}

interface EachDisk {
  /** What went wrong where some of them fail. */
  readonly failure: string
  /** Disks at once. */
  readonly atOnce: number
  /** Answers how it was done, for people; '' where there is one way only. `done`: bytes of this disk so far, out of `workBytes` of it. */
  erase(device: BlockDevice, done: (bytes: number) => void): Promise<string>
  workBytes(device: BlockDevice): number
}

/** Erases every disk that may be erased; DiskWriteError names those where that failed. Answers what was done, and what was left out. */
export async function eraseEachDisk(context: CommandContext, step: string, each: EachDisk): Promise<string> {
  const { wanted, skipped } = await disksToErase(context)
  const total = wanted.reduce((sum, device) => sum + each.workBytes(device), 0)
  const done = new Map<string, number>()
  const tell = (name: string, bytes: number) => {
    done.set(name, bytes)
    context.progress(step, [...done.values()].reduce((sum, more) => sum + more, 0), total) // prettier-ignore
  }
  const [told, failures]: [string[], string[]] = [[], []]
  const waiting = [...wanted]
  const work = async () => {
    for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
      const { name, path } = device
      try {
        const how = await each.erase(device, (bytes) => tell(name, bytes))
        told.push([name, how].filter(Boolean).join(' '))
        tell(name, each.workBytes(device))
        const warning = await context.machine.rereadPartitions(device)
        if (warning) context.log(`partition table of ${path} not read again: ${warning}`)
      } catch (error) {
        if (context.signal.aborted) throw new AgentFault('CommandAborted', `aborted while erasing ${path}`)
        failures.push(
          `${path}: ${error instanceof AgentFault ? [error.message, error.details].filter(Boolean).join('; ') : String(error)}`,
        )
      }
    }
  }
  await Promise.all(Array.from({ length: each.atOnce }, work))
  for (const line of told) context.log(line)
  if (failures.length > 0) throw new AgentFault('DiskWriteError', each.failure, failures.join('; '))
  const left = skipped.length > 0 ? `; left out: ${skipped.join(', ')}` : ''
  return `${told.length} disks erased: ${told.sort().join(', ')}${left}`
}
