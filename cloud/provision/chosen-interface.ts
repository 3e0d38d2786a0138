// A node whose deploy interface chooses (`autodetect`) has, while an instance is there, the one that was chosen for it; its own is kept beside, and is back
// when the instance has gone (Ironic's switch_interface and restore_interface).
import type { NodeRow } from '../schema/rows.ts'
import type { Turn } from '../site-hub/turn.ts'
import { withDeployed, withoutDeployed } from './deployed.ts'
import { chosenBy, instanceInterfaces, usedInterfaces } from './used-interfaces.ts'

type Internal = Record<string, unknown>
type Names = Readonly<Record<string, string>>
type Columns = Pick<NodeRow, 'interfaces' | 'driver_internal_info'>

/** Ironic's word for where it is kept. */
const KEPT = 'original_deploy_interface'

/** The node as its deployment begins: with what is chosen, and kept, for the instance that it has now, also where another was there before. */
export function withInstance(turn: Turn, before: NodeRow): NodeRow {
  const node = withChosen(turn, withoutDeployed(before))
  return withDeployed(node, instanceInterfaces(turn, node))
}

function withChosen(turn: Turn, node: NodeRow): NodeRow {
  const own = ownDeploy(node)
  if (own === undefined) return node
  const deploy = chosenBy(turn, node, own)
  if (deploy === (node.interfaces as Names)['deploy']) return node
  const interfaces = { ...(node.interfaces as Names), deploy }
  return { ...node, interfaces, driver_internal_info: { ...(node.driver_internal_info as Internal), [KEPT]: own } }
}

/** What a deployment of the instance that it has now would use. */
export function deployInterfaces(turn: Turn, node: NodeRow): Names {
  return usedInterfaces(turn, withInstance(turn, node))
}

/** What is its own again where no instance is: it has gone, or has failed to be adopted; and in any case after a cleaning. */
export function restored(node: NodeRow): Columns {
  const own = ownDeploy(node)
  const interfaces = own === undefined ? node.interfaces : { ...(node.interfaces as Names), deploy: own }
  return { interfaces, ...withoutKept(withoutDeployed(node)) }
}

/** Somebody has given the node another: that is its own now. */
export function withoutKept(node: NodeRow): Pick<Columns, 'driver_internal_info'> {
  const { [KEPT]: _, ...driver_internal_info } = node.driver_internal_info as Internal
  return { driver_internal_info }
}

function ownDeploy(node: NodeRow): string | undefined {
  const kept = (node.driver_internal_info as Internal)[KEPT]
  return typeof kept === 'string' ? kept : (node.interfaces as Names)['deploy']
}
