// Which conductor drives which node: carries the ring's moves out, and tells conductors what they are granted (ownership.md rules 3, 4).
// 1. A node leaves a live owner only by that owner's release. 2. Its new owner gets it with a higher number than anyone had before.
// 3. A task's tenure keeps its node where it is. 4. A node that is on its way (target) has no new task sent to its old owner.
import { bytesInFrame, type FromConductor } from '../../shared/protocol.ts'
import { obstacle, placeOne, plan, type Member } from '../../shared/ring.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { isMember } from '../membership.ts'
import type { Peer } from '../ports.ts'
import { grantsMessage, grantsOf, pagesOf, tooLarge, type SizedGrant } from './grants.ts'
import { Loads } from './loads.ts'
import {
  activeTask,
  epochOf,
  isHeld,
  nextNumber,
  sessionOf,
  type ConductorState,
  type HubState,
  type NodeIndex,
} from './state.ts'
import { heldByTenure } from './tenure.ts'
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
      withheld: node.withheld,
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
    setTarget(turn, node, target)
    return isNews
  }
  if (!from || from.leaseUntil === 0 || takesBack(turn, from, node)) {
    give(turn, node, wanted)
    return true
  }
  const isNews = node.target !== wanted
  setTarget(turn, node, wanted)
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
 * Gives a new node, which nobody has yet, to the least loaded conductor that may have it; the ring's laws still hold after it. With weights
 * that can take more than one move.
 */
export async function place(turn: Turn, node: NodeIndex): Promise<void> {
  const eligible = membersOf(turn.state).filter((member) => obstacle(node, member) === null)
  if (eligible.length === 0) return
  const loads = (turn.state.loads ??= Loads.of(turn.state.nodes.values()))
  const best = placeOne(node.id, eligible, loads.alikeTo(node), loads.total)
  if (best === undefined) return rebalance(turn)
  give(turn, node, best)
  loads.add(node)
  turn.state.loads = loads
}

/** Tells conductors what they got in this turn. */
export async function sendGained(turn: Turn): Promise<void> {
  for (const [id, uuids] of turn.gained)
    if (uuids.size > 0) await grant(turn, turn.state.conductors.get(id)!, [...uuids], true)
  turn.gained.clear()
}

/**
 * All that a conductor owns, after its hello. When it kept the grants, only its tasks and the specs that are `stale`; null: it kept none. Nothing while
 * it waits for an earlier run.
 */
export async function sendGrants(
  turn: Turn,
  conductor: ConductorState,
  stale: readonly string[] | null,
): Promise<void> {
  if (isHeld(turn, conductor)) return turn.send(conductor.peer, grantsMessage(turn, conductor, [], [], true))
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === conductor.row.id)
  for (const node of mine) {
    node.dropping = false // it may not have heard, and is asked again
    if (activeTask(turn.state, node.id)) turn.assign.add(node.id)
  }
  const uuids = stale ?? mine.map((node) => node.id)
  if (stale?.length !== 0) await grant(turn, conductor, uuids, stale === null)
}

/** Sends nodes (again) to their owner, after a change of what it must know. */
export async function regrant(turn: Turn, uuid: string): Promise<void> {
  const index = turn.state.nodes.get(uuid)
  if (index && index.withheld !== null) await release(turn, index)
  const conductor = turn.state.conductors.get(index?.owner ?? '')
  // One that was asked to drop it would take it for given anew, and release what it then has.
  if (conductor?.peer && !index!.dropping) await grant(turn, conductor, [uuid], false)
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
    return turn.refusal('conductor.released', message.node, 'fenced', body, peer.conductor)
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

function setTarget(turn: Turn, node: NodeIndex, target: string | null): void {
  if (target === node.target) return
  node.target = target
  turn.state.loads = null
}

function setOwner(turn: Turn, node: NodeIndex, owner: string | null): void {
  node.owner = owner
  setTarget(turn, node, null)
  turn.state.loads = null
  node.dropping = false
  if (owner !== null) node.moved = nextNumber(turn.state)
  turn.state.promises.delete(node.id) // it was given back, or nobody can act by it
  turn.setOwnership(node.id, { conductor: owner, moved: node.moved, promised_ms: null })
}

function askForRelease(turn: Turn, node: NodeIndex): void {
  const from = turn.state.conductors.get(node.owner ?? '')
  if (node.dropping || !from?.peer || isHeld(turn, from) || activeTask(turn.state, node.id)) return
  node.dropping = true
  askFor(turn, from, node.id)
}

/** `isNew`: it holds none of them yet, so that what cannot be said need not stay its own. */
async function grant(turn: Turn, conductor: ConductorState, uuids: readonly string[], isNew: boolean): Promise<void> {
  if (!conductor.peer || isHeld(turn, conductor)) return
  // From here on it has to be asked for them.
  for (const uuid of uuids) turn.gained.get(conductor.row.id)?.delete(uuid)
  const grants: SizedGrant[] = []
  for (const spec of await grantsOf(turn, uuids)) {
    const bytes = bytesInFrame(spec)
    const why = tooLarge(spec, bytes)
    if (why === null) grants.push({ grant: spec, bytes })
    else withhold(turn, turn.state.nodes.get(spec.node)!, why, isNew)
  }
  const pages = pagesOf(grants)
  for (const page of pages) turn.send(conductor.peer, grantsMessage(turn, conductor, page, [], page === pages.at(-1)))
  const untold = turn.gained.get(conductor.row.id)
  for (const { grant: granted } of grants) {
    untold?.delete(granted.node)
    if (activeTask(turn.state, granted.node)) turn.assign.add(granted.node)
  }
}

/** Nobody is granted the node for what its row says; one that has it goes on with what it was told before. */
function withhold(turn: Turn, node: NodeIndex, why: string, isFree: boolean): void {
  if (isFree) setOwner(turn, node, null)
  if (node.withheld !== null) return
  node.withheld = why
  turn.state.loads = null
  turn.setOwnership(node.id, { withheld: why })
  turn.event('node.withheld', { node: node.id, body: { why } })
}

/** Its row was changed: may it be granted again? */
async function release(turn: Turn, node: NodeIndex): Promise<void> {
  const [spec] = await grantsOf(turn, [node.id])
  if (tooLarge(spec!) !== null) return
  node.withheld = null
  turn.state.loads = null
  turn.setOwnership(node.id, { withheld: null })
  await rebalance(turn)
}

function membersOf(state: HubState): Member[] {
  return [...state.conductors.values()].filter(isMember).map(({ row }) => ({
    id: row.id,
    weight: row.weight,
    drivers: (row.drivers as DriverFacts[]).map((driver) => driver.name),
    labels: row.labels as Record<string, string>,
    draining: row.draining,
  }))
}
