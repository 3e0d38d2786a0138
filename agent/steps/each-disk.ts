// What the steps that erase disks share: which disks, several at once, and one bad disk that must not hide what happens to the others.
import type { CommandContext } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import type { BlockTarget } from '../disk/block-target.ts'
import { arraysOn, type MdArray } from '../disk/md-arrays.ts'
import { eachBesideArrays } from '../disk/member-partitions.ts'
import { OVERHEAD_BYTES } from '../disk/raid-plan.ts'
import { AgentFault } from '../fault.ts'
import type { Machine } from '../machine.ts'
import { arraysOf } from './arrays.ts'
import { type Skipped, skippedOf } from './skipped.ts'

/** What may be erased of a disk: all of it, or what lies beside its arrays. */
export interface Place {
  readonly device: BlockDevice
  /** Names of the arrays that have their partitions on it. */
  readonly beside: readonly string[]
  /** Opens it; where there are arrays, one range after the other, each as a disk of its own. */
  each(use: (target: BlockTarget) => Promise<void>): Promise<void>
}

/** `skipped`: names with the reason. What is in the partitions of an array is the array's, which is a disk of its own. */
export async function placesToErase(context: CommandContext): Promise<{ wanted: Place[]; skipped: string[] }> {
  const { machine } = context
  const { own, others } = await arraysOf(context)
  for (const array of others) {
    context.log(`${array.path} (${array.name}) is not the node’s: its disks are erased`)
    await machine.raid?.stop(array)
  }
  const disks = await machine.listDisks()
  const skip = skippedOf(context, disks, own)
  const [wanted, skipped]: [Place[], string[]] = [[], []]
  for (const device of disks) {
    const why = skip.has(device)
      ? 'skip_block_devices'
      : device.readOnly
        ? 'read-only'
        : device.removable
          ? 'removable'
          : undefined
    if (why === undefined) wanted.push(placeOn(machine, device, arraysOn(device.path, own), skip))
    else skipped.push(`${device.name} (${why})`)
  }
  return { wanted, skipped }
}

function placeOn(machine: Machine, device: BlockDevice, arrays: readonly MdArray[], skip: Skipped): Place {
  return {
    device,
    beside: arrays.map(({ name }) => name),
    async each(use) {
      const target = await machine.openDisk(device, arrays.length > 0 ? 'shared' : 'exclusive')
      try {
        if (arrays.length === 0) return await use(target)
        // The root volume that is kept starts from there.
        const keepsFirmware = arrays.some((array) => skip.arrays.includes(array))
        await eachBesideArrays(target, device, arrays, { keepsFirmware, use })
      } finally {
        await target.close()
      }
    },
  }
}

interface EachDisk {
  /** What went wrong where some of them fail. */
  readonly failure: string
  /** Disks at once. */
  readonly atOnce: number
  /** Answers how it was done, for people; '' where there is one way only. `done`: bytes of this disk so far, out of `workBytes` of it. */
  erase(place: Place, done: (bytes: number) => void): Promise<string>
  workBytes(device: BlockDevice): number
}

/** Who cannot see all that is to be kept, or erased, erases nothing. */
async function refuseUnseen(context: CommandContext): Promise<void> {
  const { own, absent } = await arraysOf(context)
  const disks = await context.machine.listDisks()
  const isWritable = ({ path }: MdArray) => disks.some((disk) => disk.path === path && !disk.readOnly)
  const still = own.filter((array) => !isWritable(array)).map(({ name }) => name)
  // Whoever makes an array of the same UUID anew may hide things there.
  const isRoomy = ({ spans }: MdArray) => Object.values(spans).some(({ dataAt }) => dataAt > OVERHEAD_BYTES)
  const roomy = own.filter(isRoomy).map(({ name }) => name)
  const unknown = skippedOf(context, disks, own).unknownVolumes
  const why = [
    absent.length > 0 && `${absent.join(', ')} cannot be put together`,
    roomy.length > 0 && `${roomy.join(', ')} has room in front of its data that nothing here has made`,
    still.length > 0 && `${still.join(', ')} cannot be written`,
    unknown.length > 0 && `${unknown.join(', ')} of skip_block_devices is no array of this node`,
  ].filter(Boolean)
  if (why.length > 0) throw new AgentFault('SoftwareRAIDError', `nothing is erased: software RAID ${why.join('; ')}`)
}

/** Erases every disk that may be erased; DiskWriteError names those where that failed. Answers what was done, and what was left out. */
export async function eraseEachDisk(context: CommandContext, step: string, each: EachDisk): Promise<string> {
  await refuseUnseen(context)
  const { wanted, skipped } = await placesToErase(context)
  const total = wanted.reduce((sum, { device }) => sum + each.workBytes(device), 0)
  const done = new Map<string, number>()
  const tell = (name: string, bytes: number) => {
    done.set(name, bytes)
    context.progress(step, [...done.values()].reduce((sum, more) => sum + more, 0), total) // prettier-ignore
  }
  const [told, failures]: [string[], string[]] = [[], []]
  const waiting = [...wanted]
  const work = async () => {
    for (let place = waiting.shift(); place !== undefined; place = waiting.shift()) {
      const { device, beside } = place
      const { name, path } = device
      try {
        const how = await each.erase(place, (bytes) => tell(name, bytes))
        told.push([name, beside.length > 0 && `beside ${beside.join(' and ')}`, how].filter(Boolean).join(' '))
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
