// What a hub keeps in memory, all of it re-loadable: its number, the conductors, an index of its nodes, the open tasks.
// A hub that starts takes the next number; every batch it commits fails when that number is no longer the site's (a second hub).
import { conductors, sites, tasks } from '../schema/organisation.ts'
import { select, type ConductorRow, type SiteRow, type TaskRow } from '../schema/rows.ts'
import type { Peer, Sql, Statement } from '../ports.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import { KeptRows } from './kept-rows.ts'
import type { Loads } from './loads.ts'
import type { Turn } from './turn.ts'
import { labelText } from '../../shared/ring.ts'
import { LABELS_FIELD } from '../../shared/ring-labels.ts'

/** A conductor; `leaseUntil` (ms, wall clock) is 0 while it has none. It is a member of the ring while it has a lease. */
export interface ConductorState {
  row: ConductorRow
  peer: Peer | null
  leaseUntil: number
  /** It said goodbye: nobody need wait for its lease. Set until its next hello. */
  stopped?: boolean
}

/** The part of a node that ownership needs; whole rows are read when a turn touches the node, and kept while it has a task. */
export interface NodeIndex {
  readonly id: string
  driver: string
  /** Labels that its conductor must have, as the ring writes them. */
  labels: string
  owner: string | null
  moved: number
  specVersion: number
  bootIp: string | null
  /** Why nobody is granted it, where that is for what its row says. */
  withheld: string | null
  /** The ring wants it there next; null: it stays. Its live owner is asked to release it when nothing is done with it. */
  target: string | null
  /** Its owner was asked. */
  dropping: boolean
}

export interface HubState {
  readonly no: number
  site: SiteRow
  readonly conductors: Map<string, ConductorState>
  readonly nodes: Map<string, NodeIndex>
  /** Open tasks of a node in their order (nseq): the first is active. */
  readonly tasks: Map<string, TaskRow[]>
  /** Node → until when its owner may act by the tenure of a task that has ended (ms, wall clock). */
  readonly promises: Map<string, number>
  readonly rows: KeptRows
  /** Null: to be counted. */
  loads: Loads | null
}

/** What a socket's attachment keeps over hibernation. */
export interface Attachment {
  /** -1: it has not said hello. */
  session: number
  /** How long its leases are, as the welcome said. */
  leaseMs: number
  /** As its upgrade was signed, and when that came. */
  incarnation: string
  openedAt: number
}

export async function loadState(sql: Sql, siteId: string, peers: readonly Peer[]): Promise<HubState> {
  // The number that this very update made: what is read afterwards may be that of a hub which started in the same moment.
  const taken = { sql: 'UPDATE sites SET hub_no = hub_no + 1 WHERE id = ? RETURNING hub_no', args: [siteId] }
  const [[[no] = []] = []] = await sql.batch([taken])
  const [site] = await select(sql, sites, 'id = ?', [siteId])
  if (!site) throw new Error(`site ${siteId} does not exist`)
  const state: HubState = {
    no: Number(no),
    site,
    conductors: new Map(),
    nodes: new Map(),
    tasks: new Map(),
    promises: new Map(),
    rows: new KeptRows(),
    loads: null,
  }

  for (const row of await select(sql, conductors, 'site = ?', [siteId])) {
    const peer = peers.find(
      ({ conductor, attachment }) =>
        conductor === row.id && (attachment as Attachment | undefined)?.session === row.session,
    )
    // A hub that starts trusts the horizon (rule 1): the lease may have been renewed from memory up to it. One that is past lapses in
    // the first turn.
    const leaseUntil = row.horizon_ms ?? 0
    state.conductors.set(row.id, { row, peer: peer ?? null, leaseUntil })
  }
  const index = await sql.all(
    `SELECT uuid, driver, conductor, moved, spec_version, boot_ip, promised_ms, withheld, driver_info ->> '$.${LABELS_FIELD}' FROM nodes WHERE site = ?`,
    [siteId],
  )
  for (const [id, driver, owner, moved, specVersion, bootIp, promised, withheld, labels] of index as [
    string,
    string,
    string | null,
    number,
    number,
    string | null,
    number | null,
    string | null,
    string | null,
  ][]) {
    const asked = labels === null ? '' : labelText(JSON.parse(labels) as Record<string, string>)
    state.nodes.set(id, {
      id,
      driver,
      labels: asked,
      owner,
      moved,
      specVersion,
      bootIp,
      withheld,
      target: null,
      dropping: false,
    })
    if (promised !== null) state.promises.set(id, promised)
  }
  for (const task of await select(sql, tasks, "site = ? AND state = 'open' ORDER BY nseq", [siteId])) {
    state.tasks.set(task.node, [...(state.tasks.get(task.node) ?? []), task])
  }
  return state
}

/** Reads again what others write of the site's row: its key and authority (by enrolment), its address pool (by the API). */
export async function refreshSite(sql: Sql, state: HubState): Promise<void> {
  const [site] = await select(sql, sites, 'id = ?', [state.site.id])
  const { counter, ring_version, offline_since } = state.site // the hub's own, perhaps drafted and not stored yet
  if (site) state.site = { ...site, counter, ring_version, offline_since }
}

/** First statement of every batch: violates NOT NULL when another hub has taken the site over. Marks the batch as `turn`'s. */
export function guard(state: HubState, turn: string): Statement {
  return {
    sql: 'UPDATE sites SET hub_no = CASE WHEN hub_no = ? THEN hub_no END, counter = ?, ring_version = ?, last_turn = ? WHERE id = ?',
    args: [state.no, state.site.counter, state.site.ring_version, turn, state.site.id],
  }
}

/** The next number of the site's one counter (rule 3); stored by the guard of the same batch. */
export function nextNumber(state: HubState): number {
  state.site.counter += 1
  return state.site.counter
}

/** max(node.moved, session of its owner): grows at every change of owner or session (rule 3). 0 while nobody owns it. */
export function epochOf(state: HubState, node: NodeIndex): number {
  const owner = node.owner === null ? undefined : state.conductors.get(node.owner)
  return owner ? Math.max(node.moved, owner.row.session) : 0
}

export function activeTask(state: HubState, node: string): TaskRow | undefined {
  return state.tasks.get(node)?.[0]
}

export function findTask(state: HubState, id: string): TaskRow | undefined {
  for (const list of state.tasks.values()) for (const task of list) if (task.id === id) return task
  return undefined
}

/** Is the node's owner there to drive it: under a lease? An owner that is away keeps its nodes while nobody else could have them. */
export function isDriven(state: HubState, uuid: string): boolean {
  return (ownerOf(state, uuid)?.leaseUntil ?? 0) > 0
}

export function ownerOf(state: HubState, uuid: string): ConductorState | undefined {
  return state.conductors.get(state.nodes.get(uuid)?.owner ?? '')
}

/** Does it wait until an earlier run of it, which may be alive, acts no more? Then nothing is granted to it. */
export function isHeld(turn: { readonly now: number }, { row }: ConductorState): boolean {
  return (row.held_ms ?? 0) > turn.now
}

/** The conductor whose present session this socket carries; undefined for an old or unknown one. */
export function sessionOf(state: HubState, peer: Peer): ConductorState | undefined {
  const conductor = state.conductors.get(peer.conductor)
  const attachment = peer.attachment as Attachment | undefined
  if (!conductor || conductor.leaseUntil === 0 || attachment?.session !== conductor.row.session) return undefined
  return conductor
}

/** Likewise, for a frame of this type; that it came without a session is in the audit log. */
export function speakerOf(turn: Turn, peer: Peer, type: FromConductor['type']): ConductorState | undefined {
  const conductor = sessionOf(turn.state, peer)
  if (!conductor) {
    const { session } = (peer.attachment as Attachment | undefined) ?? {}
    turn.refusal(`conductor.${type}`, peer.conductor, 'fenced', { session: session ?? null }, peer.conductor)
  }
  return conductor
}
