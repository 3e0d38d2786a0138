// What a task knows of its node when it begins, beside its steps.
import type { NodeRow } from '../schema/rows.ts'
import { withSealed } from '../site-hub/secrets.ts'
import { withBoot } from './deployed.ts'

/** Under which other services of an OpenStack know the instance, where one has named it. */
export function instanceOf({ instance_uuid }: NodeRow): Record<string, unknown> {
  return instance_uuid === null ? {} : { instance_uuid }
}

/**
 * `instance_info` with what is sealed of it, and what the instance that is there boots; networks where an instance comes; the RAID that there is, and
 * the one that is wanted; what an inspection compares its disks with.
 */
export function contextOf(node: NodeRow, kind: string): Record<string, unknown> {
  const target = node.target_raid_config as object
  const made = node.raid_config as object
  const networks = kind === 'deploy' || kind === 'rebuild' ? (node.network_data as object) : {}
  return {
    ...instanceOf(node),
    instance_info: withBoot(node, withSealed('instance_info', node.instance_info, node.secrets)),
    ...(Object.keys(networks).length > 0 && { network_data: networks }),
    ...(Object.keys(made).length > 0 && { raid_config: made }),
    ...(Object.keys(target).length > 0 && { target_raid_config: target }),
    ...(kind === 'inspect' && earlierDisks(node)),
  }
}

function earlierDisks({ driver_internal_info: info }: NodeRow): Record<string, unknown> {
  const { inspected_disks: disks } = info as { inspected_disks?: unknown }
  return Array.isArray(disks) ? { inspected_disks: disks } : {}
}
