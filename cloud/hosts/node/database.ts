// libSQL files as the Sql port: one connection per file, statements prepared once, every batch one write transaction.
// 1. The library is synchronous, so a batch runs in one turn of the event loop and nothing comes between its statements.
// 2. synchronous=FULL: what a batch answered is on disk. 3. No other SQLite library may open these files in this process.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import type { Row, Sql, SqlValue, Statement, Store } from '../../ports.ts'

const MAX_PREPARED = 500
const BUSY_TIMEOUT_MS = 5000
/** Reads go through the mapped file: a fifth less CPU for long lists than copying pages into SQLite's own cache. */
const MMAP_BYTES = 256 * 1024 * 1024

interface Prepared {
  readonly reader: boolean
  raw(): this
  all(args: readonly SqlValue[]): unknown[]
  run(args: readonly SqlValue[]): unknown
}

export class FileDatabase implements Sql {
  #db: Database.Database
  #prepared = new Map<string, Prepared>()

  constructor(path: string) {
    this.#db = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    this.#db.exec('PRAGMA journal_mode = WAL')
    this.#db.exec('PRAGMA synchronous = FULL')
    this.#db.exec(`PRAGMA mmap_size = ${MMAP_BYTES}`)
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
    const prepared = this.#prepare(sql)
    if (prepared.reader) return prepared.all(args) as Row[]
    prepared.run(args)
    return []
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql)
    if (!prepared) {
      prepared = this.#db.prepare(sql) as unknown as Prepared
      if (prepared.reader) prepared.raw()
      // The oldest goes: the hot statements are few and come back at once.
      if (this.#prepared.size >= MAX_PREPARED) this.#prepared.delete(this.#prepared.keys().next().value!)
      this.#prepared.set(sql, prepared)
    }
    return prepared
  }
}

/** The databases under `folder`: directory.db and organisations/<id>.db, each opened once. */
export class FileStore implements Store {
  readonly directory: FileDatabase
  #folder: string
  #organisations = new Map<string, FileDatabase>()

  constructor(folder: string) {
    this.#folder = join(folder, 'organisations')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    this.directory = new FileDatabase(join(folder, 'directory.db'))
  }

  organisation(id: string): FileDatabase {
    let database = this.#organisations.get(id)
    if (!database) {
      if (!/^[0-9a-f-]{36}$/.test(id)) throw new Error('an organisation is named by its UUID')
      database = new FileDatabase(join(this.#folder, `${id}.db`))
      this.#organisations.set(id, database)
    }
    return database
  }

  close(): void {
    for (const database of this.#organisations.values()) database.close()
    this.directory.close()
  }
}
