// The agent has chosen the disk by the node's hints. A GiB is left for what partitions a disk, as Ironic leaves it.
import type { Hook } from '../found.ts'

const GIB = 1024 ** 3

export const rootDevice: Hook = ({ pluginData }) => {
  const { size = 0 } = (pluginData['root_disk'] ?? {}) as { size?: number }
  return { properties: { local_gb: Math.max(0, Math.floor(size / GIB) - 1) } }
}
