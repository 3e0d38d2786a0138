// Ports: a node's network interfaces.
import { FaultError } from '../../../shared/faults.ts'
import { isUuid, parseMac } from '../../../shared/ids.ts'
import type { NewPort } from '../../site-hub/commands.ts'
import { flag, json as jsonColumn, linkBase, links, type Field } from '../../store/json-sql.ts'
import { readBody } from '../body.ts'
import { empty, json, type Answer, type Call, type Route } from '../call.ts'
import { etag } from '../conditions.ts'
import { need } from '../microversion.ts'
import { PORT_PATCHABLE, PORT_SINCE, PortBody } from '../nodes/attributes.ts'
import { command, findNode, identColumn } from '../nodes/find.ts'
import { needFields } from '../nodes/write.ts'
import { checkPatch, PatchBody } from '../patch.ts'
import { expression, fieldsArgument, IDENT, invalid, list, names, readQuery, type ListKind } from '../query.ts'

/** As parseMac reads it. */
const MAC = { type: 'string', pattern: '^\\s*[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\\s*$' }
const FROM = 'ports p JOIN sites s ON s.id = p.site'
const field = (name: string, since: number, sql: Field['sql'] = `p.${name}`): Field => ({ name, since, sql })

export const PORT_FIELDS: readonly Field[] = [
  field('uuid', 1),
  field('address', 1),
  field('node_uuid', 1, 'p.node'),
  field('extra', 1, jsonColumn('p.extra')),
  field('created_at', 1),
  field('updated_at', 1),
  field('links', 1, links('ports', 'p.uuid')),
  field('internal_info', 18, jsonColumn('p.internal_info')),
  field('pxe_enabled', 19, flag('p.pxe_enabled')),
  field('local_link_connection', 19, jsonColumn('p.local_link_connection')),
  field('portgroup_uuid', 24, 'NULL'),
  field('physical_network', 34),
  field('is_smartnic', 53, flag('p.is_smartnic')),
  field('name', 88),
  field('description', 97),
]

const PORTS: ListKind = {
  key: 'ports',
  noun: 'Port',
  from: FROM,
  uuid: 'p.uuid',
  id: 'p.id',
  fields: PORT_FIELDS,
  brief: ['uuid', 'address', 'links'],
  sort: Object.fromEntries([
    ...[
      'uuid',
      'address',
      'created_at',
      'updated_at',
      'pxe_enabled',
      'physical_network',
      'is_smartnic',
      'name',
      'description',
    ].map((name) => [name, `p.${name}`] as const),
    ['node_uuid', 'p.node'],
    ['id', 'p.id'],
  ]),
  fieldsSince: 8,
  detailSince: 43,
  filters: {
    node: { since: 6, schema: IDENT, where: ofNode },
    node_uuid: { since: 1, schema: IDENT, where: ofNode },
    address: {
      since: 1,
      schema: MAC,
      where(text) {
        const address = parseMac(text)
        if (!address) throw invalid(`Expected a MAC address but received "${text}"`)
        return { sql: 'p.address = @', args: [address] }
      },
    },
    conductor_groups: {
      since: 99,
      about: 'Only of these conductor groups, separated by commas',
      where: (text) => ({
        sql: `s.name IN (${names(text)
          .map(() => '@')
          .join(', ')})`,
        args: names(text),
      }),
    },
    description_contains: {
      since: 97,
      where: (text) => ({ sql: 'instr(lower(p.description), lower(@)) > 0', args: [text] }),
    },
  },
}

async function ofNode(text: string, call: Call) {
  return { sql: 'p.node = @', args: [(await findNode(call, text)).uuid] }
}

interface FoundPort {
  readonly uuid: string
  readonly site: string
}

async function findPort(call: Call): Promise<FoundPort> {
  const [column, ident] = portIdent(call)
  const [row] = await call.sql.all(`SELECT uuid, site FROM ports p WHERE ${column} = ?`, [ident])
  if (!row) throw new FaultError('not_found', `Port ${ident} could not be found.`)
  return { uuid: String(row[0]), site: String(row[1]) }
}

/** By UUID; since 1.88 by name. */
function portIdent(call: Call): [column: string, ident: string] {
  const ident = call.params['ident']!
  if (isUuid(ident)) return ['p.uuid', ident.toLowerCase()]
  if (call.version < 88) throw invalid(`Expected a UUID but received "${ident}"`)
  return [`p.${identColumn(ident, call.version)}`, ident]
}

/** The whole port, with its ETag. */
async function portAnswer(
  call: Call,
  column: string,
  ident: string,
  status = 200,
  headers?: Record<string, string>,
): Promise<Answer> {
  const sql = `SELECT ${expression(PORTS, call.version)}, coalesce(p.updated_at, p.created_at) FROM ${FROM} WHERE ${column} = ?2`
  const [row] = await call.sql.all(sql, [linkBase(call.base), ident])
  if (!row) throw new FaultError('not_found', `Port ${ident} could not be found.`)
  return json(String(row[0]), status, { ...headers, ...etag(call, String(row[1])) })
}

async function portText(call: Call, column: string, ident: string, fieldNames?: string): Promise<string> {
  const sql = `SELECT ${expression(PORTS, call.version, fieldNames)} FROM ${FROM} WHERE ${column} = ?2`
  const [row] = await call.sql.all(sql, [linkBase(call.base), ident])
  if (!row) throw new FaultError('not_found', `Port ${ident} could not be found.`)
  return String(row[0])
}

async function getPort(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  if (fields !== undefined) need(call.version, PORTS.fieldsSince, 'The argument fields')
  if (fields === undefined) return portAnswer(call, ...portIdent(call))
  return json(await portText(call, ...portIdent(call), names(fields).sort().join(',')))
}

async function createPort(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const body: Record<string, unknown> = await readBody(call.request, PortBody)
  needFields(call, body, PORT_SINCE)
  const { node_uuid, node_ident, ...port } = body
  if ((node_uuid === undefined) === (node_ident === undefined))
    throw invalid('Either node_uuid or node_ident is needed')
  const node = await findNode(call, String(node_uuid ?? node_ident)).catch((error: unknown) => {
    // The resource named in a body is not the resource asked for.
    if (error instanceof FaultError && error.fault.code === 'not_found')
      throw invalid(error.fault.message.replace(/\.$/, ''))
    throw error
  })
  const { uuid } = (await command(call, node.site, {
    kind: 'port.create',
    port: { ...port, node: node.uuid } as NewPort,
  })) as { uuid: string }
  return portAnswer(call, 'p.uuid', uuid, 201, { Location: `${call.base}/v1/ports/${uuid}` })
}

async function patchPort(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const patch = checkPatch(await readBody(call.request, PatchBody), PORT_PATCHABLE, call.version)
  const port = await findPort(call)
  await command(call, port.site, { kind: 'port.patch', port: port.uuid, patch })
  return portAnswer(call, 'p.uuid', port.uuid)
}

async function deletePort(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const port = await findPort(call)
  await command(call, port.site, { kind: 'port.delete', port: port.uuid })
  return empty(204)
}

function portsOfNode(detail: boolean) {
  return async (call: Call): Promise<Answer> => {
    const ident = call.params['ident']!
    const { uuid } = await findNode(call, ident)
    const fixed = { sql: 'p.node = @', args: [uuid] }
    const path = `/v1/nodes/${ident}/ports`
    return detail
      ? list(PORTS, call, { fixed, detail: true, path: `${path}/detail` })
      : list(PORTS, call, { fixed, path })
  }
}

export const portRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1/nodes/:ident/ports', about: 'The ports of a node', list: PORTS, run: portsOfNode(false) },
  {
    method: 'GET',
    path: '/v1/nodes/:ident/ports/detail',
    about: 'The ports of a node, each with all its fields',
    list: PORTS,
    run: portsOfNode(true),
  },
  { method: 'GET', path: '/v1/ports', about: 'A page of ports', list: PORTS, run: (call) => list(PORTS, call) },
  {
    method: 'GET',
    path: '/v1/ports/detail',
    about: 'A page of ports, each with all its fields',
    list: PORTS,
    run: (call) => list(PORTS, call, { detail: true, path: '/v1/ports/detail' }),
  },
  { method: 'POST', path: '/v1/ports', about: 'Adds a port to a node', body: PortBody, one: PORTS, run: createPort },
  {
    method: 'GET',
    path: '/v1/ports/:ident',
    about: 'One port',
    one: PORTS,
    query: fieldsArgument(PORTS),
    run: getPort,
  },
  {
    method: 'PATCH',
    path: '/v1/ports/:ident',
    about: 'Changes a port',
    patch: PORT_PATCHABLE,
    one: PORTS,
    conditional: true,
    run: patchPort,
  },
  { method: 'DELETE', path: '/v1/ports/:ident', about: 'Removes a port', conditional: true, run: deletePort },
]
