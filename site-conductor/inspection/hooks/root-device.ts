// The agent has chosen the disk by the node's hints. A GiB is left for what partitions a disk, as Ironic leaves it.
import type { Found, Hook } from '../found.ts'

const GIB = 1024 ** 3
/** Smaller ones are no root disks (Ironic's rule). */
const LEAST_BYTES = 4 * GIB

export const rootDevice: Hook = (found) => {
  const size = sizeOf(found)
  return size === undefined ? undefined : { properties: { local_gb: Math.max(0, Math.floor(size / GIB) - 1) } }
}

/** Undefined: nobody has said which disk it is, and the node's hints are for an agent. */
function sizeOf({ inventory, pluginData: { root_disk: root }, properties }: Found): number | undefined {
  if (root !== undefined) return (root as { size?: number } | null)?.size ?? 0
  if (properties['root_device'] !== undefined) return undefined
  const sizes = (inventory.disks ?? []).map(({ size }) => size).filter((size) => size >= LEAST_BYTES)
  return sizes.length === 0 ? 0 : Math.min(...sizes)
}
