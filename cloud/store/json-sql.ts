// Answers built inside SQLite: a resource's field list becomes one SQL expression that gives the resource as JSON text, which goes to
// the client unread. The first parameters are always what `shownArgs` gives: ?1 the base of links, ?2 the time.
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'

export interface Field {
  readonly name: string
  /** The N of the microversion 1.N that shows it. */
  readonly since: number
  /** SQL of a scalar, or of JSON text. A function where the value depends on the microversion. */
  readonly sql: string | Json | ((version: number) => string)
  /** Ours, not Ironic's: shown only to those who ask for it by name, so that Ironic's clients see what they know. */
  readonly native?: true
  /** JSON Schema type of a scalar that is no text. */
  readonly type?: 'integer'
  /** The column that lists are sorted by when they are sorted by this field. */
  readonly sort?: string
}

/** Fields that are columns of the table called `alias`: plain ones and flags (lists may be sorted by them), and JSON. */
export function fieldsOf(alias: string) {
  const column = (name: string, since: number, from = name): Field => ({
    name,
    since,
    sql: `${alias}.${from}`,
    sort: `${alias}.${from}`,
  })
  return {
    column,
    flag: (name: string, since: number): Field => ({ ...column(name, since), sql: flag(`${alias}.${name}`) }),
    json: (name: string, since: number): Field => ({ name, since, sql: json(`${alias}.${name}`) }),
    links: (resource: string, since: number, name = 'links', below = ''): Field => ({
      name,
      since,
      sql: links(resource, `${alias}.uuid`, below),
    }),
    /** uuid, created_at, updated_at and links. */
    common: (resource: string, since: number): Field[] => [
      column('uuid', since),
      column('created_at', since),
      column('updated_at', since),
      { name: 'links', since, sql: links(resource, `${alias}.uuid`) },
    ],
  }
}

/** What lists may be sorted by: SQL of the column, and the N of the microversion 1.N that shows it. */
export interface SortKey {
  readonly column: string
  readonly since: number
}

/** By sort_key, with `id` for the order of insertion, which is that of `created_at`. */
export function sortOf(fields: readonly Field[], id: string): Readonly<Record<string, SortKey>> {
  const sorts = fields.flatMap(({ name, sort: column, since }) =>
    column === undefined ? [] : [[name, { column, since }] as const],
  )
  const byAge = { column: id, since: 1 }
  return { ...Object.fromEntries(sorts), id: byAge, created_at: byAge }
}

/** JSON text with a %s for each of the SQL values, none of which is NULL. It is joined to the answer as it is. */
export interface Json {
  readonly text: string
  readonly values: readonly string[]
  /** What the JSON always is; any value without. */
  readonly shape?: 'flag' | 'links'
}

/** A JSON column: what is stored as JSON was written as JSON. */
export const json = (column: string): Json => ({ text: '%s', values: [`coalesce(${column}, 'null')`] })

/** 0 and 1 as false and true; NULL stays null. */
export const flag = (column: string): Json => ({
  ...json(`CASE ${column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END`),
  shape: 'flag',
})

/** Ironic's two links; `id` is SQL of a text that needs no escaping (a UUID), and so is what is bound as ?1. */
export const links = (resource: string, id: string, below = ''): Json => {
  const tail = below ? `/${below}` : ''
  return {
    text: `[{"href":"%s/v1/${resource}/%s${tail}","rel":"self"},{"href":"%s/${resource}/%s${tail}","rel":"bookmark"}]`,
    values: ['?1', id, '?1', id],
    shape: 'links',
  }
}

/** SQL of the time of the request, as julianday: the host's clock, not the database's. */
export const NOW = `julianday(?2 / 1000.0, 'unixepoch')`

/** What is bound as ?1 and ?2. */
export function shownArgs(call: { base: string; ports: { env: Pick<Env, 'now'> } }): [base: string, nowMs: number] {
  return [JSON.stringify(call.base).slice(1, -1), call.ports.env.now()]
}

// SQLite takes at most 127 arguments to a function: 60 scalars to a json_object.
const CHUNK = 60

/**
 * SQL of a JSON object: the scalars by json_object, the fields that are JSON already put beside them by format(), which goes over the
 * text once (a chain of || copies it for each field). The end of an object of scalars is one `}` after a quote, a digit or a letter,
 * so rtrim takes that one away and no more.
 */
export function objectSql(fields: readonly Field[], version: number): string {
  const scalars: string[] = []
  const texts: string[] = []
  const values: string[] = []
  for (const { name, sql } of fields) {
    if (typeof sql === 'object') {
      texts.push(`"${name}":${sql.text}`)
      values.push(...sql.values)
    } else scalars.push(`'${name}', ${typeof sql === 'string' ? sql : sql(version)}`)
  }
  const objects: string[] = []
  for (let i = 0; i < scalars.length; i += CHUNK) {
    const open = `rtrim(json_object(${scalars.slice(i, i + CHUNK).join(', ')}), '}')`
    // The first one's `{` is the answer's: substr goes over the text character by character.
    objects.push(i === 0 ? open : `substr(${open}, 2)`)
  }
  const start = objects.length === 0 ? '{' : ''
  return `format('${start}${[...objects.map(() => '%s'), ...texts].join(',')}}', ${[...objects, ...values].join(', ')})`
}

/** The fields that a request of this version sees: all of them, or those of `names` (always with links). Throws 400 and 406. */
export function visible(all: readonly Field[], version: number, names?: readonly string[]): Field[] {
  if (!names) return all.filter((field) => field.since <= version && !field.native)
  for (const name of names) {
    const field = all.find((f) => f.name === name)
    if (!field) throw new FaultError('request.invalid', `Field "${name}" does not exist.`)
    if (field.since > version)
      throw new FaultError('version.unsupported', `Field "${name}" needs API version 1.${field.since}.`)
  }
  return all.filter((field) => names.includes(field.name) || field.name === 'links')
}

/** Keeps what `make` built per key; bounded, since keys come from requests. */
export function cached<T>(make: (key: string) => T, limit = 300): (key: string) => T {
  const known = new Map<string, T>()
  return (key) => {
    let value = known.get(key)
    if (value === undefined) {
      value = make(key)
      if (known.size >= limit) known.delete(known.keys().next().value!)
      known.set(key, value)
    }
    return value
  }
}
