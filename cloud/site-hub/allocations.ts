// The hub's part of allocations: a node of this site is given to one, backfilled, or taken back. What is chosen and what is written are one
// turn, so nobody comes in between. 1. An allocation gets one node, once: its row says `allocating` until then, and the batch fails otherwise.
import { FaultError } from '../../shared/faults.ts'
import { allocations } from '../schema/organisation-resources.ts'
import { laterStamp, select, type NodeRow } from '../schema/rows.ts'
import { ORDER, SUITABLE } from '../store/suitable-nodes.ts'
import type { Caller, HubCommand } from './commands.ts'
import { isUpdatable, refuseLocked } from './node-rules.ts'
import { traitsOf } from './traits.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>
type Allocation = typeof allocations.$inferSelect

/** How many candidates of one site are looked at in one turn. */
const MAX_CANDIDATES = 100

/** Gives the allocation a node of this site, at random; one whose name is the allocation's goes first. Answers null where none is left. */
export async function match(turn: Turn, command: Command<'allocation.match'>): Promise<{ node: string | null }> {
  const allocation = await waiting(turn, command.allocation)
  const candidates = await turn.sql.all(
    `SELECT n.uuid FROM nodes n JOIN allocations a ON a.uuid = ? WHERE n.site = ? AND ${SUITABLE} ORDER BY ${ORDER} LIMIT ${MAX_CANDIDATES}`,
    [allocation.uuid, turn.state.site.id],
  )
  await turn.prefetch(candidates.map(([uuid]) => String(uuid)))
  for (const [uuid] of candidates) {
    const node = await turn.node(String(uuid)).catch(() => null)
    if (node && (await isSuitable(turn, node, allocation))) {
      give(turn, node, allocation, command)
      return { node: node.uuid }
    }
  }
  return { node: null }
}

/** What a draft of this turn may have changed since the candidates were read. */
async function isSuitable(turn: Turn, node: NodeRow, { resource_class, owner, traits }: Allocation): Promise<boolean> {
  const isFree =
    node.provision_state === 'available' && !node.maintenance && node.instance_uuid === null && node.task === null
  const isTheirs = owner === null || node.owner === owner || node.lessee === owner
  if (!isFree || !isTheirs || node.resource_class !== resource_class) return false
  const wanted = traits as string[]
  if (wanted.length === 0) return true
  const has = await traitsOf(turn, node.uuid)
  return wanted.every((trait) => has.has(trait))
}

/** An allocation for a node that runs its instance already. */
export async function backfill(turn: Turn, command: Command<'allocation.backfill'>): Promise<{ node: string }> {
  const allocation = await waiting(turn, command.allocation)
  const node = await turn.node(command.node)
  refuseLocked(node)
  const wrong: string[] = []
  if (node.provision_state !== 'active') wrong.push(`it is in state "${node.provision_state}", not "active"`)
  if (allocation.resource_class !== null && allocation.resource_class !== node.resource_class)
    wrong.push(`its resource class is ${node.resource_class ?? 'none'}`)
  const traits = await traitsOf(turn, node.uuid)
  const missing = (allocation.traits as string[]).filter((trait) => !traits.has(trait))
  if (missing.length > 0) wrong.push(`it lacks the traits ${missing.join(', ')}`)
  const candidates = allocation.candidate_nodes as string[]
  if (candidates.length > 0 && !candidates.includes(node.uuid)) wrong.push('it is none of the candidate nodes')
  if (node.allocation !== null) wrong.push(`it has allocation ${node.allocation}`)
  if (node.instance_uuid !== null && node.instance_uuid !== allocation.uuid)
    wrong.push(`its instance is ${node.instance_uuid}, which the allocation must have as its UUID`)
  if (wrong.length > 0)
    throw new FaultError('conflict', `Cannot backfill an allocation for node ${node.uuid}: ${wrong.join('; ')}.`)
  give(turn, node, allocation, command)
  return { node: node.uuid }
}

/** Deletes the allocation and frees its node, where the node's state allows that. */
export async function release(turn: Turn, command: Command<'allocation.release'>): Promise<null> {
  const node = await turn.node(command.node)
  if (node.allocation !== command.allocation)
    throw new FaultError('not_found', `Allocation ${command.allocation} could not be found.`)
  const isFixed = node.task !== null || !isUpdatable(node) || node.provision_state === 'active'
  if (isFixed && !node.maintenance)
    throw new FaultError(
      'conflict',
      `Cannot remove allocation ${command.allocation} of node ${node.uuid} in state "${node.provision_state}".`,
      { hint: 'undeploy the node, which ends its allocation, or set maintenance first' },
    )
  const { traits: _, ...instance } = node.instance_info as Record<string, unknown>
  turn.updateNode(node.uuid, { instance_uuid: null, instance_info: instance })
  endAllocation(turn, node, command)
  return null
}

/** The node's instance is gone, and with it the allocation that it was for. */
export function endAllocation(turn: Turn, node: NodeRow, caller?: Caller): void {
  if (node.allocation === null) return
  turn.updateNode(node.uuid, { allocation: null })
  turn.write({ sql: 'DELETE FROM allocations WHERE uuid = ?', args: [node.allocation] })
  turn.changed(allocations).set(node.allocation, null)
  turn.event('allocation.deleted', { node: node.uuid, body: { allocation: node.allocation } }, caller)
}

async function waiting(turn: Turn, uuid: string): Promise<Allocation> {
  const changed = turn.changed(allocations)
  const stored = changed.has(uuid) ? changed.get(uuid) : (await select(turn.sql, allocations, 'uuid = ?', [uuid]))[0]
  if (!stored) throw new FaultError('not_found', `Allocation ${uuid} could not be found.`)
  if (stored.state !== 'allocating')
    throw new FaultError('conflict', `Allocation ${uuid} is "${stored.state}" and waits for no node.`)
  return stored
}

function give(turn: Turn, node: NodeRow, allocation: Allocation, caller: Caller): void {
  const traits = allocation.traits as string[]
  const instance = node.instance_info as Record<string, unknown>
  turn.updateNode(node.uuid, {
    instance_uuid: allocation.uuid,
    allocation: allocation.uuid,
    instance_info: traits.length > 0 ? { ...instance, traits } : instance,
  })
  const stamp = laterStamp(turn.now)
  // NOT NULL is violated when it was given a node, deleted or given up by somebody else meanwhile: then nothing of this batch is stored.
  turn.write({
    sql:
      `INSERT INTO allocations (uuid, state, created_at) VALUES (?, CASE WHEN EXISTS (SELECT 1 FROM allocations WHERE uuid = ? AND state = 'allocating') THEN 'active' END, ?)` +
      ` ON CONFLICT (uuid) DO UPDATE SET state = 'active', node = ?, resource_class = coalesce(resource_class, ?), last_error = NULL, updated_at = ${stamp.sql}`,
    args: [allocation.uuid, allocation.uuid, turn.time, node.uuid, node.resource_class, ...stamp.args],
  })
  turn.changed(allocations).set(allocation.uuid, { ...allocation, state: 'active', node: node.uuid })
  turn.event('allocation.made', { node: node.uuid, body: { allocation: allocation.uuid, traits } }, caller)
}
