// Which nodes' power is watched, and what is kept of it: small facts that grants, power requests and power-sync.ts share.
import type { NodeFault } from '../../shared/states.ts'
import type { NodeRow } from '../schema/rows.ts'

/** Ironic's word for it in `fault`. */
export const POWER_FAILURE: NodeFault = 'power failure'

/** Nobody manages these: their credentials may be wrong, and a BMC may lock a user out who fails too often. */
const UNMANAGED: ReadonlySet<string> = new Set(['enroll', 'verifying'])

/** Does its conductor watch the node's power? */
export function isPowerWatched(node: Pick<NodeRow, 'provision_state' | 'maintenance' | 'fault'>): boolean {
  return !UNMANAGED.has(node.provision_state) && (!node.maintenance || node.fault === POWER_FAILURE)
}

/** Changes of a node whose power somebody asked for: differences that were counted before are over. */
export function withoutCount(node: NodeRow): Partial<NodeRow> {
  const { power_sync: counted, ...rest } = node.driver_internal_info as Record<string, unknown>
  return counted === undefined ? {} : { driver_internal_info: rest }
}
