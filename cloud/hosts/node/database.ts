// libSQL files as the Sql port: one connection per file, statements prepared once, every batch one write transaction.
// 1. The library is synchronous, so a batch runs in one turn of the event loop and nothing comes between its statements.
// 2. synchronous=FULL: what a batch answered is on disk. 3. No other SQLite library may open these files in this process.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import type { Ports, Row, Sql, SqlValue, Statement, Store } from '../../ports.ts'
import { Checkpoints } from './checkpoints.ts'

const MAX_PREPARED = 500
const BUSY_TIMEOUT_MS = 5000
/** Reads go through the mapped file: a fifth less CPU for long lists than copying pages into SQLite's own cache. */
const MMAP_BYTES = 256 * 1024 * 1024

interface Prepared {
  /** Does it answer rows? The library asks SQLite each time. */
  readonly reader: boolean
  raw(): this
  all(args: readonly SqlValue[]): unknown[]
  get(args: readonly SqlValue[]): unknown
  run(args: readonly SqlValue[]): unknown
}

/** What is kept of a statement. */
type Runs = (args: readonly SqlValue[]) => Row[]

export class FileDatabase implements Sql {
  #db: Database.Database
  #prepared = new Map<string, Runs>()
  #checkpoints: Checkpoints | undefined

  /** `checkpoints`: of the same file, for one with many writes. Otherwise SQLite makes them in the middle of commits. */
  constructor(path: string, checkpoints?: Checkpoints) {
    this.#db = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    this.#db.exec('PRAGMA journal_mode = WAL')
    this.#db.exec('PRAGMA synchronous = FULL')
    this.#db.exec(`PRAGMA mmap_size = ${MMAP_BYTES}`)
    this.#checkpoints = checkpoints
    if (checkpoints) this.#db.exec('PRAGMA wal_autocheckpoint = 0')
  }

  // oxlint-disable-next-line typescript/require-await -- a throw becomes a rejection, as the port says
  async all(sql: string, args: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#run({ sql, args })
  }

  // oxlint-disable-next-line typescript/require-await -- the same
  async batch(statements: readonly Statement[]): Promise<Row[][]> {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const answers = statements.map((statement) => this.#run(statement))
      this.#db.exec('COMMIT')
      this.#checkpoints?.committed()
      return answers
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    this.#prepared.clear()
    this.#db.close()
  }

  #run({ sql, args }: Statement): Row[] {
    return this.#prepare(sql)(args)
  }

  #prepare(sql: string): Runs {
    const known = this.#prepared.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql) as unknown as Prepared
    const runs = runsOf(statement, sql)
    // The oldest goes: the hot statements are few and come back at once.
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.delete(this.#prepared.keys().next().value!)
    this.#prepared.set(sql, runs)
    return runs
  }
}

function runsOf(statement: Prepared, sql: string): Runs {
  if (!statement.reader)
    return (args) => {
      statement.run(args)
      return []
    }
  statement.raw()
  // The library makes room for a hundred rows otherwise, which costs as much as to read one.
  if (sql.endsWith(' LIMIT 1'))
    return (args) => {
      const row = statement.get(args) as Row | undefined
      return row === undefined ? [] : [row]
    }
  return (args) => statement.all(args) as Row[]
}

/** The databases under `folder`: directory.db and organisations/<id>.db, each opened once. */
export class FileStore implements Store {
  readonly directory: FileDatabase
  #folder: string
  #organisations = new Map<string, { database: FileDatabase; checkpoints: Checkpoints }>()
  #log: Ports['log']

  constructor(folder: string, log: Ports['log']) {
    this.#log = log
    this.#folder = join(folder, 'organisations')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    this.directory = new FileDatabase(join(folder, 'directory.db'))
  }

  organisation(id: string): FileDatabase {
    const known = this.#organisations.get(id)
    if (known) return known.database
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new Error('an organisation is named by its UUID')
    const path = join(this.#folder, `${id}.db`)
    const checkpoints = new Checkpoints(path, (error) =>
      this.#log('warn', 'database.checkpoint_failed', { organisation: id, error: String(error) }),
    )
    const database = new FileDatabase(path, checkpoints)
    this.#organisations.set(id, { database, checkpoints })
    return database
  }

  /** Resolves when everything is in the files themselves. */
  async close(): Promise<void> {
    for (const { database, checkpoints } of this.#organisations.values()) {
      await checkpoints.close()
      database.close()
    }
    this.directory.close()
  }
}
