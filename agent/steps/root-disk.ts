// The disk that the node's operating system goes to, opened.
import type { CommandContext } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import type { BlockTarget } from '../disk/block-target.ts'
import { chooseRootDisk } from '../disk/root-hints.ts'

type Hints = Record<string, unknown>
const isHints = (value: unknown): value is Hints => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Hints of the instance win over those of the node; properties.skip_block_devices are never chosen. */
export async function findRootDisk({ machine, node }: CommandContext): Promise<BlockDevice> {
  const wanted = [node.instance_info['root_device'], node.properties['root_device']].find(isHints)
  const skip = node.properties['skip_block_devices']
  return chooseRootDisk(await machine.listDisks(), wanted, Array.isArray(skip) ? skip.filter(isHints) : [])
}

/** The caller closes the target. */
export async function openRootDisk(context: CommandContext): Promise<{ device: BlockDevice; target: BlockTarget }> {
  const device = await findRootDisk(context)
  context.log(`root disk is ${device.path}, ${device.sizeBytes} bytes`)
  return { device, target: await context.machine.openDisk(device) }
}
