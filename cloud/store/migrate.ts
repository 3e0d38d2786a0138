// Brings a database to the schema: applies the generated SQL that it has not had yet, over any Sql port.
// 1. A migration and its mark in the journal table commit together. 2. Marks are those of drizzle-kit, so its `migrate` may be used as well.
import type { Sql } from '../ports.ts'

/** One file of migrations/: its time in the journal (ms since 1970), the SHA-256 of its text, its statements. */
export interface Migration {
  readonly tag: string
  readonly when: number
  readonly hash: string
  readonly statements: readonly string[]
}

/** What drizzle-kit writes beside the SQL files (meta/_journal.json). */
export interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[]
}

export const BREAKPOINT = '--> statement-breakpoint'

/** Answers the tags that were applied now, in order. `table` keeps apart two sets of migrations in one database. */
export async function migrate(sql: Sql, table: string, migrations: readonly Migration[]): Promise<string[]> {
  const create = `CREATE TABLE IF NOT EXISTS ${table} (id integer PRIMARY KEY AUTOINCREMENT, hash text NOT NULL, created_at numeric)`
  await sql.batch([{ sql: create, args: [] }])
  const [last] = await sql.all(`SELECT max(created_at) FROM ${table}`)
  const done = Number(last?.[0] ?? 0)
  const open = migrations.filter((migration) => migration.when > done)
  for (const { hash, when, statements } of open) {
    await sql.batch([
      ...statements.map((text) => ({ sql: text, args: [] })),
      { sql: `INSERT INTO ${table} (hash, created_at) VALUES (?, ?)`, args: [hash, when] },
    ])
  }
  return open.map((migration) => migration.tag)
}
