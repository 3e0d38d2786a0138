// Rows of a node as its conductor has told them among the facts: they are looked at together with the node's grant before they are written.
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { stampAfter, update } from '../schema/rows.ts'
import type { Belongings } from './belongings.ts'
import { rowsWith, type NodeOwned } from './owned-rows.ts'
import type { Turn } from './turn.ts'

/** What was told and is news. */
export interface Told {
  /** Which of the facts. */
  readonly what: string
  /** What belongs to the node, as it would be with it. */
  readonly changed: Partial<Belongings>
  write(): void
}

/** The node's rows of a table, each as `change` makes it, which leaves what is none of its columns. `write` drafts those that are others then. */
export async function changedRows(
  turn: Turn,
  table: SQLiteTable,
  node: string,
  change: (row: NodeOwned) => NodeOwned,
): Promise<{ readonly rows: NodeOwned[]; readonly hasChanged: boolean; write(): void }> {
  const before = await rowsWith(turn, table, 'node', node)
  const rows = before.map(change)
  const news = rows.filter((row, i) => JSON.stringify(row) !== JSON.stringify(before[i]))
  return {
    rows,
    hasChanged: news.length > 0,
    write() {
      for (const row of news) {
        const old = before.find(({ uuid }) => uuid === row.uuid)!
        const names = Object.keys(row).filter((name) => JSON.stringify(row[name]) !== JSON.stringify(old[name]))
        const written = {
          ...Object.fromEntries(names.map((name) => [name, row[name]])),
          updated_at: stampAfter(old, turn.now),
        }
        turn.write(update(table, 'uuid', row.uuid, written as never))
        turn.changed(table).set(row.uuid, { ...row, ...written } as never)
      }
    },
  }
}
