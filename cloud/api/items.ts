// One item of a resource: found by what a client calls it, and shown.
import { FaultError } from '../../shared/faults.ts'
import { isUuid } from '../../shared/ids.ts'
import type { Row } from '../ports.ts'
import { shownArgs } from '../store/json-sql.ts'
import type { Answer, Call } from './call.ts'
import { etag } from './conditions.ts'
import { identColumn } from './nodes/find.ts'
import { expression, invalid, names, type ListKind } from './query.ts'
import type { Found, Resource } from './resource.ts'

/** Throws 404. */
export async function findRow(resource: Resource, call: Call, ident: string): Promise<Found> {
  const [uuid, site] = await rowOf(resource, call, ident, `${resource.uuid}, ${resource.site ?? 'NULL'}`)
  return { uuid: String(uuid), site: site as string | null }
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
  const chosen = fields === undefined ? undefined : names(fields).sort().join(',')
  const [item] = await rowOf(resource, call, ident, expression(kind, call.version, chosen))
  return String(item)
}

/** The whole item, with its ETag. Throws 404. */
export async function answerOf(
  resource: Resource,
  call: Call,
  ident: string,
  status = 200,
  headers: Record<string, string> = {},
): Promise<Answer & { body: string }> {
  const changed = `coalesce(${besideUuid(resource, 'updated_at')}, ${besideUuid(resource, 'created_at')})`
  const columns = `${expression(resource, call.version)}, ${resource.stamp ?? changed}`
  const [item, stamp] = await rowOf(resource, call, ident, columns)
  return { status, headers: { ...headers, ...etag(call, stamp as string | number) }, body: String(item) }
}

/** SQL of another column of the row. */
const besideUuid = ({ uuid }: Resource, column: string): string => uuid.replace(/uuid$/, column)

/** `columns` of the row that a client's identifier means. Throws 400 on what can be none, and 404. */
async function rowOf(resource: Resource, call: Call, ident: string, columns: string): Promise<Row> {
  const row = await lookUp(resource, call, ident, columns)
  if (row) return row
  const whole = call.extension !== '' && ident === call.params['ident'] ? `${ident}${call.extension}` : undefined
  const other = whole === undefined ? undefined : await lookUp(resource, call, whole, columns)
  if (other) return other
  throw new FaultError('not_found', `${resource.noun} ${ident} could not be found.`)
}

async function lookUp(resource: Resource, call: Call, ident: string, columns: string): Promise<Row | undefined> {
  const column = columnOf(resource, call, ident)
  const sql = `SELECT ${columns} FROM ${resource.from} WHERE ${besideUuid(resource, column)} = ?3 LIMIT 1`
  const [row] = await call.sql.all(sql, [...shownArgs(call), column === 'uuid' ? ident.toLowerCase() : ident])
  return row
}

function columnOf({ namedSince }: Resource, { version }: Call, ident: string): 'uuid' | 'name' {
  if (!isUuid(ident) && (namedSince === undefined || version < namedSince))
    throw invalid(`Expected a UUID but received "${ident}"`)
  return identColumn(ident, version)
}
