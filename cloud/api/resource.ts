// A resource of the API as one table: fields, filters, attributes, and who writes it. From that come its list, its items and their
// creation, change and deletion; no resource's file repeats them.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { isUuid } from '../../shared/ids.ts'
import type { PatchOperation } from '../site-hub/commands.ts'
import { shownArgs } from '../store/json-sql.ts'
import { readBody } from './body.ts'
import { etag } from './conditions.ts'
import { empty, type Answer, type Call, type Route } from './call.ts'
import { need } from './microversion.ts'
import { identColumn } from './nodes/find.ts'
import type { Condition } from './order.ts'
import { checkPatch, PatchBody, type Patchable } from './patch.ts'
import { expression, fieldsArgument, invalid, list, listQuery, names, readQuery, type ListKind } from './query.ts'

/** Something that is given at creation, changed by PATCH, or both. */
export interface Attribute extends Patchable {
  readonly only?: 'create' | 'patch'
  /** Creation does not go without it. */
  readonly required?: true
}
export type Attributes = Readonly<Record<string, Attribute>>
export type Body = Record<string, unknown>

export interface Found {
  readonly uuid: string
  /** The site whose hub writes it; null: the organisation's own. */
  readonly site: string | null
}

/** Who carries changes out, once their shapes are checked. Each throws the fault that forbids it. */
export interface Writer {
  /** Answers the UUID of what was made. */
  create(call: Call, body: Body): Promise<string>
  /** What goes on after the answer to a creation was made. */
  created?(call: Call, uuid: string): void
  patch(call: Call, found: Found, patch: readonly PatchOperation[], query: ReadonlyMap<string, string>): Promise<void>
  remove(call: Call, found: Found): Promise<void>
}

export interface Resource extends ListKind {
  /** Below /v1. */
  readonly path: string
  readonly since: number
  readonly attributes: Attributes
  /** Since when an item is found by its name as well. */
  readonly namedSince?: number
  /** SQL of the site whose hub writes the row. */
  readonly site?: string
  /** SQL of what If-Match compares, where that is not the time of the last change. */
  readonly stamp?: string
  /** Has the path …/detail, too. */
  readonly detailPath?: true
  /** Writes of older versions are told 405, not 404. */
  readonly tooOld?: 'method.not_allowed'
  /** PATCH came later than the rest. */
  readonly patchSince?: number
  /** Is told each item that was shown. */
  shown?(call: Call, item: string): void
  /** Attributes of which creation takes exactly one; its writer refuses both and none, once the version is known to have them. */
  readonly either?: readonly [string, string]
  /** Query arguments of PATCH. */
  readonly patchQuery?: NonNullable<Route['query']>
  readonly writer: Writer
}

/** The shape of a creation. */
export function bodyOf(resource: Pick<Resource, 'attributes' | 'noun' | 'either'>): z.ZodType<Body> {
  const shape = Object.entries(resource.attributes)
    .filter(([, attribute]) => attribute.only === undefined || attribute.only === 'create')
    .map(([name, { schema, required, since }]) => {
      const dated = (name === 'uuid' ? schema.nullable() : schema).meta({ 'x-ironic-since': `1.${since}` })
      return [name, required ? dated : dated.optional()]
    })
  const body = z.strictObject(Object.fromEntries(shape) as Record<string, z.ZodType>)
  const { either } = resource
  return either ? body.meta({ oneOf: either.map((name) => ({ required: [name] })) }) : body
}

export function patchableOf({ attributes }: Pick<Resource, 'attributes'>): Readonly<Record<string, Patchable>> {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([, attribute]) => attribute.only === undefined || attribute.only === 'patch')
      .map(([name, attribute]) => [name, attribute.required ? { ...attribute, needed: true as const } : attribute]),
  )
}

/** Which column the identifier is compared with, and the value. Throws 400 on what can be none. */
function identOf(resource: Resource, call: Call, ident: string): [column: string, value: string] {
  if (isUuid(ident)) return [resource.uuid, ident.toLowerCase()]
  if (resource.namedSince === undefined || call.version < resource.namedSince)
    throw invalid(`Expected a UUID but received "${ident}"`)
  return [resource.uuid.replace(/uuid$/, identColumn(ident, call.version)), ident]
}

const absent = (resource: ListKind, ident: string) =>
  new FaultError('not_found', `${resource.noun} ${ident} could not be found.`)

/** Throws 404. */
export async function findRow(resource: Resource, call: Call, ident: string): Promise<Found> {
  const [column, value] = identOf(resource, call, ident)
  const sql = `SELECT ${resource.uuid}, ${resource.site ?? 'NULL'} FROM ${resource.from} WHERE ${column} = ?`
  const [row] = await call.sql.all(sql, [value])
  if (!row) throw absent(resource, ident)
  return { uuid: String(row[0]), site: row[1] as string | null }
}

/** What a body names must exist, too; where it does not, that is a 400: it is not the resource that was asked for. */
export async function mentioned<T>(finding: T | Promise<T>): Promise<T> {
  try {
    return await finding
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === 'not_found')
      throw invalid(error.fault.message.replace(/\.$/, ''))
    throw error
  }
}

/** The item as JSON text; `fields` as they come in a query. Throws 404. */
export async function textOf(
  resource: Resource,
  call: Call,
  ident: string,
  fields?: string,
  kind: Pick<ListKind, 'fields'> = resource,
): Promise<string> {
  const [column, value] = identOf(resource, call, ident)
  const chosen = fields === undefined ? undefined : names(fields).sort().join(',')
  const sql = `SELECT ${expression(kind, call.version, chosen)} FROM ${resource.from} WHERE ${column} = ?3`
  const [row] = await call.sql.all(sql, [...shownArgs(call), value])
  if (!row) throw absent(resource, ident)
  return String(row[0])
}

/** The time of an item's last change, unless it has something better. */
function stampOf({ stamp, uuid }: Resource): string {
  const alias = uuid.replace(/uuid$/, '')
  return stamp ?? `coalesce(${alias}updated_at, ${alias}created_at)`
}

/** The whole item, with its ETag. */
async function answerOf(
  resource: Resource,
  call: Call,
  ident: string,
  status = 200,
  headers: Record<string, string> = {},
): Promise<Answer & { body: string }> {
  const [column, value] = identOf(resource, call, ident)
  const { from } = resource
  const sql = `SELECT ${expression(resource, call.version)}, ${stampOf(resource)} FROM ${from} WHERE ${column} = ?3`
  const [row] = await call.sql.all(sql, [...shownArgs(call), value])
  if (!row) throw absent(resource, ident)
  return { status, headers: { ...headers, ...etag(call, row[1]!) }, body: String(row[0]) }
}

/** Throws 406 when the body sets something newer than the request's version. */
function needFields(call: Call, body: Body, attributes: Attributes): void {
  for (const name of Object.keys(body)) need(call.version, attributes[name]!.since, `The field ${name}`)
}

async function getOne(resource: Resource, call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  if (fields !== undefined) need(call.version, resource.fieldsSince, 'The argument fields')
  const ident = call.params['ident']!
  const answer =
    fields === undefined
      ? await answerOf(resource, call, ident)
      : { status: 200, body: await textOf(resource, call, ident, fields) }
  resource.shown?.(call, answer.body)
  return answer
}

async function create(resource: Resource, schema: z.ZodType<Body>, call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const given = await readBody(call.request, schema)
  // Clients say null for a UUID that they leave to the server.
  const { uuid: _, ...rest } = given
  const body = given['uuid'] === null ? rest : given
  needFields(call, body, resource.attributes)
  const uuid = await resource.writer.create(call, body)
  const answer = await answerOf(resource, call, uuid, 201, { Location: `${call.base}/v1/${resource.path}/${uuid}` })
  resource.writer.created?.(call, uuid)
  return answer
}

async function patch(resource: Resource, allowed: Readonly<Record<string, Patchable>>, call: Call): Promise<Answer> {
  const query = readQuery(call.search, Object.keys(resource.patchQuery ?? {}))
  const operations = checkPatch(await readBody(call.request, PatchBody), allowed, call.version)
  const found = await findRow(resource, call, call.params['ident']!)
  await resource.writer.patch(call, found, operations, query)
  return answerOf(resource, call, found.uuid)
}

async function remove(resource: Resource, call: Call): Promise<Answer> {
  readQuery(call.search, [])
  await resource.writer.remove(call, await findRow(resource, call, call.params['ident']!))
  return empty(204)
}

/** Every endpoint of the resource itself. */
export function routesOf(resource: Resource): Route[] {
  const { since, tooOld, detailPath, noun } = resource
  const path = `/v1/${resource.path}`
  const body = bodyOf(resource)
  const allowed = patchableOf(resource)
  const write = tooOld ? { since, tooOld } : { since }
  const one = `${path}/:ident`
  const a = `${/^[AEIOU]/.test(noun) ? 'an' : 'a'} ${noun.toLowerCase()}`
  return [
    {
      method: 'GET',
      path,
      since,
      about: `Lists ${plural(resource)}`,
      query: listQuery(resource),
      list: resource,
      run: (call) => list(resource, call, { path }),
    },
    ...(detailPath ? [detailRoute(resource, `${path}/detail`, since)] : []),
    {
      method: 'POST',
      path,
      ...write,
      about: `Creates ${a}`,
      body,
      one: resource,
      run: (call) => create(resource, body, call),
    },
    {
      method: 'GET',
      path: one,
      since,
      about: `Shows ${a}`,
      query: fieldsArgument(resource),
      one: resource,
      run: (call) => getOne(resource, call),
    },
    {
      method: 'PATCH',
      path: one,
      ...write,
      since: resource.patchSince ?? since,
      about: `Changes ${a}`,
      body: PatchBody,
      patch: allowed,
      one: resource,
      conditional: true,
      ...(resource.patchQuery ? { query: resource.patchQuery } : {}),
      run: (call) => patch(resource, allowed, call),
    },
    {
      method: 'DELETE',
      path: one,
      ...write,
      about: `Deletes ${a}`,
      conditional: true,
      run: (call) => remove(resource, call),
    },
  ]
}

/** The resource's list at a path of another, narrowed to what belongs to that. */
export function listsWithin(
  resource: Resource,
  path: string,
  since: number,
  whose: (call: Call, ident: string) => Promise<Condition>,
): Route[] {
  const fixed = async (call: Call) => whose(call, call.params['ident']!)
  const about = `Lists ${plural(resource)} of ${/\/v1\/(\w+)/.exec(path)![1]!.replace(/s$/, '')} ident`
  return [
    {
      method: 'GET',
      path,
      since,
      about,
      query: listQuery(resource),
      list: resource,
      run: async (call) => list(resource, call, { fixed: await fixed(call), path: filled(path, call) }),
    },
    ...(resource.detailPath ? [detailRoute(resource, `${path}/detail`, since, fixed)] : []),
  ]
}

function detailRoute(
  resource: Resource,
  path: string,
  since: number,
  fixed?: (call: Call) => Promise<Condition>,
): Route {
  return {
    method: 'GET',
    path,
    since,
    about: `Lists ${plural(resource)} with all their fields`,
    query: listQuery(resource),
    list: resource,
    async run(call) {
      const whose = fixed ? { fixed: await fixed(call) } : {}
      return list(resource, call, { ...whose, detail: true, path: filled(path, call) })
    },
  }
}

const filled = (path: string, call: Call): string => path.replace(':ident', call.params['ident'] ?? '')

const plural = (resource: Resource): string => resource.path.replaceAll(/[_/]/g, ' ')
