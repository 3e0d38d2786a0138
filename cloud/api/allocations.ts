// Allocations (1.52): somebody wants a node, described by class and traits. The row is the API's; the node is given by the hub of its site,
// in the background, so that the answer to the request says `allocating` and what comes of it is asked for.
import { z } from 'zod'
import { FaultError, toFault } from '../../shared/faults.ts'
import { allocations } from '../schema/organisation-resources.ts'
import type { Row } from '../ports.ts'
import { laterStamp } from '../schema/rows.ts'
import { fieldsOf, sortOf } from '../store/json-sql.ts'
import { FREE, LOCKED, ORDER, SUITABLE } from '../store/suitable-nodes.ts'
import { empty, json, type Answer, type Call, type Route } from './call.ts'
import { changed, onlyMatching } from './conditions.ts'
import { findNode, order, orderOnce } from './nodes/find.ts'
import { ofNode } from './ports/filters.ts'
import { equals, invalid, names, readQuery } from './query.ts'
import { mentioned, textOf } from './items.ts'
import type { Attributes, Body, Resource } from './resource.ts'
import { routesOf } from './resource-routes.ts'
import { chars, DictOrNull, Name, NodeIdent, text, Trait, Uuid } from './shapes.ts'
import { ofOrganisation } from './writers.ts'

const SINCE = 52
const { column, json: jsonField, common } = fieldsOf('a')

const FIELDS = [
  ...common('allocations', SINCE),
  column('name', SINCE),
  column('node_uuid', SINCE, 'node'),
  column('state', SINCE),
  column('last_error', SINCE),
  column('resource_class', SINCE),
  jsonField('traits', SINCE),
  jsonField('candidate_nodes', SINCE),
  jsonField('extra', SINCE),
  column('owner', 60),
]

const created = (since: number, schema: z.ZodType) => ({ since, schema, only: 'create' }) as const
const attributes: Attributes = {
  name: { since: SINCE, schema: Name.nullable() },
  extra: { since: SINCE, schema: DictOrNull, keys: true },
  resource_class: created(SINCE, chars(80, 1).nullable()),
  traits: created(SINCE, z.array(Trait).max(255)),
  candidate_nodes: created(SINCE, z.array(NodeIdent).max(1000)),
  owner: created(60, text(255)),
  node: created(58, NodeIdent),
  uuid: created(SINCE, Uuid),
}

const rows = ofOrganisation(allocations, {
  noun: 'Allocation',
  attributes,
  async complete(call, { node, candidate_nodes: candidates, ...body }) {
    if (node === undefined && typeof body['resource_class'] !== 'string')
      throw invalid('resource_class is needed, unless the node is named')
    const nodes: string[] = []
    for (const ident of (candidates ?? []) as string[]) nodes.push((await mentioned(findNode(call, ident))).uuid)
    const wanted = { ...body, candidate_nodes: [...new Set(nodes)], state: 'allocating' }
    return node === undefined ? wanted : { ...wanted, node: (await mentioned(findNode(call, String(node)))).uuid }
  },
})

export const ALLOCATIONS: Resource = {
  path: 'allocations',
  since: SINCE,
  tooOld: 'method.not_allowed',
  patchSince: 57,
  key: 'allocations',
  noun: 'Allocation',
  from: 'allocations a',
  uuid: 'a.uuid',
  id: 'a.id',
  namedSince: SINCE,
  fields: FIELDS,
  brief: FIELDS.map((field) => field.name),
  sort: sortOf(FIELDS, 'a.id'),
  fieldsSince: SINCE,
  detailSince: SINCE,
  filters: {
    // Of these it is an argument that is wrong, and not the place that is asked.
    node: { ...ofNode('a', SINCE), where: (text, call) => mentioned(ofNode('a', SINCE).where(text, call)) },
    resource_class: equals('a.resource_class', SINCE),
    state: equals('a.state', SINCE),
    owner: equals('a.owner', 60),
  },
  attributes,
  writer: {
    ...rows,
    async create(call, body) {
      const uuid = await rows.create(call, await asInstance(call, body))
      // As in Ironic, where the node is named there is nothing to look for, and the answer has what came of it.
      if (body['node'] !== undefined) await settle(call, uuid)
      return uuid
    },
    created: (call, uuid) => call.ports.background(settle(call, uuid)),
    async remove(call, { uuid }) {
      const match = onlyMatching(call)
      const [gone, [unchanged]] = (await call.sql.batch([
        {
          sql: `DELETE FROM allocations WHERE uuid = ? AND state <> 'active'${match.sql} RETURNING uuid`,
          args: [uuid, ...match.args],
        },
        { sql: `SELECT 1 FROM allocations WHERE uuid = ?${match.sql}`, args: [uuid, ...match.args] },
      ])) as [Row[], Row[]]
      if (gone.length > 0) return
      if (match.sql !== '' && !unchanged) throw changed()
      await release(call, uuid)
    },
  },
  /** Whoever waits for one that nobody works on (the process that did is gone) has it taken up again. */
  shown(call, item) {
    const { uuid, state, created_at: since } = JSON.parse(item) as Partial<Record<string, string>>
    if (state !== 'allocating' || !uuid || !since) return
    if (Date.parse(since) < call.ports.env.now() - ABANDONED_MS) call.ports.background(settle(call, uuid))
  },
}

/** An allocation for a node that has an instance already is that instance: it has its UUID. */
async function asInstance(call: Call, body: Body): Promise<Body> {
  if (body['node'] === undefined) return body
  const { uuid } = await mentioned(findNode(call, String(body['node'])))
  const [row] = await call.sql.all('SELECT instance_uuid, allocation FROM nodes WHERE uuid = ?', [uuid])
  const [instance, allocation] = row ?? []
  if (allocation)
    throw new FaultError('node.associated', `Node ${uuid} is associated with instance ${String(instance)}.`)
  return instance && body['uuid'] === undefined ? { ...body, uuid: String(instance) } : body
}

async function release(call: Call, uuid: string): Promise<void> {
  const [row] = await call.sql.all(
    'SELECT n.uuid, n.site FROM allocations a JOIN nodes n ON n.uuid = a.node WHERE a.uuid = ?',
    [uuid],
  )
  if (!row) throw new FaultError('not_found', `Allocation ${uuid} could not be found.`)
  await order(call, String(row[1]), { kind: 'allocation.release', allocation: uuid, node: String(row[0]) })
}

const ABANDONED_MS = 60_000
const TRIES = 3
const RETRY_MS = 500

/** Finds the allocation a node, or says in its row why there is none. Never rejects. */
async function settle(call: Call, uuid: string): Promise<void> {
  try {
    const [waiting] = await call.sql.all(`SELECT 1 FROM allocations WHERE uuid = ? AND state = 'allocating'`, [uuid])
    if (!waiting) return
    const why = await place(call, uuid)
    if (why !== null) await giveUp(call, uuid, why)
  } catch (error) {
    call.ports.log('error', 'allocation.failed', { allocation: uuid, request: call.requestId, error: String(error) })
    await giveUp(call, uuid, toFault(error).message).catch(() => undefined)
  }
}

async function giveUp(call: Call, uuid: string, why: string): Promise<void> {
  const stamp = laterStamp(call.ports.env.now())
  await call.sql.batch([
    {
      sql: `UPDATE allocations SET state = 'error', last_error = ?, node = NULL, updated_at = ${stamp.sql} WHERE uuid = ? AND state = 'allocating'`,
      args: [`Failed to process allocation ${uuid}: ${why}.`, ...stamp.args, uuid],
    },
  ])
}

/** Null when it is settled, else why it is not. */
async function place(call: Call, allocation: string): Promise<string | null> {
  const named = await call.sql.all(
    'SELECT n.uuid, n.site FROM allocations a JOIN nodes n ON n.uuid = a.node WHERE a.uuid = ?',
    [allocation],
  )
  let failure: string | null = null
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) await new Promise<void>((done) => void call.ports.env.setTimer(RETRY_MS * attempt, done))
    const outcome = named[0]
      ? await asked(call, String(named[0][1]), { kind: 'allocation.backfill', allocation, node: String(named[0][0]) })
      : await matched(call, allocation)
    if (outcome === 'settled') return null
    if (outcome === 'none') return reason(call, allocation)
    if (!outcome.retry) return outcome.why
    failure = outcome.why
  }
  return failure
}

type Outcome = 'settled' | 'none' | { readonly why: string; readonly retry: boolean }

/** One site after the other, each found by a suitable node at random, so that every node has the same chance. */
async function matched(call: Call, allocation: string): Promise<Outcome> {
  const tried: string[] = []
  let failure: Outcome = 'none'
  for (;;) {
    const [row] = await call.sql.all(
      `SELECT n.site FROM nodes n JOIN allocations a ON a.uuid = ?1 WHERE ${SUITABLE}` +
        ` AND n.site NOT IN (SELECT value FROM json_each(?2)) ORDER BY ${ORDER} LIMIT 1`,
      [allocation, JSON.stringify(tried)],
    )
    if (!row) return failure === 'none' && (await isAnyLocked(call, allocation)) ? ALL_LOCKED : failure
    const outcome = await asked(call, String(row[0]), { kind: 'allocation.match', allocation })
    if (outcome === 'settled') return outcome
    if (outcome !== 'none') failure = outcome
    tried.push(String(row[0]))
  }
}

const ALL_LOCKED: Outcome = { why: 'all suitable nodes are locked by other operations', retry: true }

async function isAnyLocked(call: Call, allocation: string): Promise<boolean> {
  const sql = `SELECT 1 FROM nodes n JOIN allocations a ON a.uuid = ? WHERE ${LOCKED} LIMIT 1`
  return (await call.sql.all(sql, [allocation])).length > 0
}

async function asked(
  call: Call,
  site: string,
  wanted:
    | { kind: 'allocation.match'; allocation: string }
    | { kind: 'allocation.backfill'; allocation: string; node: string },
): Promise<Outcome> {
  try {
    const { node } = (await orderOnce(call, site, wanted)) as { node: string | null }
    return node === null ? 'none' : 'settled'
  } catch (error) {
    const { code, message } = toFault(error)
    const retry = ['node.locked', 'unavailable', 'hub.superseded'].includes(code)
    return { why: message.replace(/\.$/, ''), retry }
  }
}

/** In Ironic's words. */
async function reason(call: Call, uuid: string): Promise<string> {
  const [row] = await call.sql.all(
    `SELECT a.resource_class, a.traits, a.candidate_nodes, EXISTS (SELECT 1 FROM nodes n WHERE ${FREE}) FROM allocations a WHERE a.uuid = ?`,
    [uuid],
  )
  const [resourceClass, traits, candidates, isFree] = row ?? []
  if (isFree === 1)
    return `no suitable nodes have the requested traits ${(JSON.parse(String(traits)) as string[]).join(', ')}`
  return candidates === '[]'
    ? `no available nodes match the resource class ${String(resourceClass)}`
    : `none of the requested nodes are available and match the resource class ${String(resourceClass)}`
}

/** The allocation that the node is for. Throws 404. */
async function ofThisNode(call: Call): Promise<string> {
  const ident = call.params['ident']!
  const { uuid } = await findNode(call, ident)
  const [row] = await call.sql.all(`SELECT uuid FROM allocations WHERE node = ? AND state = 'active'`, [uuid])
  if (!row) throw new FaultError('not_found', `Node ${ident} has no allocation.`)
  return String(row[0])
}

async function getOfNode(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  return json(await textOf(ALLOCATIONS, call, await ofThisNode(call), fields && names(fields).join(',')))
}

async function deleteOfNode(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  await release(call, await ofThisNode(call))
  return empty(204)
}

const OF_NODE = '/v1/nodes/:ident/allocation'
export const allocationRoutes: readonly Route[] = [
  ...routesOf(ALLOCATIONS),
  {
    method: 'GET',
    path: OF_NODE,
    since: SINCE,
    about: 'Shows the allocation of a node',
    query: { fields: 'comma list of fields to show' },
    run: getOfNode,
  },
  {
    method: 'DELETE',
    path: OF_NODE,
    since: SINCE,
    about: 'Deletes the allocation of a node',
    run: deleteOfNode,
  },
]
