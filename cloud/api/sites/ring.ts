// The ring of a site (ours): who has what and what is due to it, why a node is where it is, and what would move if a conductor left,
// drained, joined or weighed something else. Read from the rows; the hub's moves that are under way show as pending.
import { FaultError } from '../../../shared/faults.ts'
import { plan, labelText, type Member, type Move, type RingNode } from '../../../shared/ring.ts'
import { balances, changed, explain, whatIf, type Change } from '../../../shared/ring-explain.ts'
import { LABELS_FIELD } from '../../../shared/ring-labels.ts'
import { memberSql } from '../../membership.ts'
import { json, links, type Answer, type Call, type Route } from '../call.ts'
import { findConductor } from '../conductors-change.ts'
import { findNode } from '../nodes/find.ts'
import { IDENT, invalid, LIMIT, limitOf, readQuery } from '../query.ts'
import { findSite } from './find.ts'

interface RingConductor extends Member {
  readonly hostname: string
  readonly alive: boolean
}

interface Ring {
  readonly site: string
  readonly version: number
  readonly conductors: readonly RingConductor[]
  /** The live ones. */
  readonly members: readonly RingConductor[]
  readonly nodes: readonly RingNode[]
  /** Nodes that wait for a conductor that is away and may still finish a task, with the time at which that ends. */
  readonly held: ReadonlyMap<string, number>
}

/** Moves and nodes in an answer, unless `limit` asks for another number. */
const SHOWN = 100

async function readRing(call: Call, siteId: string): Promise<Ring> {
  const now = call.ports.env.now()
  const [site] = await call.sql.all('SELECT ring_version FROM sites WHERE id = ?', [siteId])
  const rows = await call.sql.all(
    `SELECT id, hostname, weight, draining, labels, (SELECT json_group_array(value ->> '$.name') FROM json_each(drivers)), ${memberSql('c', '?2')}` +
      ' FROM conductors c WHERE site = ?1 AND revoked_at IS NULL ORDER BY hostname',
    [siteId, now],
  )
  const conductors = rows.map(([id, hostname, weight, draining, labels, drivers, alive]): RingConductor => ({
    id: String(id),
    hostname: String(hostname),
    weight: Number(weight),
    draining: draining === 1,
    labels: JSON.parse(String(labels)) as Record<string, string>,
    drivers: JSON.parse(String(drivers)) as string[],
    alive: alive === 1,
  }))
  const members = conductors.filter((conductor) => conductor.alive)
  const live = new Set(members.map((member) => member.id))
  const held = new Map<string, number>()
  const found = await call.sql.all(
    `SELECT n.uuid, n.driver, n.driver_info ->> '$.${LABELS_FIELD}', n.conductor, n.task IS NOT NULL` +
      ', max(coalesce(t.tenure_ms, 0), coalesce(n.promised_ms, 0)), n.withheld' +
      ' FROM nodes n LEFT JOIN tasks t ON t.id = n.task WHERE n.site = ?',
    [siteId],
  )
  const nodes = found.map(([uuid, driver, labels, conductor, busy, tenure, withheld]): RingNode => {
    const owner = conductor as string | null
    if (owner !== null && !live.has(owner) && Number(tenure) > now) held.set(String(uuid), Number(tenure))
    return {
      id: String(uuid),
      driver: String(driver),
      labels: labels === null ? '' : labelText(JSON.parse(String(labels)) as Record<string, string>),
      withheld: withheld as string | null,
      owner,
      pinned: busy === 1,
    }
  })
  return { site: siteId, version: Number(site?.[0] ?? 0), conductors, members, nodes, held }
}

async function siteRing(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['node', 'without', 'drain', 'weight', 'limit'])
  const limit = query.has('limit') ? limitOf(query) : SHOWN
  const { id } = await findSite(call.sql, call.params['ident']!)
  const node = query.get('node')
  const found = node === undefined ? undefined : await findNode(call, node)
  if (found && found.site !== id) throw new FaultError('not_found', `Node ${node} is not of this site.`)
  const change = await changeOf(call, query, id)
  const ring = await readRing(call, id)
  return json({
    ...overview(ring, limit),
    ...(found ? { explain: explanation(ring, found.uuid) } : {}),
    ...(change ? { what_if: outlook(ring, change, limit) } : {}),
    links: links(call.base, `sites/${id}/ring`),
  })
}

async function nodeRing(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid, site } = await findNode(call, call.params['ident']!)
  return json({ ...explanation(await readRing(call, site), uuid), links: links(call.base, `nodes/${uuid}/ring`) })
}

/** `without=C`, `drain=C` or `weight=C:N`, of which there may be one; C by hostname or UUID. */
async function changeOf(call: Call, query: Map<string, string>, site: string): Promise<Change | undefined> {
  const kinds = (['without', 'drain', 'weight'] as const).filter((kind) => query.has(kind))
  const [kind] = kinds
  if (kind === undefined) return undefined
  if (kinds.length > 1) throw invalid('One of without, drain and weight may be given')
  const text = query.get(kind)!
  if (kind !== 'weight') return { kind, member: (await findConductor(call, text, site)).id }
  const parts = /^(.+):(\d{1,4})$/.exec(text)
  if (!parts || Number(parts[2]) < 1) throw invalid('Invalid value for weight: CONDUCTOR:N with N from 1 to 9999')
  const name = parts[1]!
  // A name that no conductor has is one that joins.
  const member = await findConductor(call, name, site).then(
    (found) => found.id,
    (error: unknown) => {
      if (error instanceof FaultError && error.fault.code === 'not_found') return name
      throw error
    },
  )
  return { kind, member, weight: Number(parts[2]) }
}

/** Nodes that the ring places now: those that wait for their tenure are left out. */
function placed(ring: Ring): RingNode[] {
  return ring.nodes.filter((node) => !ring.held.has(node.id))
}

function overview(ring: Ring, limit: number) {
  const nodes = placed(ring)
  const { moves, unplaceable } = plan(nodes, ring.members)
  const standing = new Map(balances(nodes, ring.members).map((balance) => [balance.id, balance]))
  const count = (id: string) => ring.nodes.filter((node) => node.owner === id).length
  const load = ring.members.map((member) => standing.get(member.id)!.held / member.weight)
  const mean = load.reduce((sum, each) => sum + each, 0) / load.length
  return {
    site_uuid: ring.site,
    ring_version: ring.version,
    nodes: ring.nodes.length,
    members: ring.conductors.map((conductor) => {
      const balance = standing.get(conductor.id)
      return {
        uuid: conductor.id,
        hostname: conductor.hostname,
        alive: conductor.alive,
        draining: conductor.draining,
        weight: conductor.weight,
        labels: conductor.labels,
        drivers: conductor.drivers,
        nodes: count(conductor.id),
        share: balance ? rounded(balance.share) : null,
        off_quota: balance ? rounded(balance.offQuota) : null,
      }
    }),
    /** Below 1: no conductor is a whole node away from its share of any kind of nodes. */
    imbalance: rounded(Math.max(0, ...[...standing.values()].map((balance) => balance.offQuota))),
    busiest_to_mean: mean > 0 ? rounded(Math.max(...load) / mean) : null,
    pending: moves.length,
    pending_moves: shown(ring, moves, limit),
    held_by_tenure: ring.held.size,
    unplaceable: unplaceable.length,
    unplaceable_nodes: unplaceable.slice(0, limit).map(({ node, why }) => ({ node_uuid: node, why })),
  }
}

function explanation(ring: Ring, node: string) {
  const until = ring.held.get(node)
  const told = explain(until === undefined ? placed(ring) : ring.nodes, ring.members, node)!
  const name = nameOf(ring)
  const away = ring.conductors.find((conductor) => conductor.id === told.owner)?.hostname ?? 'its conductor'
  const held =
    until === undefined ? null : `${away} is away, and may finish a task on it until ${new Date(until).toISOString()}`
  return {
    node_uuid: node,
    conductor_uuid: told.owner,
    conductor: told.owner === null ? null : name(told.owner),
    driver: told.driver,
    labels: told.labels,
    nodes_alike: told.groupSize,
    why: held ?? told.why.replace(/ it goes to (\S+)/, (_, id: string) => ` it goes to ${name(id)}`),
    next: told.next === null ? null : name(told.next),
    eligible: told.eligible.map(({ id, held: nodes, share }) => ({
      uuid: id,
      hostname: name(id),
      nodes,
      share: rounded(share),
    })),
    ineligible: told.ineligible.map(({ id, why }) => ({ uuid: id, hostname: name(id), why })),
  }
}

function outlook(ring: Ring, change: Change, limit: number) {
  const nodes = placed(ring)
  const { moves, unplaceable } = whatIf(nodes, ring.members, change)
  const { member, ...how } = change
  return {
    change: { ...how, conductor: nameOf(ring)(member) },
    members: changed(ring.members, change).length,
    moves: moves.length,
    moved_nodes: shown(ring, moves, limit),
    unplaceable: unplaceable.length,
    unplaceable_nodes: unplaceable.slice(0, limit).map(({ node, why }) => ({ node_uuid: node, why })),
  }
}

function shown(ring: Ring, moves: readonly Move[], limit: number) {
  const name = nameOf(ring)
  return moves
    .slice(0, limit)
    .map(({ node, from, to }) => ({ node_uuid: node, from: from === null ? null : name(from), to: name(to) }))
}

function nameOf(ring: Ring): (id: string) => string {
  const names = new Map(ring.conductors.map((conductor) => [conductor.id, conductor.hostname]))
  return (id) => names.get(id) ?? id
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

const RING_QUERY = {
  node: { about: 'Explains this node, too (UUID or name)', schema: IDENT },
  without: 'What would move if this conductor left',
  drain: 'What would move if this conductor were drained',
  weight: {
    about: 'CONDUCTOR:N, what would move if it weighed N',
    schema: { type: 'string', pattern: '^.+:[1-9][0-9]{0,3}$' },
  },
  limit: { about: `How many moves and nodes are named (${SHOWN} without)`, schema: LIMIT },
} as const

export const ringRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/sites/:ident/ring',
    about: 'Who has what, why, and what would move',
    query: RING_QUERY,
    run: siteRing,
  },
  { method: 'GET', path: '/v1/nodes/:ident/ring', about: 'Why a node is where it is', run: nodeRing },
]
