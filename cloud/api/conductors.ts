// Conductors, and the drivers that the live ones serve. A conductor is alive while its lease may run.
import { FaultError } from '../../shared/faults.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { isUuid } from '../../shared/ids.ts'
import { memberSql } from '../membership.ts'
import { flag, json as jsonColumn, shownArgs, links, objectSql, visible, type Field } from '../store/json-sql.ts'
import { json, links as linksTo, type Answer, type Call, type Route } from './call.ts'
import { need } from './microversion.ts'
import { INTERFACES } from './nodes/fields.ts'
import { BOOLEAN, boolean, fieldsArgument, invalid, limitOf, MAX_LIMIT, names, PAGE, readQuery } from './query.ts'

const FROM = 'conductors c JOIN sites s ON s.id = c.site JOIN (SELECT ?2 AS now_ms) clock'
const ALIVE = memberSql('c', 'clock.now_ms')
const SINCE = 49
// Conductors say their names themselves: escaped.
const HOSTNAME = 'substr(json_quote(c.hostname), 2, length(json_quote(c.hostname)) - 2)'

const field = (name: string, sql: Field['sql']): Field => ({ name, since: SINCE, sql })

const integer = (name: string, sql: string): Field => ({ name, since: SINCE, sql, type: 'integer' })

/** hostname to links are Ironic's; the rest is ours. */
const CONDUCTOR_FIELDS: readonly Field[] = [
  field('hostname', 'c.hostname'),
  field('conductor_group', 's.name'),
  field('alive', flag(ALIVE)),
  field('drivers', jsonColumn(`(SELECT json_group_array(value ->> '$.name') FROM json_each(c.drivers))`)),
  field('created_at', 'c.created_at'),
  field('updated_at', 'c.updated_at'),
  field('links', links('conductors', HOSTNAME)),
  field('uuid', 'c.id'),
  field('site_uuid', 'c.site'),
  field('version', 'c.version'),
  field('labels', jsonColumn('c.labels')),
  integer('weight', 'c.weight'),
  field('draining', flag('c.draining')),
  integer('session', 'c.session'),
  integer('nodes', '(SELECT count(*) FROM nodes n WHERE n.conductor = c.id)'),
  field('revoked_at', 'c.revoked_at'),
]
export const CONDUCTORS = { key: 'conductors', noun: 'Conductor', fields: CONDUCTOR_FIELDS }
const CONDUCTORS_QUERY = {
  ...PAGE,
  marker: 'Host name of the last one of the page before',
  sort_key: { about: 'What it is sorted by', schema: { enum: ['id', 'hostname', 'created_at'] } },
  sort_dir: { about: 'Direction', schema: { enum: ['asc', 'desc'] } },
  ...fieldsArgument(CONDUCTORS),
  detail: { about: 'All fields', schema: BOOLEAN },
}
const DRIVERS_QUERY = {
  type: { about: 'Only these', schema: { enum: ['classic', 'dynamic'] } },
  detail: { about: 'All fields', schema: BOOLEAN },
  fields: {
    about: 'Only these fields, separated by commas',
    schema: { type: 'array', minItems: 1, items: { enum: ['name', 'hosts', 'properties', 'type'] } },
  },
}
const BRIEF = ['hostname', 'conductor_group', 'alive', 'links']

async function listConductors(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['limit', 'marker', 'sort_key', 'sort_dir', 'fields', 'detail'])
  const fields = query.get('fields')
  const detail = boolean(query.get('detail') ?? 'false', 'detail')
  if (fields !== undefined && detail) throw invalid('Either detail or fields may be given, not both')
  if (!['id', 'hostname', 'created_at'].includes(query.get('sort_key') ?? 'id'))
    throw invalid(`The sort_key "${query.get('sort_key')}" cannot be sorted by`)
  const direction = query.get('sort_dir') ?? 'asc'
  if (direction !== 'asc' && direction !== 'desc') throw invalid('Invalid value for sort_dir: asc or desc')
  const [limit, marker] = [limitOf(query), query.get('marker')]
  const wanted = detail
    ? visible(CONDUCTOR_FIELDS, call.version)
    : visible(CONDUCTOR_FIELDS, call.version, fields === undefined ? BRIEF : names(fields))
  if (
    marker !== undefined &&
    (await call.sql.all('SELECT 1 FROM conductors WHERE hostname = ?', [marker])).length === 0
  ) {
    throw new FaultError('not_found', `Conductor ${marker} could not be found.`)
  }
  const after = marker === undefined ? '' : `WHERE c.hostname ${direction === 'asc' ? '>' : '<'} ?3`
  // A site and a hostname name one conductor; without a group in the marker, hostnames should differ between sites.
  const sql = `SELECT c.hostname, ${objectSql(wanted, call.version)} FROM ${FROM} ${after} ORDER BY c.hostname ${direction} LIMIT ${limit}`
  const rows = await call.sql.all(sql, [...shownArgs(call), ...(marker === undefined ? [] : [marker])])
  let body = `{"conductors":[${rows.map((row) => row[1]).join(',')}]`
  if (rows.length === limit) {
    for (const [name, value] of [
      ['limit', String(limit)],
      ['marker', String(rows.at(-1)![0])],
    ] as const)
      query.set(name, value)
    const next = JSON.stringify(`${call.base}/v1/conductors?${new URLSearchParams([...query])}`)
    body += `,"next":${next},"conductors_links":[{"rel":"next","href":${next}}]`
  }
  return json(`${body}}`)
}

/** By hostname, or by UUID. */
async function getConductor(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  return json(await showConductor(call, call.params['ident']!, fields))
}

/** The conductor as JSON text. Throws 404. */
export async function showConductor(call: Call, ident: string, fields?: string): Promise<string> {
  const wanted = visible(CONDUCTOR_FIELDS, call.version, fields === undefined ? undefined : names(fields))
  const column = isUuid(ident) ? 'id' : 'hostname'
  const sql = `SELECT ${objectSql(wanted, call.version)} FROM ${FROM} WHERE c.${column} = ?3`
  const [row] = await call.sql.all(sql, [...shownArgs(call), column === 'id' ? ident.toLowerCase() : ident])
  if (!row) throw new FaultError('not_found', `Conductor ${ident} could not be found.`)
  return String(row[0])
}

interface Served {
  readonly facts: DriverFacts
  readonly hosts: readonly string[]
}

/** The drivers of the live conductors, each with what any of them has of it. */
async function served(call: Call): Promise<Map<string, Served>> {
  const rows = await call.sql.all(
    `SELECT hostname, drivers FROM conductors c WHERE ${memberSql('c', '?')} ORDER BY hostname`,
    [call.ports.env.now()],
  )
  const found = new Map<string, Served>()
  for (const [hostname, drivers] of rows) {
    for (const facts of JSON.parse(String(drivers)) as DriverFacts[]) {
      const known = found.get(facts.name)
      found.set(facts.name, {
        facts: known ? united(known.facts, facts) : facts,
        hosts: [...(known?.hosts ?? []), String(hostname)],
      })
    }
  }
  return found
}

/** As Ironic has it: of conductors of several versions none has to have all. What both have is as the first has it. */
function united(one: DriverFacts, other: DriverFacts): DriverFacts {
  const interfaces = Object.entries(other.interfaces).map(([iface, names]) => [
    iface,
    [...new Set([...(one.interfaces[iface] ?? []), ...names])],
  ])
  return {
    ...one,
    interfaces: { ...one.interfaces, ...Object.fromEntries(interfaces) },
    properties: { ...other.properties, ...one.properties },
  }
}

function driverObject(call: Call, { facts, hosts }: Served, detail: boolean) {
  const { name } = facts
  const shown: Record<string, unknown> = { name, hosts, links: linksTo(call.base, `drivers/${name}`) }
  if (call.version >= 14) shown['properties'] = linksTo(call.base, `drivers/${name}/properties`)
  if (call.version < 30) return shown
  shown['type'] = 'dynamic'
  for (const [iface, since] of Object.entries(detail ? INTERFACES : {})) {
    // Those that nodes show up to 1.31 a driver has at once.
    if (since > 31 && call.version < since) continue
    const offered = facts.interfaces[iface] ?? []
    shown[`default_${iface}_interface`] = offered[0] ?? null
    shown[`enabled_${iface}_interfaces`] = offered
  }
  return shown
}

async function listDrivers(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['type', 'detail', 'fields'])
  const [type, fields] = [query.get('type'), query.get('fields')]
  if (type !== undefined || query.has('detail')) need(call.version, 30, 'The arguments type and detail')
  if (fields !== undefined) need(call.version, 77, 'The argument fields')
  if (type !== undefined && type !== 'classic' && type !== 'dynamic') throw invalid(`"${type}" is not a type of driver`)
  const detail = boolean(query.get('detail') ?? 'false', 'detail')
  if (detail && fields !== undefined) throw invalid('Either detail or fields may be given, not both')
  const found = type === 'classic' ? [] : [...(await served(call)).values()]
  const drivers = found.map((driver) => picked(driverObject(call, driver, detail || fields !== undefined), fields))
  return json({ drivers: drivers.slice(0, MAX_LIMIT) })
}

function picked(driver: Record<string, unknown>, fields: string | undefined): Record<string, unknown> {
  if (fields === undefined) return driver
  const wanted = [...names(fields), 'links']
  for (const name of wanted) if (!(name in driver)) throw invalid(`Field "${name}" does not exist`)
  return Object.fromEntries(Object.entries(driver).filter(([name]) => wanted.includes(name)))
}

async function findDriver(call: Call): Promise<Served> {
  const name = call.params['name']!
  const driver = (await served(call)).get(name)
  if (!driver)
    throw new FaultError('not_found', `Driver ${name} could not be found.`, {
      hint: 'GET /v1/drivers lists the drivers of the live conductors',
    })
  return driver
}

async function getDriver(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  if (fields !== undefined) need(call.version, 77, 'The argument fields')
  return json(picked(driverObject(call, await findDriver(call), true), fields))
}

async function driverProperties(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return json((await findDriver(call)).facts.properties)
}

export const conductorRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/conductors',
    since: SINCE,
    about: 'A page of conductors',
    query: CONDUCTORS_QUERY,
    list: CONDUCTORS,
    run: listConductors,
  },
  {
    method: 'GET',
    path: '/v1/conductors/:ident',
    since: SINCE,
    about: 'One conductor',
    one: CONDUCTORS,
    query: fieldsArgument(CONDUCTORS),
    run: getConductor,
  },
  {
    method: 'GET',
    path: '/v1/drivers',
    about: 'The drivers that live conductors serve',
    query: DRIVERS_QUERY,
    run: listDrivers,
  },
  {
    method: 'GET',
    path: '/v1/drivers/:name',
    about: 'One driver',
    query: { fields: DRIVERS_QUERY.fields },
    run: getDriver,
  },
  {
    method: 'GET',
    path: '/v1/drivers/:name/properties',
    about: 'What a driver wants to know: fields of driver_info',
    run: driverProperties,
  },
]
