// Which conductor drives which node: carries the ring's moves out, and tells conductors what they are granted (ownership.md rules 3, 4).
// 1. A node leaves a live owner only by that owner's release. 2. Its new owner gets it with a higher number than anyone had before.
// 3. A task's tenure keeps its node where it is. 4. A node that is on its way (target) has no new task sent to its old owner.
import { bytesInFrame, MAX_FRAME_BYTES, type FromConductor, type Grant } from '../../shared/protocol.ts'
import { obstacle, placeOne, plan, type Member } from '../../shared/ring.ts'
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
    .map((node) => ({
      id: node.id,
      driver: node.driver,
      labels: node.labels,
      // Moves that are under way count as done: another change adds to them and does not begin anew.
      owner: node.target ?? node.owner,
      pinned: activeTask(state, node.id) !== undefined,
    }))
  const { moves, unplaceable } = plan(placed, membersOf(state))
  const to = new Map(moves.map((move) => [move.node, move.to]))
  const stuck = new Set(unplaceable.map(({ node }) => node))
  let changed = false
  for (const { id, owner } of placed) {
    const node = state.nodes.get(id)!
    const wanted = stuck.has(id) ? node.owner : (to.get(id) ?? owner)
    changed = send(turn, node, wanted) || changed
  }
  if (changed) state.site.ring_version += 1
}

/** Sets a node on its way to `wanted`. True when that is news. */
function send(turn: Turn, node: NodeIndex, wanted: string | null): boolean {
  const from = turn.state.conductors.get(node.owner ?? '')
  if (wanted === node.owner || wanted === null) {
    // Once asked for, a release comes: then its owner gets it again.
    const target = node.dropping ? node.owner : null
    const isNews = target !== node.target
    node.target = target
    return isNews
  }
  if (!from || from.leaseUntil === 0 || takesBack(turn, from, node)) {
    give(turn, node, wanted)
    return true
  }
  const isNews = node.target !== wanted
  node.target = wanted
  askForRelease(turn, node)
  return isNews
}

/** Has its owner not been told of it yet, so that it need not be asked? */
function takesBack(turn: Turn, from: ConductorState, node: NodeIndex): boolean {
  const untold = turn.gained.get(from.row.id)
  return untold?.delete(node.id) ?? false
}

/** Nothing is done with the node any more: its move, if it waits for that, goes on. */
export function becameIdle(turn: Turn, uuid: string): void {
  const node = turn.state.nodes.get(uuid)
  if (node && node.target !== null) askForRelease(turn, node)
}

/**
 * Gives a new node to the least loaded conductor that may have it; the ring's laws still hold after it. With weights that can take more
 * than one move.
 */
export async function place(turn: Turn, node: NodeIndex): Promise<void> {
  const eligible = membersOf(turn.state).filter((member) => obstacle(node, member) === null)
  if (eligible.length === 0) return
  const [held, total] = [new Map<string, number>(), new Map<string, number>()]
  for (const other of turn.state.nodes.values()) {
    const owner = other.target ?? other.owner
    if (owner === null || other === node) continue
    total.set(owner, (total.get(owner) ?? 0) + 1)
    if (other.driver === node.driver && other.labels === node.labels) held.set(owner, (held.get(owner) ?? 0) + 1)
  }
  const best = placeOne(node.id, eligible, held, total)
  if (best === undefined) return rebalance(turn)
  give(turn, node, best)
}

/** Tells conductors what they got in this turn. */
export async function sendGained(turn: Turn): Promise<void> {
  for (const [id, uuids] of turn.gained)
    if (uuids.size > 0) await grant(turn, turn.state.conductors.get(id)!, [...uuids])
  turn.gained.clear()
}

/** All that a conductor owns, after its hello; only its tasks when it `kept` the grants. */
export async function sendGrants(turn: Turn, conductor: ConductorState, kept: boolean): Promise<void> {
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === conductor.row.id)
  for (const node of mine) {
    node.dropping = false // it may not have heard, and is asked again
    if (activeTask(turn.state, node.id)) turn.assign.add(node.id)
  }
  const uuids = mine.map((node) => node.id)
  if (!kept) await grant(turn, conductor, uuids)
}

/** Sends nodes (again) to their owner, after a change of what it must know. */
export async function regrant(turn: Turn, uuid: string): Promise<void> {
  const index = turn.state.nodes.get(uuid)
  const conductor = turn.state.conductors.get(index?.owner ?? '')
  // One that was asked to drop it would take it for given anew, and release what it then has.
  if (conductor?.peer && !index!.dropping) await grant(turn, conductor, [uuid])
}

export async function released(
  turn: Turn,
  peer: Peer,
  message: Extract<FromConductor, { type: 'released' }>,
): Promise<void> {
  const conductor = sessionOf(turn.state, peer)
  const node = turn.state.nodes.get(message.node)
  if (!node) return
  const epoch = epochOf(turn.state, node)
  if (!conductor || node.owner !== conductor.row.id || epoch !== message.epoch) {
    const body = { epoch: message.epoch, now: epoch }
    return turn.audit('conductor.released', message.node, 'fenced', body, peer.conductor)
  }
  const target = membersOf(turn.state).find((member) => member.id === node.target)
  if (target && obstacle(node, target) === null) return give(turn, node, target.id)
  setOwner(turn, node, null)
  await rebalance(turn)
}

/** Takes a node from its owner (deleted, or given up). */
export function drop(turn: Turn, node: NodeIndex): void {
  const owner = turn.state.conductors.get(node.owner ?? '')
  if (owner) askFor(turn, owner, node.id)
}

function askFor(turn: Turn, { row }: ConductorState, node: string): void {
  turn.drafts++
  turn.dropped.set(row.id, (turn.dropped.get(row.id) ?? new Set()).add(node))
}

/** Ids of 64 characters: less than half of what a frame holds. */
const DROPPED_PER_FRAME = 400

/** Asks conductors for what they are to give back by this turn. */
export function sendDropped(turn: Turn): void {
  for (const [id, uuids] of turn.dropped) {
    const conductor = turn.state.conductors.get(id)
    // One that has come back in this turn was asked for anew, or keeps the node.
    const drop = [...uuids].filter((uuid) => turn.state.nodes.get(uuid)?.dropping !== false)
    for (let i = 0; conductor && i < drop.length; i += DROPPED_PER_FRAME)
      turn.send(conductor.peer, grantsMessage(turn, conductor, [], drop.slice(i, i + DROPPED_PER_FRAME), true))
  }
  turn.dropped.clear()
}

/** `to` hears of it at the end of the turn. */
function give(turn: Turn, node: NodeIndex, to: string): void {
  setOwner(turn, node, to)
  const gained = turn.gained.get(to) ?? new Set<string>()
  turn.gained.set(to, gained.add(node.id))
}

function setOwner(turn: Turn, node: NodeIndex, owner: string | null): void {
  node.owner = owner
  node.target = null
  node.dropping = false
  if (owner !== null) node.moved = nextNumber(turn.state)
  turn.write(update(nodes, 'uuid', node.id, { conductor: owner, moved: node.moved }))
}

function askForRelease(turn: Turn, node: NodeIndex): void {
  const from = turn.state.conductors.get(node.owner ?? '')
  if (node.dropping || !from?.peer || activeTask(turn.state, node.id)) return
  node.dropping = true
  askFor(turn, from, node.id)
}

async function grant(turn: Turn, conductor: ConductorState, uuids: readonly string[]): Promise<void> {
  if (!conductor.peer) return
  const specs = await grantsOf(turn, uuids)
  let page: Grant[] = []
  let bytes = 0
  for (const spec of specs) {
    const size = bytesInFrame(spec)
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
    for (const [port, row] of turn.changed(ports)) nics.set(port, row)
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
      labels: row.labels as Record<string, string>,
      draining: row.draining,
    }))
}

/** Its owner is away, and may still finish the task that it has there: nobody else may have it before that time is over. */
function heldByTenure(turn: Turn, node: NodeIndex): boolean {
  const owner = turn.state.conductors.get(node.owner ?? '')
  const task = activeTask(turn.state, node.id)
  return owner?.leaseUntil === 0 && !!task?.tenure_ms && task.tenure_ms > turn.now
}

/** At a site with one live conductor a task may be finished during a cut of the WAN; nobody else would do it anyway (rule 10). */
const LONE_TENURE_MS = 45 * 60_000

/** What the hub promises now for a task's node when its conductor falls silent. */
export function tenureMs(state: HubState): number {
  if (state.site.tenure_ms !== null) return state.site.tenure_ms
  const live = [...state.conductors.values()].filter((conductor) => conductor.leaseUntil > 0)
  return live.length === 1 ? LONE_TENURE_MS : 0
}
