// Query arguments, lists and their paging: Ironic's limit, marker, sort and fields; filters are kept in `next` (upstream loses them).
import { FaultError } from '../../shared/faults.ts'
import type { SqlValue } from '../ports.ts'
import { cached, objectSql, shownArgs, visible, type Field } from '../store/json-sql.ts'
import type { Answer, Call, JsonSchema } from './call.ts'
import { need } from './microversion.ts'
import { orderOf, pageSql, type Condition, type Ordered } from './order.ts'
import { TRUTH_PATTERN, TRUTHS } from './shapes.ts'

export const MAX_LIMIT = 1000

/**
 * The query arguments: of one that comes again the last, but of `fields` all, for gophercloud says each name in an argument of its own. Throws
 * 400 naming one that is not in `allowed`.
 */
export function readQuery(search: string, allowed: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  if (search === '') return found
  for (const [name, value] of new URLSearchParams(search)) {
    if (!allowed.includes(name)) throw invalid(`Unknown query argument "${name}"`)
    const before = name === 'fields' ? found.get(name) : undefined
    found.set(name, before === undefined ? value : `${before},${value}`)
  }
  return found
}

export function boolean(text: string, name: string): boolean {
  const word = text.toLowerCase()
  if (TRUTHS.truthy.includes(word)) return true
  if (TRUTHS.falsy.includes(word)) return false
  throw invalid(`Invalid value for ${name}: a boolean is needed`)
}

/** JSON Schema of what `boolean` reads. */
export const BOOLEAN: JsonSchema = { type: 'string', pattern: TRUTH_PATTERN }
/** And of what `limitOf` reads. */
export const LIMIT: JsonSchema = { type: 'integer', minimum: 1, maximum: 999_999_999 }
/** The marker of a log whose entries have numbers. */
export const NUMBER_MARKER: JsonSchema = { type: 'string', pattern: '^[0-9]{1,15}$' }
/** UUID or name. */
export const IDENT: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._~-]{1,255}$' }
export const UUID: JsonSchema = {
  type: 'string',
  format: 'uuid',
  pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
}

export function limitOf(query: Map<string, string>): number {
  const text = query.get('limit')
  if (text === undefined) return MAX_LIMIT
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
    throw invalid('Invalid value for limit: a positive integer is needed')
  return Math.min(Number(text), MAX_LIMIT)
}

/** The names of a comma list: trimmed, lower-cased, each once. */
export function names(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((part) => part.trim().toLowerCase())
        .filter(Boolean),
    ),
  ]
}

export function invalid(message: string): FaultError {
  return new FaultError('request.invalid', `${message}.`)
}

/** A kind of list: its table, fields and filters. SQL in it may not use parameters of its own. */
export interface ListKind extends Ordered {
  /** Key of the array, such as `nodes`. */
  readonly key: string
  readonly fields: readonly Field[]
  readonly brief: readonly string[]
  /** Since when `fields` and `detail` may be asked for. */
  readonly fieldsSince: number
  readonly detailSince: number
  readonly filters: Readonly<Record<string, Filter>>
  /** Filters of which one at a time is possible. */
  readonly exclusive?: readonly string[]
  /** What every list is narrowed to that does not ask for more. */
  implied?(query: ReadonlyMap<string, string>): Condition | undefined
}

export interface Filter {
  readonly since: number
  /** JSON Schema of its text. */
  readonly schema?: JsonSchema
  /** What it is compared with, where that is not the field of its name. */
  readonly about?: string
  /** The condition with its values; `@` stands for each in turn. */
  where(text: string, call: Call): Condition | Promise<Condition>
}

/** Part of a text, whatever its case. */
export const contains = (column: string, since: number): Filter => ({
  since,
  about: 'part of the description, whatever its case',
  where: (text) => ({ sql: `instr(lower(${column}), lower(@)) > 0`, args: [text] }),
})

/** One of a comma list; Ironic compares in lower case. The index has those of one value in the order of creation, those of several it has not. */
export const oneOf = (column: string, since: number): Filter => ({
  since,
  about: 'a comma list',
  where(text) {
    const wanted = names(text)
    const [one, ...others] = wanted
    return others.length === 0
      ? { sql: `${column} IS NOT NULL AND lower(${column}) = @`, args: [one ?? ''] }
      : {
          sql: `${column} IS NOT NULL AND lower(${column}) IN (SELECT value FROM json_each(@))`,
          args: [JSON.stringify(wanted)],
        }
  },
})

/** Equality with a column. */
export const equals = (column: string, since: number): Filter => ({
  since,
  where: (text) => ({ sql: `${column} = @`, args: [text] }),
})

/** With + its index is not used for what most rows have: another filter finds fewer. */
export const isTrue = (column: string, name: string, since: number): Filter => ({
  since,
  schema: BOOLEAN,
  where: (text) => ({ sql: boolean(text, name) ? `${column} = 1` : `+${column} = 0`, args: [] }),
})

/** The arguments of a page for routes that are no ListKind. */
export const PAGE = {
  limit: { about: `How many at most (up to ${MAX_LIMIT})`, schema: LIMIT },
  marker: 'The last one of the page before',
} as const

/** The argument `fields` of one resource. */
export const fieldsArgument = (kind: Pick<ListKind, 'fields'>) => ({
  fields: { about: 'Only these fields, separated by commas', schema: fieldNames(kind) },
})

/** JSON Schema of a comma list of field names. */
export function fieldNames({ fields }: Pick<ListKind, 'fields'>): JsonSchema {
  return { type: 'array', minItems: 1, items: { enum: fields.map(({ name }) => name) } }
}

const PAGING = {
  limit: 'items of a page, at most 1000',
  marker: 'identifier of the last item of the page before',
  sort_key: 'field to sort by; default: order of creation',
  sort_dir: 'asc or desc',
  fields: 'comma list of fields to show',
  detail: 'true shows every field',
}

/** The query arguments of a list, with what each means. */
export function listQuery(kind: ListKind): Record<string, string> {
  const filters = Object.entries(kind.filters).map(([name, { since, about }]) => {
    const what = about ?? `only those with this ${name.replaceAll('_', ' ')}`
    return [name, since > 1 ? `${what} (1.${since})` : what] as const
  })
  return { ...PAGING, ...Object.fromEntries(filters) }
}

// The object expressions, by list, version and the text of `fields`.
const expressions = new WeakMap<readonly Field[], (key: string) => string>()

/** One statement answers a page as text, how many items it has, and the last one's identifier. `fixed` conditions are the path's. */
export async function list(
  kind: ListKind,
  call: Call,
  options: { detail?: true; fixed?: Condition; path?: string } = {},
): Promise<Answer> {
  const query = readQuery(call.search, [...Object.keys(PAGING), ...Object.keys(kind.filters)])
  const chosen = fieldsOf(kind, call, query, options.detail === true)
  const limit = limitOf(query)
  refuseTogether(kind, query)

  const conditions: Condition[] = options.fixed ? [options.fixed] : []
  const implied = kind.implied?.(query)
  if (implied) conditions.push(implied)
  for (const [name, text] of query) {
    const filter = kind.filters[name]
    if (!filter) continue
    need(call.version, filter.since, `The filter ${name}`)
    conditions.push(await filter.where(text, call))
  }
  const order = await orderOf(kind, call, query)
  const args: SqlValue[] = [...shownArgs(call)]
  const bound = ({ sql, args: values }: Condition) => {
    let next = 0
    return `(${sql.replaceAll('@', () => `?${args.push(values[next++]!)}`)})`
  }
  const where = conditions.map(bound)
  const page = pageSql(kind, order, where, order.parts.map(bound), `?${args.push(limit)}`)
  const text =
    `SELECT count(*), group_concat(j, ','), substr(group_concat(u), -36)` +
    ` FROM (SELECT ${expression(kind, call.version, chosen)} AS j, ${kind.uuid} AS u ${page})`
  const [row] = await call.sql.all(text, args)
  const [count, items, last] = row as [number, string | null, string | null]
  let body = `{"${kind.key}":[${items ?? ''}]`
  if (count === limit && last !== null && !query.has('instance_uuid')) {
    const next = nextLink(`${call.base}${options.path ?? `/v1/${kind.key}`}`, query, limit, last)
    // gophercloud follows `<key>_links` and nothing else.
    body += `,"next":${JSON.stringify(next)},"${kind.key}_links":[{"rel":"next","href":${JSON.stringify(next)}}]`
  }
  return { status: 200, body: `${body}}` }
}

function refuseTogether({ exclusive = [] }: ListKind, query: ReadonlyMap<string, string>): void {
  const given = exclusive.filter((name) => query.has(name))
  if (given.length > 1)
    throw new FaultError('query.exclusive', `The filters ${given.join(' and ')} cannot be used together.`)
}

/** SQL of one object, kept per (version, fields). */
export function expression(kind: Pick<ListKind, 'fields'>, version: number, names?: string): string {
  let build = expressions.get(kind.fields)
  if (!build) {
    build = cached((key) => {
      const [version, names] = key.split('|') as [string, string]
      return objectSql(
        visible(kind.fields, Number(version), names === '' ? undefined : names.split(',')),
        Number(version),
      )
    })
    expressions.set(kind.fields, build)
  }
  return build(`${version}|${names ?? ''}`)
}

function fieldsOf(kind: ListKind, call: Call, query: Map<string, string>, detailPath: boolean): string | undefined {
  const fields = query.get('fields')
  const detail = query.get('detail')
  if (fields !== undefined) need(call.version, kind.fieldsSince, 'The argument fields')
  if (detail !== undefined) need(call.version, kind.detailSince, 'The argument detail')
  const isAsked = detail !== undefined && boolean(detail, 'detail')
  const wantsDetail = detailPath || isAsked
  if (wantsDetail && fields !== undefined) throw invalid('Either detail or fields may be given, not both')
  if (fields !== undefined) return names(fields).sort().join(',')
  return wantsDetail
    ? undefined
    : kind.brief.filter((name) => kind.fields.some((f) => f.name === name && f.since <= call.version)).join(',')
}

function nextLink(path: string, query: Map<string, string>, limit: number, last: string): string {
  const next = new URLSearchParams()
  next.set('sort_key', query.get('sort_key') ?? 'id')
  next.set('sort_dir', query.get('sort_dir') ?? 'asc')
  for (const [name, value] of query) if (name !== 'limit' && name !== 'marker') next.set(name, value)
  next.set('limit', String(limit))
  next.set('marker', last)
  return `${path}?${next.toString()}`
}
