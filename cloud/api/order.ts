// The order of a list, and the page of it that begins behind a marker. What is null comes first, as everywhere in SQLite; ties keep the order
// of insertion. 1. Every part of a page is one range of an index on its column, where there is one. 2. Only rows of the page are rendered.
import { FaultError } from '../../shared/faults.ts'
import type { SqlValue } from '../ports.ts'
import type { SortKey } from '../store/json-sql.ts'
import type { Call } from './call.ts'
import { need } from './microversion.ts'

/** SQL in which `@` stands for each of the values in turn. */
export interface Condition {
  readonly sql: string
  readonly args: readonly SqlValue[]
}

/** What can be listed in an order. */
export interface Ordered {
  readonly from: string
  /** Columns of the unique external identifier (the marker) and of insertion order. */
  readonly uuid: string
  readonly id: string
  /** By sort_key. */
  readonly sort: Readonly<Record<string, SortKey>>
  /** For a marker that was not found. */
  readonly noun: string
}

export interface Order {
  /** SQL of the column. */
  readonly column: string
  readonly direction: 'asc' | 'desc'
  /** The page is the first rows of these together; none: of all. */
  readonly parts: readonly Condition[]
}

/** The order that `sort_key`, `sort_dir` and `marker` ask for. Throws 400, 406 on a key that is newer than the request, and 404 on a marker that is not there. */
export async function orderOf(
  kind: Ordered,
  { sql, version }: Pick<Call, 'sql' | 'version'>,
  query: ReadonlyMap<string, string>,
): Promise<Order> {
  const key = query.get('sort_key') ?? 'id'
  const found = Object.hasOwn(kind.sort, key) ? kind.sort[key] : undefined
  if (!found) throw invalid(`The sort_key "${key}" cannot be sorted by`)
  need(version, found.since, `The sort_key ${key}`)
  const { column } = found
  const direction = query.get('sort_dir') ?? 'asc'
  if (direction !== 'asc' && direction !== 'desc') throw invalid('Invalid value for sort_dir: asc or desc')
  const marker = query.get('marker')
  if (marker === undefined)
    return { column, direction, parts: column === kind.id ? [] : [isNull(column), isNot(column)] }
  const [row] = await sql.all(`SELECT ${kind.id}, ${column} FROM ${kind.from} WHERE ${kind.uuid} = ?`, [
    checkedMarker(marker),
  ])
  if (!row) throw new FaultError('not_found', `${kind.noun} ${marker} could not be found.`)
  return { column, direction, parts: behind(kind.id, column, direction, row[0]!, row[1] ?? null) }
}

/** FROM … LIMIT of the rows of a page; `where` narrows the list, `parts` are those of its order, `limit` is a number. */
export function pageSql(
  { id, from }: Ordered,
  { column, direction }: Order,
  where: readonly string[],
  parts: readonly string[],
  limit: string,
): string {
  const narrowed = (more: readonly string[]) => {
    const all = [...where, ...more]
    return `FROM ${from}${all.length > 0 ? ` WHERE ${all.join(' AND ')}` : ''}`
  }
  if (column === id) return `${narrowed(parts)} ORDER BY ${id} ${direction} LIMIT ${limit}`
  const by = `${column} ${direction}, ${id} ${direction}`
  const ids = parts.map((part) => `SELECT * FROM (SELECT ${id} ${narrowed([part])} ORDER BY ${by} LIMIT ${limit})`)
  // With + no index is used for this order: it is that of few rows.
  return `FROM ${from} WHERE ${id} IN (${ids.join(' UNION ALL ')}) ORDER BY +${column} ${direction}, +${id} ${direction} LIMIT ${limit}`
}

const isNull = (column: string): Condition => ({ sql: `${column} IS NULL`, args: [] })
const isNot = (column: string): Condition => ({ sql: `${column} IS NOT NULL`, args: [] })

/** Behind the row that has this id and value. */
function behind(id: string, column: string, direction: 'asc' | 'desc', at: SqlValue, value: SqlValue): Condition[] {
  const compare = direction === 'asc' ? '>' : '<'
  if (column === id) return [{ sql: `${id} ${compare} @`, args: [at] }]
  if (value === null) {
    const nulls = { sql: `${column} IS NULL AND ${id} ${compare} @`, args: [at] }
    return direction === 'asc' ? [nulls, isNot(column)] : [nulls]
  }
  // Two ranges, since (column, id) > (…, …) would begin at the first row that has the value, and most may have the same.
  const same = { sql: `${column} = @ AND ${id} ${compare} @`, args: [value, at] }
  const others = { sql: `${column} ${compare} @`, args: [value] }
  return direction === 'asc' ? [same, others] : [same, others, isNull(column)]
}

const invalid = (message: string) => new FaultError('request.invalid', `${message}.`)

function checkedMarker(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw invalid(`Expected a UUID as marker, not "${text}"`)
  return text.toLowerCase()
}
