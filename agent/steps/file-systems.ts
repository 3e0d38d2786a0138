// The file systems that files can be written into: of the root disk, in the order of its partitions, or of the one that is named.
import type { CommandContext } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { type FileSystem, fileSystemAt } from '../disk/file-system.ts'
import { partitionPath } from '../disk/md-arrays.ts'
import { listPartitions, readPartitionTable } from '../disk/partition-table.ts'
import { AgentFault } from '../fault.ts'
import { findRootDisk } from './root-disk.ts'

export interface FoundFileSystem {
  readonly device: string
  readonly type: FileSystem
}

/** `partition`: a number on the root disk, or a device node. Throws DeviceNotFound for one that is not there or has nothing that can be mounted. */
export async function fileSystemsFor(
  context: CommandContext,
  partition: number | string | undefined,
): Promise<FoundFileSystem[]> {
  if (typeof partition === 'string' && partition.startsWith('/')) return [await namedBy(context, partition)]
  const root = await findRootDisk(context)
  const found = await fileSystemsOn(context, root)
  if (partition === undefined) return found
  const device = partitionPath(root.path, Number(partition))
  return [foundOrThrow(found, device)]
}

async function namedBy(context: CommandContext, node: string): Promise<FoundFileSystem> {
  const disks = await context.machine.listDisks()
  // The longest: sda1 is no partition of sda where there is a disk sda1.
  const [disk] = disks.filter(({ path }) => node.startsWith(path)).sort((a, b) => b.path.length - a.path.length)
  if (disk === undefined) throw new AgentFault('DeviceNotFound', `${node} is on no disk of this machine`)
  return foundOrThrow(await fileSystemsOn(context, disk), node)
}

function foundOrThrow(found: readonly FoundFileSystem[], device: string): FoundFileSystem {
  const one = found.find((each) => each.device === device)
  if (one) return one
  throw new AgentFault(
    'DeviceNotFound',
    `${device} has no file system that this ramdisk can write, or is not there`,
    `there are ${found.map((each) => `${each.device} (${each.type})`).join(', ') || 'none'}`,
  )
}

/** The disk is closed again when this is answered: a partition of a disk that is held cannot be mounted. */
async function fileSystemsOn({ machine }: CommandContext, disk: BlockDevice): Promise<FoundFileSystem[]> {
  const target = await machine.openDisk(disk, 'read')
  try {
    const table = await readPartitionTable(target)
    const places =
      table.kind === 'none'
        ? [{ device: disk.path, startBytes: 0, sizeBytes: target.sizeBytes }]
        : listPartitions(table, target.sectorBytes).map((each) => ({
            ...each,
            device: partitionPath(disk.path, each.number),
          }))
    const found: FoundFileSystem[] = []
    for (const { device, ...place } of places) {
      const type = await fileSystemAt(target, place)
      if (type) found.push({ device, type })
    }
    return found
  } finally {
    await target.close()
  }
}
