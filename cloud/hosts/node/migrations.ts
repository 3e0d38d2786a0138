// The generated SQL under migrations/, read from disk and applied when a database is opened for the first time in this process.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MigrationSet } from '../../store/first-start.ts'
import { BREAKPOINT, type Journal, type Migration } from '../../store/migrate.ts'

/** The migrations of one kind of database, oldest first. */
export function readMigrations(
  set: MigrationSet,
  folder = join(import.meta.dirname, '../../../migrations'),
): Migration[] {
  const journal = JSON.parse(readFileSync(join(folder, set, 'meta/_journal.json'), 'utf8')) as Journal
  return journal.entries.map(({ tag, when }) => {
    const text = readFileSync(join(folder, set, `${tag}.sql`), 'utf8')
    const hash = createHash('sha256').update(text).digest('hex')
    return { tag, when, hash, statements: text.split(BREAKPOINT) }
  })
}
