// Rows that belong to a node, as a turn sees them: what is stored, with the drafts of the turn over it.
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { SqlValue } from '../ports.ts'
import { select } from '../schema/rows.ts'
import type { Turn } from './turn.ts'

/** A row of any of the tables. */
export interface NodeOwned {
  readonly uuid: string
  readonly node: string
  readonly site: string
  readonly [column: string]: unknown
}

/** Rows of a table with this value in a column, as they are after the drafts so far. */
export function rowsWith(turn: Turn, table: SQLiteTable, column: string, value: SqlValue): Promise<NodeOwned[]> {
  return rowsWhere(turn, table, `${column} = ?`, value, (row) => row[column] === value)
}

/** With one of these, however many they are. */
export function rowsAmong(
  turn: Turn,
  table: SQLiteTable,
  column: string,
  values: readonly string[],
): Promise<NodeOwned[]> {
  const where = `${column} IN (SELECT value FROM json_each(?))`
  return rowsWhere(turn, table, where, JSON.stringify(values), (row) => values.includes(String(row[column])))
}

async function rowsWhere(
  turn: Turn,
  table: SQLiteTable,
  where: string,
  value: SqlValue,
  isOne: (row: NodeOwned) => boolean,
): Promise<NodeOwned[]> {
  const changed = turn.changed(table) as unknown as Map<string, NodeOwned | null>
  const stored = (await select(turn.sql, table, `${where} ORDER BY id`, [value])) as unknown as NodeOwned[]
  const drafted = [...changed.values()].filter((row): row is NodeOwned => row !== null && isOne(row))
  return [...stored.filter((row) => !changed.has(row.uuid)), ...drafted]
}

/** The network that a port or portgroup is attached to for the instance; undefined: it is free. */
export function vifOf(row: NodeOwned): string | undefined {
  const { tenant_vif_port_id: vif } = row['internal_info'] as { tenant_vif_port_id?: string }
  return vif
}
