// Answers built inside SQLite: a resource's field list becomes one SQL expression that gives the resource as JSON text, which goes to
// the client unread. The first parameter (?1) is always the base of links.
import { FaultError } from '../../shared/faults.ts'

export interface Field {
  readonly name: string
  /** The N of the microversion 1.N that shows it. */
  readonly since: number
  /** SQL that gives a scalar, or JSON by json(…). A function where the value depends on the microversion. */
  readonly sql: string | ((version: number) => string)
}

/** A JSON column. */
export const json = (column: string): string => `json(${column})`

/** 0 and 1 as false and true; NULL stays null. */
export const flag = (column: string): string =>
  `json(CASE ${column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)`

/** Ironic's two links; `id` is an SQL expression. */
export const links = (resource: string, id: string, below = ''): string => {
  const tail = below ? ` || '/${below}'` : ''
  return `json_array(json_object('href', ?1 || '/v1/${resource}/' || ${id}${tail}, 'rel', 'self'), json_object('href', ?1 || '/${resource}/' || ${id}${tail}, 'rel', 'bookmark'))`
}

// SQLite takes at most 127 arguments to a function: json_object gets up to 60 fields, the rest a second one.
const CHUNK = 60

/** SQL of a JSON object. With more than 60 fields one must be `uuid`, a plain text: it ends the first part, whose last `}` is cut off. */
export function objectSql(fields: readonly Field[], version: number): string {
  const part = (list: readonly Field[]) =>
    `json_object(${list.map((f) => `'${f.name}', ${typeof f.sql === 'string' ? f.sql : f.sql(version)}`).join(', ')})`
  if (fields.length <= CHUNK) return part(fields)
  const others = fields.filter((f) => f.name !== 'uuid')
  const uuid = fields.filter((f) => f.name === 'uuid')
  const first = [...others.slice(0, CHUNK - 1), ...uuid]
  return `rtrim(${part(first)}, '}') || ',' || substr(${part(others.slice(CHUNK - 1))}, 2)`
}

/** The fields that a request of this version sees: all of them, or those of `names` (always with links). Throws 400 and 406. */
export function visible(all: readonly Field[], version: number, names?: readonly string[]): Field[] {
  if (!names) return all.filter((field) => field.since <= version)
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
