// The steps of work on a node whose network interface puts its machine from one network to another.
import type { Step } from '../../shared/protocol.ts'
import { poweredForNetworks, withNetworks } from '../network-steps.ts'
import { ports } from '../schema/organisation.ts'
import type { NodeRow } from '../schema/rows.ts'
import { rowsWith } from '../site-hub/owned-rows.ts'
import type { Turn } from '../site-hub/turn.ts'
import { isWired } from './used-interfaces.ts'

/** `undone`: of an `undo`, the kind of work that is undone. */
export async function onNetworks(
  turn: Turn,
  node: NodeRow,
  kind: string,
  steps: readonly Step[],
  undone?: string,
): Promise<readonly Step[]> {
  if (!isWired(turn, node)) return steps
  // Only a node that is available has no instance that might be on its networks.
  const as = kind === 'deploy' && node.provision_state !== 'available' ? 'rebuild' : kind
  const wired = withNetworks(as, steps, undone)
  const nics = await rowsWith(turn, ports, 'node', node.uuid)
  // One that is never off needs none.
  return nics.some((nic) => nic['is_smartnic'] === true) && !node.disable_power_off ? poweredForNetworks(wired) : wired
}
