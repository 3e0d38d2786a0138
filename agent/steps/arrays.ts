// Whose an array is. The node's own are those whose UUIDs its raid_config has, as create_configuration answered them: a name on a superblock can be anybody's.
import type { CommandContext } from '../command.ts'
import type { MdArray } from '../disk/md-arrays.ts'

export interface NodeArrays {
  readonly own: readonly MdArray[]
  /** In the kernel, too, and on no record. */
  readonly others: readonly MdArray[]
  /** On record, and not to be put together, each as people know it. */
  readonly absent: readonly string[]
}

/** The node's own are put together, and nothing else is. They are among the machine's disks from then on. */
export async function arraysOf({ machine, node }: CommandContext): Promise<NodeArrays> {
  const recorded = recordedIn(node['raid_config'])
  const there = (await machine.raid?.list(recorded.map(({ uuid }) => uuid))) ?? []
  const isOwn = (array: MdArray) => recorded.some(({ uuid }) => uuid === array.uuid)
  return {
    own: there.filter(isOwn),
    others: there.filter((array) => !isOwn(array)),
    absent: recorded
      .filter(({ uuid }) => !there.some((array) => array.uuid === uuid))
      .map(({ uuid, name }) => name ?? uuid),
  }
}

function recordedIn(config: unknown): { uuid: string; name: string | undefined }[] {
  const disks = (config as { logical_disks?: unknown } | undefined)?.logical_disks
  const all = Array.isArray(disks) ? (disks as Record<string, unknown>[]) : []
  return all.flatMap(({ uuid, volume_name: name }) =>
    typeof uuid === 'string' ? [{ uuid, name: typeof name === 'string' ? name : undefined }] : [],
  )
}
