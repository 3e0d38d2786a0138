// Reading nodes: one statement per request, whose text goes to the client as it is.
import { STATE_NAMES } from '../../../shared/states.ts'
import { isUuid } from '../../../shared/ids.ts'
import type { SqlValue } from '../../ports.ts'
import { linkBase } from '../../store/json-sql.ts'
import { json, type Answer, type Call, type Route } from '../call.ts'
import { etag } from '../conditions.ts'
import { need } from '../microversion.ts'
import {
  BOOLEAN,
  boolean,
  equals,
  expression,
  fieldsArgument,
  invalid,
  isTrue,
  list,
  names,
  readQuery,
  UUID,
  type Filter,
  type ListKind,
} from '../query.ts'
import { BRIEF_NODE, FROM_NODES, NODE_FIELDS, NODE_SORT, STATES_FIELDS } from './fields.ts'
import { identColumn, noNode } from './find.ts'

const associated: Filter = {
  since: 1,
  schema: BOOLEAN,
  where: (text) => ({ sql: `n.instance_uuid IS ${boolean(text, 'associated') ? 'NOT NULL' : 'NULL'}`, args: [] }),
}

const provisionState: Filter = {
  since: 9,
  schema: { enum: STATE_NAMES },
  where(text) {
    if (!STATE_NAMES.some((state) => state === text)) throw invalid(`Provision state "${text}" is not valid`)
    return { sql: 'n.provision_state = @', args: [text] }
  },
}

const uuidFilter = (column: string, name: string): Filter => ({
  since: 1,
  schema: UUID,
  where(text) {
    if (!isUuid(text)) throw invalid(`Expected a UUID as ${name}, not "${text}"`)
    return { sql: `${column} = @`, args: [text.toLowerCase()] }
  },
})

export const NODES: ListKind = {
  key: 'nodes',
  noun: 'Node',
  from: FROM_NODES,
  uuid: 'n.uuid',
  id: 'n.id',
  fields: NODE_FIELDS,
  brief: BRIEF_NODE,
  sort: NODE_SORT,
  fieldsSince: 8,
  detailSince: 43,
  filters: {
    instance_uuid: uuidFilter('n.instance_uuid', 'instance_uuid'),
    chassis_uuid: uuidFilter('n.chassis_uuid', 'chassis_uuid'),
    associated,
    maintenance: isTrue('n.maintenance', 'maintenance', 1),
    provision_state: provisionState,
    driver: equals('n.driver', 16),
    resource_class: equals('n.resource_class', 21),
    fault: {
      since: 42,
      where: (text) => (text === 'none' ? { sql: 'n.fault IS NULL', args: [] } : { sql: 'n.fault = @', args: [text] }),
    },
    conductor_group: { since: 46, where: (text) => ({ sql: 's.name = @', args: [text.toLowerCase()] }) },
    conductor: equals('c.hostname', 49),
    owner: equals('n.owner', 50),
    description_contains: {
      since: 51,
      where: (text) => ({ sql: 'instr(lower(n.description), lower(@)) > 0', args: [text] }),
    },
    retired: isTrue('n.retired', 'retired', 61),
    lessee: equals('n.lessee', 65),
    project: {
      since: 65,
      where: (text): { sql: string; args: SqlValue[] } => ({ sql: 'n.owner = @ OR n.lessee = @', args: [text, text] }),
    },
  },
}

export const STATES = { noun: 'NodeStates', fields: STATES_FIELDS }

/** The node as JSON text; `fieldNames` sorted and joined by commas. Throws 404. */
export async function nodeText(
  call: Call,
  ident: string,
  kind: Pick<ListKind, 'fields'> = NODES,
  fieldNames?: string,
): Promise<string> {
  return (await nodeRow(call, ident, kind, fieldNames)).text
}

/** The same, with the version of its row. */
export async function nodeRow(
  call: Call,
  ident: string,
  kind: Pick<ListKind, 'fields'> = NODES,
  fieldNames?: string,
): Promise<{ text: string; version: number }> {
  const column = identColumn(ident, call.version)
  const sql = `SELECT ${expression(kind, call.version, fieldNames)}, n.version FROM ${FROM_NODES} WHERE n.${column} = ?2`
  const [row] = await call.sql.all(sql, [linkBase(call.base), column === 'uuid' ? ident.toLowerCase() : ident])
  if (!row) throw noNode(ident)
  return { text: String(row[0]), version: Number(row[1]) }
}

/** The whole node, with its ETag. */
export async function nodeAnswer(
  call: Call,
  ident: string,
  status = 200,
  headers?: Record<string, string>,
): Promise<Answer> {
  const { text, version } = await nodeRow(call, ident)
  return json(text, status, { ...headers, ...etag(call, version) })
}

async function getNode(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  if (fields !== undefined) need(call.version, NODES.fieldsSince, 'The argument fields')
  const ident = call.params['ident']!
  if (fields === undefined) return nodeAnswer(call, ident)
  return json(await nodeText(call, ident, NODES, names(fields).sort().join(',')))
}

async function getStates(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return json(await nodeText(call, call.params['ident']!, STATES))
}

export const readRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1/nodes', about: 'A page of nodes', list: NODES, run: (call) => list(NODES, call) },
  {
    method: 'GET',
    path: '/v1/nodes/detail',
    about: 'A page of nodes, each with all its fields',
    list: NODES,
    run: (call) => list(NODES, call, { detail: true, path: '/v1/nodes/detail' }),
  },
  {
    method: 'GET',
    path: '/v1/nodes/:ident',
    about: 'One node',
    one: NODES,
    query: fieldsArgument(NODES),
    run: getNode,
  },
  {
    method: 'GET',
    path: '/v1/nodes/:ident/states',
    about: 'What state a node is in, and which it is to be in',
    one: STATES,
    run: getStates,
  },
]
