// The data of a simulated cloud: SQLite in memory with the schema of production. To migrate it costs as much as a tenth of a run, so the
// runs of a process have one database after another. 1. Each begins with an empty one. 2. A batch is one transaction, and everything happens
// in the turn in which it is asked for. 3. What an ended run still wants is refused. 4. What production prunes stays to be judged: the
// views `events_ever` and `tasks_ever` hold it, too.
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { readMigrations } from '../../cloud/hosts/node/migrations.ts'
import type { Row, Sql, SqlValue, Statement } from '../../cloud/ports.ts'
import { migrate } from '../../cloud/store/migrate.ts'

/** Of a run; gives its database back when it is closed. */
export interface Data extends Sql {
  close(): void
}

const MARKS = 'migrations'
const idle: Database[] = []

export async function openData(): Promise<Data> {
  const database = idle.pop() ?? new Database()
  await migrate(database, MARKS, (migrations ??= readMigrations('organisation')))
  for (const statement of [...ever('events', 'id'), ...ever('tasks', 'id')]) await database.all(statement)
  let open = true
  const check = () => {
    if (!open) throw new Error('this run has ended')
    return database
  }
  return {
    all: async (sql, args) => await check().all(sql, args),
    batch: async (statements) => await check().batch(statements),
    close() {
      check().clear()
      open = false
      idle.push(database)
    },
  }
}

function ever(table: string, key: string): string[] {
  const pruned = `${table}_pruned`
  return [
    `CREATE TABLE IF NOT EXISTS ${pruned} AS SELECT * FROM ${table} WHERE false`,
    `CREATE TRIGGER IF NOT EXISTS ${table}_keep BEFORE DELETE ON ${table} BEGIN INSERT INTO ${pruned} SELECT * FROM ${table} WHERE ${key} = OLD.${key}; END`,
    `CREATE VIEW IF NOT EXISTS ${table}_ever AS SELECT * FROM ${pruned} UNION ALL SELECT * FROM ${table}`,
  ]
}

let migrations: ReturnType<typeof readMigrations> | undefined

class Database implements Sql {
  readonly #db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false })
  readonly #prepared = new Map<string, StatementSync>()

  // oxlint-disable-next-line typescript/require-await -- a throw becomes a rejection, as the port says
  async all(sql: string, args: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#run(sql, args)
  }

  // oxlint-disable-next-line typescript/require-await -- the same
  async batch(statements: readonly Statement[]): Promise<Row[][]> {
    this.#run('BEGIN IMMEDIATE')
    try {
      const answers = statements.map(({ sql, args }) => this.#run(sql, args))
      this.#run('COMMIT')
      return answers
    } catch (error) {
      this.#run('ROLLBACK')
      throw error
    }
  }

  /** Leaves the schema alone; AUTOINCREMENT begins anew. What is pruned goes after what it is pruned from. */
  clear(): void {
    const tables = this.#run(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name LIKE '%_pruned'",
    )
    for (const [name] of tables) if (name !== MARKS) this.#run(`DELETE FROM "${name}"`)
    this.#run('DELETE FROM sqlite_sequence')
  }

  #run(sql: string, args: readonly SqlValue[] = []): Row[] {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      statement.setReturnArrays(true)
      this.#prepared.set(sql, statement)
    }
    return statement.all(...args) as unknown as Row[]
  }
}
