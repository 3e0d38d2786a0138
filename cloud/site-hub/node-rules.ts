// Ironic's rules for changing and deleting a node: what its state, its instance and its flags forbid. Everything here only throws.
import { FaultError } from '../../shared/faults.ts'
import { networkDataProblem } from '../../shared/network-data.ts'
import { isResting, targetOf, type State } from '../../shared/states.ts'
import { isoTime, type NodeRow } from '../schema/rows.ts'
import type { PatchOperation } from './commands.ts'
import { ownerOf } from './state.ts'
import { tenureEnds } from './tenure.ts'
import type { Turn } from './turn.ts'

/** States that have a target and may be changed all the same. */
const UPDATABLE: ReadonlySet<string> = new Set([
  'deploy failed', 'inspect failed', 'inspect wait', 'clean failed', 'error', 'verifying', 'adopt failed', 'rescue failed',
  'unrescue failed', 'service hold', 'service failed',
]) // prettier-ignore
const INTERFACES_CHANGE = ['enroll', 'inspecting', 'inspect wait', 'manageable', 'available']
const PROTECTABLE = ['active', 'rescue']
const DELETABLE = ['manageable', 'enroll', 'adopt failed', 'available']

/** Its state allows it, and its volumes may go, too. */
export function isDeletable({ provision_state: state }: NodeRow): boolean {
  return DELETABLE.includes(state)
}

/** Somebody works on it. */
export function refuseLocked(node: NodeRow): void {
  if (node.task) throw locked(node.uuid, `host ${node.reservation ?? 'none yet'}`)
}

/** Its conductor is at work on another change of its networks. */
export function refusedBusy(node: string): FaultError {
  return locked(node, 'a change of its networks')
}

function locked(node: string, by: string): FaultError {
  return new FaultError(
    'node.locked',
    `Node ${node} is locked by ${by}, please retry after the current operation is completed.`,
  )
}

/** Its owner cannot be told that it is gone, and may still act on the machine by a promise: it would do so beside whoever gets it next. */
function refusePromised({ state, now }: Turn, node: NodeRow): void {
  const until = tenureEnds(state, node.uuid)
  const owner = ownerOf(state, node.uuid)
  if (until <= now || !owner || (owner.peer && owner.leaseUntil > 0)) return
  throw new FaultError(
    'node.locked',
    `Node ${node.uuid} may be acted on until ${isoTime(until)} by conductor ${owner.row.hostname}, which cannot be told to stop.`,
    {
      hint: `wait until then, or until it is back; when it is known to act no more: POST /v1/conductors/${owner.row.id}/declare-dead`,
    },
  )
}

export function isUpdatable(node: NodeRow): boolean {
  return node.target_provision_state === null || UPDATABLE.has(node.provision_state)
}

/** Before the patch is looked at: may this node be changed now? Waiting for an inspection's ramdisk forbids nothing. */
export function refusePatch(node: NodeRow, patch: readonly PatchOperation[]): void {
  if (node.provision_state !== 'inspect wait') refuseLocked(node)
  const [first, ...more] = patch
  const disassociates = more.length === 0 && first?.op === 'remove' && first.path === '/instance_uuid'
  if (isUpdatable(node) || (node.maintenance && disassociates)) return
  throw new FaultError(
    'conflict',
    `Node ${node.uuid} can not be updated while it is in state "${node.provision_state}" on its way to "${node.target_provision_state}".`,
    { hint: `wait until it is ${node.target_provision_state}` },
  )
}

type Fields = Readonly<Record<string, unknown>>

/** What the changes from `before` to `after` may not be. */
export async function refuseChanges(turn: Turn, node: NodeRow, before: Fields, after: Fields): Promise<void> {
  const { uuid, provision_state: state } = node
  const isNew = (field: string) => after[field] !== before[field] && after[field] !== null
  if (before['instance_uuid'] !== null && isNew('instance_uuid'))
    throw new FaultError(
      'node.associated',
      `Node ${uuid} is associated with instance ${String(before['instance_uuid'])}.`,
      {
        hint: 'remove instance_uuid first',
      },
    )
  if (
    node.allocation !== null &&
    before['instance_uuid'] !== after['instance_uuid'] &&
    state === 'active' &&
    !node.maintenance
  )
    throw new FaultError('conflict', `Node ${uuid} is active for allocation ${node.allocation}.`, {
      hint: 'undeploy it, which ends the allocation, or set maintenance first',
    })
  if (
    before['resource_class'] !== null &&
    before['resource_class'] !== after['resource_class'] &&
    !INTERFACES_CHANGE.includes(state)
  )
    throw new FaultError('conflict', `Node ${uuid} can not change its resource class in state "${state}".`)
  if (after['protected'] === true && before['protected'] !== true && !PROTECTABLE.includes(state))
    throw new FaultError(
      'conflict',
      `Node ${uuid} can be protected in the states active and rescue only, not in "${state}".`,
    )
  if (after['retired'] === true && before['retired'] !== true && state === 'available')
    throw new FaultError('conflict', `Node ${uuid} can not be retired in state "available".`, {
      hint: 'take it back first: PUT states/provision {"target": "manage"}',
    })
  if (isNew('driver')) refuseConsoleOn(node, 'driver')
  for (const flag of ['protected', 'retired'])
    if (after[flag] !== true && after[`${flag}_reason`] !== '' && isNew(`${flag}_reason`))
      throw new FaultError('request.invalid', `${flag}_reason needs ${flag}, which node ${uuid} is not.`)
  refuseNetworks(before, after)
  if (before['owner'] !== after['owner']) await refuseOwner(turn, node)
  await refuseReferences(turn, uuid, before, after)
}

/** Whoever the node is allocated to got it as the owner's. */
async function refuseOwner(turn: Turn, { uuid, allocation }: NodeRow): Promise<void> {
  if (allocation === null) return
  const [row] = await turn.sql.all('SELECT 1 FROM allocations WHERE uuid = ? AND owner IS NOT NULL', [allocation])
  if (row)
    throw new FaultError('conflict', `Node ${uuid} can not change its owner: allocation ${allocation} has one.`, {
      hint: 'delete the allocation first',
    })
}

/** A patch may change a part, so the whole is looked at. */
export function refuseNetworks(before: Fields, after: Fields): void {
  const given = after['network_data'] ?? {}
  if (JSON.stringify(given) === JSON.stringify(before['network_data'] ?? {})) return
  const problem = networkDataProblem(given)
  if (problem !== undefined) throw new FaultError('request.invalid', `${problem}.`)
}

/** Rows that the fields name must exist. Children have one level: a parent is nobody's child. */
export async function refuseReferences(turn: Turn, uuid: string, before: Fields, after: Fields): Promise<void> {
  const { chassis_uuid: chassis, parent_node: parent } = after
  if (typeof chassis === 'string' && chassis !== before['chassis_uuid']) {
    const [row] = await turn.sql.all('SELECT 1 FROM chassis WHERE uuid = ?', [chassis])
    if (!row) throw new FaultError('request.invalid', `Chassis ${chassis} could not be found.`)
  }
  if (typeof parent !== 'string' || parent === before['parent_node']) return
  if (parent === uuid) throw new FaultError('request.invalid', 'A node can not be its own parent.')
  const [row] = await turn.sql.all(
    'SELECT parent_node, EXISTS (SELECT 1 FROM nodes WHERE parent_node = ?) FROM nodes WHERE uuid = ?',
    [uuid, parent],
  )
  if (!row) throw new FaultError('request.invalid', `Parent node ${parent} could not be found.`)
  if (row[0] !== null)
    throw new FaultError('request.invalid', `Node ${parent} is a child itself, and can be no parent.`)
  if (row[1] === 1) throw new FaultError('request.invalid', `Node ${uuid} has children, and can be no child.`)
}

/** Whoever would stop it is no longer there afterwards. */
export function refuseConsoleOn(node: NodeRow, what: 'driver' | 'console interface'): void {
  if (!node.console_enabled) return
  throw new FaultError('conflict', `Node ${node.uuid} can not change its ${what} while its console is on.`, {
    hint: 'stop it first: PUT states/console {"enabled": false}',
  })
}

/** A new node may come with its console on where it has one. */
export function refuseConsole(node: NodeRow): void {
  const { console: chosen } = node.interfaces as Record<string, string>
  if (!node.console_enabled || (chosen !== undefined && chosen !== 'no-console')) return
  throw new FaultError(
    'driver.unsupported',
    `Driver ${node.driver} does not support console (disabled or not implemented).`,
  )
}

export function refuseInterfaces(node: NodeRow): void {
  if (INTERFACES_CHANGE.includes(node.provision_state) || node.maintenance) return
  throw new FaultError(
    'conflict',
    `Node ${node.uuid} can not change its driver or interfaces in state "${node.provision_state}".`,
  )
}

export async function refuseDelete(turn: Turn, node: NodeRow): Promise<void> {
  if (node.protected) throw new FaultError('node.protected', `Node ${node.uuid} is protected and can not be deleted.`)
  refuseLocked(node)
  refusePromised(turn, node)
  if (node.instance_uuid && !node.maintenance)
    throw new FaultError('node.associated', `Node ${node.uuid} is associated with instance ${node.instance_uuid}.`)
  if (!isDeletable(node) && !node.maintenance) {
    throw new FaultError(
      'conflict',
      `Can not delete node "${node.uuid}" while it is in provision state "${node.provision_state}".`,
      {
        hint: isResting(node.provision_state as State)
          ? 'undeploy it, or set maintenance first'
          : `wait until it is ${targetOf(node.provision_state as State)}`,
      },
    )
  }
  const [child] = await turn.sql.all('SELECT uuid FROM nodes WHERE parent_node = ? LIMIT 1', [node.uuid])
  if (child)
    throw new FaultError('conflict', `Node ${node.uuid} is the parent of node ${String(child[0])}.`, {
      hint: `delete its children first: GET /v1/nodes/${node.uuid}/children`,
    })
}

/** States in which what connects a node to its networks may change; in maintenance it always may. */
export function isRewirable(node: NodeRow): boolean {
  return node.maintenance || ['enroll', 'inspecting', 'inspect wait', 'manageable'].includes(node.provision_state)
}
