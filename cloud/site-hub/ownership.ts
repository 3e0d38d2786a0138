// Which conductor drives which node: carries the ring's moves out, and tells conductors what they are granted (ownership.md rules 3, 4).
// 1. A node leaves a live owner only by that owner's release. 2. Its new owner gets it with a higher number than anyone had before.
// 3. A task's tenure keeps its node where it is.
import { MAX_FRAME_BYTES, type FromConductor, type Grant } from '../../shared/protocol.ts'
import { plan, type Member } from '../../shared/ring.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { isPowerWatched, POWER_FAILURE } from '../provision/power-watch.ts'
import { nodes, ports } from '../schema/organisation.ts'
import { marks, select, update, type NodeRow, type PortRow } from '../schema/rows.ts'
import type { Peer } from '../ports.ts'
import { withSealed } from './secrets.ts'
import {
  activeTask,
  epochOf,
  nextNumber,
  sessionOf,
  type ConductorState,
  type HubState,
  type NodeIndex,
} from './state.ts'
import type { Turn } from './turn.ts'

/** Brings owners in line with the ring after its members or nodes changed. */
export async function rebalance(turn: Turn): Promise<void> {
  const { state } = turn
  const placed = [...state.nodes.values()]
    .filter((node) => !heldByTenure(turn, node))
    .map(({ id, driver, owner }) => ({ id, driver, owner, pinned: activeTask(state, id) !== undefined }))
  const { moves } = plan(placed, membersOf(state))
  if (moves.length === 0) return
  state.site.ring_version += 1
  const gained = new Map<string, string[]>()
  for (const move of moves) {
    const node = state.nodes.get(move.node)!
    const from = state.conductors.get(move.from ?? '')
    if (from && from.leaseUntil > 0) {
      askForRelease(turn, from, node)
    } else {
      setOwner(turn, node, move.to)
      gained.set(move.to, [...(gained.get(move.to) ?? []), node.id])
    }
  }
  for (const [id, list] of gained) await grant(turn, state.conductors.get(id)!, list)
}

/** Gives a new node to the least loaded conductor that serves its driver; the ring's laws still hold after it. */
export async function place(turn: Turn, node: NodeIndex): Promise<void> {
  const loads = new Map<string, number>()
  for (const other of turn.state.nodes.values())
    if (other.owner !== null) loads.set(other.owner, (loads.get(other.owner) ?? 0) + 1)
  const load = (member: Member) => (loads.get(member.id) ?? 0) / member.weight
  const eligible = membersOf(turn.state).filter((member) => member.drivers.includes(node.driver))
  const [best] = eligible.sort((a, b) => load(a) - load(b) || (a.id < b.id ? -1 : 1))
  if (!best) return
  setOwner(turn, node, best.id)
  await grant(turn, turn.state.conductors.get(best.id)!, [node.id])
}

/** All that a conductor owns, after its hello; only its tasks when it `kept` the grants. */
export async function sendGrants(turn: Turn, conductor: ConductorState, kept: boolean): Promise<void> {
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === conductor.row.id)
  for (const node of mine) {
    node.dropping = false
    if (activeTask(turn.state, node.id)) turn.assign.add(node.id)
  }
  if (kept) turn.send(conductor.peer, grantsMessage(turn, conductor, [], [], true))
  else {
    await grant(
      turn,
      conductor,
      mine.map((node) => node.id),
    )
  }
}

/** Sends nodes (again) to their owner, after a change of what it must know. */
export async function regrant(turn: Turn, uuid: string): Promise<void> {
  const index = turn.state.nodes.get(uuid)
  const conductor = turn.state.conductors.get(index?.owner ?? '')
  if (conductor?.peer) await grant(turn, conductor, [uuid])
}

export async function released(
  turn: Turn,
  peer: Peer,
  message: Extract<FromConductor, { type: 'released' }>,
): Promise<void> {
  const conductor = sessionOf(turn.state, peer)
  const node = turn.state.nodes.get(message.node)
  if (!conductor || !node || node.owner !== conductor.row.id || epochOf(turn.state, node) !== message.epoch) return
  setOwner(turn, node, null)
  await rebalance(turn)
}

/** Takes a node from its owner (deleted, or given up). */
export function drop(turn: Turn, node: NodeIndex): void {
  const owner = turn.state.conductors.get(node.owner ?? '')
  if (owner?.peer) turn.send(owner.peer, grantsMessage(turn, owner, [], [node.id], true))
}

function setOwner(turn: Turn, node: NodeIndex, owner: string | null): void {
  node.owner = owner
  node.dropping = false
  if (owner !== null) node.moved = nextNumber(turn.state)
  turn.write(update(nodes, 'uuid', node.id, { conductor: owner, moved: node.moved }))
}

function askForRelease(turn: Turn, from: ConductorState, node: NodeIndex): void {
  if (node.dropping || activeTask(turn.state, node.id)) return
  node.dropping = true
  turn.send(from.peer, grantsMessage(turn, from, [], [node.id], true))
}

async function grant(turn: Turn, conductor: ConductorState, uuids: readonly string[]): Promise<void> {
  if (!conductor.peer) return
  const specs = await grantsOf(turn, uuids)
  let page: Grant[] = []
  let bytes = 0
  for (const spec of specs) {
    const size = JSON.stringify(spec).length
    if (bytes + size > MAX_FRAME_BYTES / 2 && page.length > 0) {
      turn.send(conductor.peer, grantsMessage(turn, conductor, page, [], false))
      page = []
      bytes = 0
    }
    page.push(spec)
    bytes += size
  }
  turn.send(conductor.peer, grantsMessage(turn, conductor, page, [], true))
  for (const uuid of uuids) if (activeTask(turn.state, uuid)) turn.assign.add(uuid)
}

function grantsMessage(turn: Turn, conductor: ConductorState, add: Grant[], drop: string[], last: boolean) {
  return {
    type: 'grants' as const,
    session: conductor.row.session,
    ringVersion: turn.state.site.ring_version,
    add,
    drop,
    last,
  }
}

async function grantsOf(turn: Turn, uuids: readonly string[]): Promise<Grant[]> {
  const grants: Grant[] = []
  for (let i = 0; i < uuids.length; i += 500) {
    const some = uuids.slice(i, i + 500)
    await turn.prefetch(some)
    const nics = new Map<string, PortRow | null>()
    for (const port of await select(turn.sql, ports, `node IN (${marks(some.length)})`, some)) nics.set(port.uuid, port)
    for (const [port, row] of turn.portChanges) nics.set(port, row)
    for (const uuid of some)
      grants.push(
        grantOf(turn, await turn.node(uuid), [...nics.values()].filter((port) => port?.node === uuid) as PortRow[]),
      )
  }
  return grants
}

function grantOf(turn: Turn, node: NodeRow, nics: PortRow[]): Grant {
  const pool = turn.state.site.pool as { cidr: string; router?: string; dns?: string[] } | null
  return {
    node: node.uuid,
    epoch: epochOf(turn.state, turn.state.nodes.get(node.uuid)!),
    specVersion: node.spec_version,
    name: node.name,
    driver: node.driver,
    interfaces: node.interfaces as Record<string, string>,
    driverInfo: withSealed('driver_info', node.driver_info, node.secrets),
    properties: node.properties as Record<string, unknown>,
    ports: nics.map((port) => ({ uuid: port.uuid, address: port.address, pxeEnabled: port.pxe_enabled })),
    address:
      node.boot_ip === null || pool === null
        ? null
        : {
            ip: node.boot_ip,
            prefixLength: Number(pool.cidr.split('/')[1]),
            ...(pool.router ? { router: pool.router } : {}),
            ...(pool.dns ? { dns: pool.dns } : {}),
          },
    powerSync: isPowerWatched(node),
    ...(node.fault === POWER_FAILURE ? { powerFault: true } : {}),
  }
}

function membersOf(state: HubState): Member[] {
  return [...state.conductors.values()]
    .filter((conductor) => conductor.leaseUntil > 0 && !conductor.row.revoked_at)
    .map(({ row }) => ({
      id: row.id,
      weight: row.weight,
      drivers: (row.drivers as DriverFacts[]).map((driver) => driver.name),
    }))
}

/** Its owner is away, and may still finish the task that it has there: nobody else may have it before that time is over. */
function heldByTenure(turn: Turn, node: NodeIndex): boolean {
  const owner = turn.state.conductors.get(node.owner ?? '')
  const task = activeTask(turn.state, node.id)
  return owner?.leaseUntil === 0 && !!task?.tenure_ms && task.tenure_ms > turn.now
}
