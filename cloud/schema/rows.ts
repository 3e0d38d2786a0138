// Rows and statements straight from the drizzle tables: one source for names, order and encoding of columns, without a query builder
// in the hub's way. Reads answer whole rows; writes are guarded by the caller.
import { Column, getTableColumns, getTableName, type InferInsertModel, type InferSelectModel } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Row, Sql, SqlValue, Statement } from '../ports.ts'
import type { audit, conductors, events, nodes, notes, ports, sites, tasks } from './organisation.ts'

export type SiteRow = InferSelectModel<typeof sites>
export type ConductorRow = InferSelectModel<typeof conductors>
export type NodeRow = InferSelectModel<typeof nodes>
export type PortRow = InferSelectModel<typeof ports>
export type TaskRow = InferSelectModel<typeof tasks>
export type EventInsert = InferInsertModel<typeof events>
export type NoteInsert = InferInsertModel<typeof notes>
export type AuditInsert = InferInsertModel<typeof audit>

interface LaidColumn {
  readonly key: string
  readonly name: string
  /** What a row has of which nobody says it, as it is stored. */
  readonly blank: SqlValue
  from(value: unknown): unknown
  to(value: unknown): SqlValue
}

interface Layout {
  readonly name: string
  readonly columns: readonly LaidColumn[]
  readonly byKey: ReadonlyMap<string, LaidColumn>
  readonly list: string
  readonly insert: string
  /** A row of which nobody said anything; copies of it have one shape. */
  readonly blankRow: Readonly<Record<string, unknown>>
  /** Its objects and lists, which are empty: each row has its own. */
  readonly blankObjects: readonly string[]
}
const layouts = new WeakMap<SQLiteTable, Layout>()

function layoutOf(table: SQLiteTable): Layout {
  let layout = layouts.get(table)
  if (!layout) {
    const all = Object.entries(getTableColumns(table))
    const columns = all.map(([key, column]) => laidOut(key, column))
    const list = columns.map((column) => column.name).join(', ')
    const blankRow = Object.fromEntries(all.map(([key, column]) => [key, column.default ?? null]))
    layout = {
      name: getTableName(table),
      columns,
      byKey: new Map(columns.map((column) => [column.key, column])),
      list,
      insert: `INSERT INTO ${getTableName(table)} (${list}) VALUES (${marks(columns.length)})`,
      blankRow,
      blankObjects: Object.keys(blankRow).filter((key) => typeof blankRow[key] === 'object' && blankRow[key] !== null),
    }
    layouts.set(table, layout)
  }
  return layout
}

function laidOut(key: string, column: Column): LaidColumn {
  // Most columns are stored as they are: drizzle need not be asked for each value.
  const isPlain = column.mapToDriverValue === Column.prototype.mapToDriverValue && column.mapFromDriverValue === Column.prototype.mapFromDriverValue // prettier-ignore
  const from = (value: unknown) => (value === null ? null : column.mapFromDriverValue(value))
  const to = (value: unknown) =>
    value === null || value === undefined ? null : (column.mapToDriverValue(value) as SqlValue)
  const plain = { from: (value: unknown) => value, to: (value: unknown) => (value ?? null) as SqlValue }
  return { key, name: column.name, blank: to(column.default), ...(isPlain ? plain : { from, to }) }
}

/** All rows for `where` (SQL after WHERE, with ? for `args`). */
export async function select<T extends SQLiteTable>(
  sql: Sql,
  table: T,
  where: string,
  args: readonly SqlValue[],
): Promise<InferSelectModel<T>[]> {
  const layout = layoutOf(table)
  const rows = await sql.all(`SELECT ${layout.list} FROM ${layout.name} WHERE ${where}`, args)
  return rows.map((row) => decode(layout, row) as InferSelectModel<T>)
}

/** Of whole rows: what `values` does not say is blank. */
export function insert<T extends SQLiteTable>(table: T, values: InferInsertModel<T>): Statement {
  const { insert: sql, columns } = layoutOf(table)
  const given = values as Readonly<Record<string, unknown>>
  const args = columns.map(({ key, blank, to }) => {
    const value = given[key]
    return value === undefined ? blank : to(value)
  })
  return { sql, args }
}

/** UPDATE of the row whose `key` column equals `id`; with `stamp` also of its updated_at (see laterStamp). */
export function update<T extends SQLiteTable>(
  table: T,
  key: string,
  id: SqlValue,
  changes: Partial<InferSelectModel<T>>,
  stamp?: Statement,
): Statement {
  const layout = layoutOf(table)
  const given = Object.entries(changes)
  const set = given.map(([k]) => `${layout.byKey.get(k)!.name} = ?`)
  if (stamp) set.push(`updated_at = ${stamp.sql}`)
  return {
    sql: `UPDATE ${layout.name} SET ${set.join(', ')} WHERE ${key} = ?`,
    args: [...given.map(([k, value]) => layout.byKey.get(k)!.to(value)), ...(stamp?.args ?? []), id],
  }
}

/** The same, only while the row still has the values that `expected` says; answers its key when it was changed. */
export function updateIf<T extends SQLiteTable>(
  table: T,
  key: string,
  id: SqlValue,
  changes: Partial<InferSelectModel<T>>,
  expected: Partial<InferSelectModel<T>>,
  stamp?: Statement,
): Statement {
  const layout = layoutOf(table)
  const statement = update(table, key, id, changes, stamp)
  const held = Object.entries(expected)
  return {
    sql: `${statement.sql}${held.map(([k]) => ` AND ${layout.byKey.get(k)!.name} IS ?`).join('')} RETURNING ${key}`,
    args: [...statement.args, ...held.map(([k, value]) => layout.byKey.get(k)!.to(value))],
  }
}

/** A row of which nobody said anything: each column's default, else null. */
export function blankRow<T extends SQLiteTable>(table: T): InferSelectModel<T> {
  const { blankRow: blank, blankObjects } = layoutOf(table)
  const row: Record<string, unknown> = { ...blank }
  for (const key of blankObjects) row[key] = Array.isArray(blank[key]) ? [] : {}
  return row as InferSelectModel<T>
}

/** At the beginning of a sentence. */
export function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'An' : 'A'} ${noun}`
}

/** The violated UNIQUE constraint as a sentence; undefined for any other failure. */
export function takenText(error: unknown): string | undefined {
  const taken = /UNIQUE constraint failed: ([\w., ]+)/.exec(String(error))
  if (!taken) return undefined
  const [table = '', ...columns] = taken[1]!
    .split(', ')
    .flatMap((part, i) => (i === 0 ? part.split('.') : part.split('.')[1]!))
  const noun = table === 'chassis' ? table : table.replace(/s$/, '')
  return `${withArticle(noun.replaceAll('_', ' '))} with this ${columns.join(' and ')} already exists.`
}

export function remove(table: SQLiteTable, key: string, id: SqlValue): Statement {
  return { sql: `DELETE FROM ${layoutOf(table).name} WHERE ${key} = ?`, args: [id] }
}

/** `?, ?, ?` for an IN list. */
export function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ')
}

/**
 * When a row is changed now that was made or changed before, perhaps in this very millisecond: its time of change is what ETags are of, and has to
 * become another one, for ever.
 */
export function stampAfter(row: Readonly<Record<string, unknown>>, ms: number): string {
  return isoTime(Math.max(ms, Date.parse(String(row['updated_at'] ?? row['created_at'])) + 1))
}

/** The same in SQL, with its arguments, for a row that others may be changing. */
export function laterStamp(ms: number): Statement {
  const last = 'coalesce(updated_at, created_at)'
  return {
    sql: `CASE WHEN ${last} < ? THEN ? ELSE strftime('%Y-%m-%dT%H:%M:%f+00:00', ${last}, '+0.001 seconds') END`,
    args: [isoTime(ms), isoTime(ms)],
  }
}

/** A time as it is stored and shown: ISO 8601 with +00:00. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+00:00')
}

function decode({ columns, blankRow: blank }: Layout, stored: Row): Record<string, unknown> {
  const row: Record<string, unknown> = { ...blank }
  for (let i = 0; i < columns.length; i++) row[columns[i]!.key] = columns[i]!.from(stored[i] ?? null)
  return row
}
