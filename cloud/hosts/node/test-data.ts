// Data for tests: what a first start makes, and a database with the schema of an organisation. To migrate one takes fifteen milliseconds and a thousand
// tests want one, so that each process makes them once and then writes copies.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemEnv } from '../../../shared/env.ts'
import { prepare } from '../../store/first-start.ts'
import { migrate } from '../../store/migrate.ts'
import { FileDatabase, FileStore } from './database.ts'
import { readMigrations } from './migrations.ts'

interface FirstStart {
  readonly token: string
  /** By the path below the folder. */
  readonly files: ReadonlyMap<string, Buffer>
}

let started: Promise<FirstStart> | undefined
let schema: Promise<Buffer> | undefined

/** Fills the folder as a first start does; answers the token. The organisation is the same one in each folder of a process. */
export async function writeFirstStart(dataDir: string): Promise<string> {
  const { token, files } = await (started ??= firstStart())
  for (const [path, bytes] of files) {
    mkdirSync(join(dataDir, dirname(path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(dataDir, path), bytes)
  }
  return token
}

/** An organisation's database at `path`, which has its tables and nothing in them. What it answers would not outlive a power failure. */
export async function newDatabase(path: string): Promise<FileDatabase> {
  writeFileSync(path, await (schema ??= emptyDatabase()))
  const database = new FileDatabase(path)
  await database.all('PRAGMA synchronous = OFF')
  return database
}

function firstStart(): Promise<FirstStart> {
  return inFolder(async (folder) => {
    const store = new FileStore(folder, () => undefined)
    const token = (await prepare(store, systemEnv, (set) => readMigrations(set)))!
    const [[id]] = (await store.directory.all('SELECT id FROM organisations')) as [[string]]
    const paths = new Map([['directory.db', store.directory], [join('organisations', `${id}.db`), store.organisation(id)]]) // prettier-ignore
    for (const database of paths.values()) await emptyLog(database)
    await store.close()
    return { token, files: new Map([...paths.keys()].map((path) => [path, readFileSync(join(folder, path))])) }
  })
}

function emptyDatabase(): Promise<Buffer> {
  return inFolder(async (folder) => {
    const path = join(folder, 'organisation.db')
    const database = new FileDatabase(path)
    await migrate(database, 'migrations_organisation', readMigrations('organisation'))
    await emptyLog(database)
    database.close()
    return readFileSync(path)
  })
}

/** Everything is in the file itself then. */
const emptyLog = (database: FileDatabase) => database.all('PRAGMA wal_checkpoint(TRUNCATE)')

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-data-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
