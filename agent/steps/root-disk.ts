// The disk that the node's operating system goes to, opened.
import type { CommandContext } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import type { BlockTarget } from '../disk/block-target.ts'
import { arraysOn } from '../disk/md-arrays.ts'
import { chooseRootDisk } from '../disk/root-hints.ts'
import { arraysOf } from './arrays.ts'
import { skippedOf } from './skipped.ts'

type Hints = Record<string, unknown>
const isHints = (value: unknown): value is Hints => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The root volume of software RAID, where there is one. Else hints of the instance win over those of the node. What properties.skip_block_devices keeps
 * and members of arrays are never chosen.
 */
export async function findRootDisk(context: CommandContext): Promise<BlockDevice> {
  const { node, machine } = context
  const wanted = [node.instance_info['root_device'], node.properties['root_device']].find(isHints)
  const { own, others } = await arraysOf(context)
  const disks = await machine.listDisks()
  const root = own.find(({ isRoot }) => isRoot)
  const skip = skippedOf(context, disks, own)
  const volume = root && disks.find((disk) => disk.path === root.path && !skip.has(disk))
  if (volume) return volume
  const isHeld = ({ path }: BlockDevice) =>
    arraysOn(path, [...own, ...others]).length > 0 || others.some((array) => array.path === path)
  const free = disks.filter((disk) => !isHeld(disk))
  return chooseRootDisk(free, wanted, (disk) => skip.has(disk))
}

/**
 * Opens the root disk, does something with it, closes it. `changed`: the kernel then reads its partition table again (only then: while we hold the
 * disk, it refuses). A kernel that does not is a line in the log, since the next boot reads it anyway.
 */
export async function withRootDisk<T>(
  context: CommandContext,
  { changed }: { changed: boolean },
  use: (target: BlockTarget, device: BlockDevice) => Promise<T>,
): Promise<T> {
  const device = await findRootDisk(context)
  context.log(`root disk is ${device.path}, ${device.sizeBytes} bytes`)
  const target = await context.machine.openDisk(device)
  const result = await use(target, device).finally(() => target.close())
  const warning = changed ? await context.machine.rereadPartitions(device) : undefined
  if (warning) context.log(`partition table of ${device.path} not read again: ${warning}`)
  return result
}
