import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Checkpoints } from './checkpoints.ts'
import { FileDatabase } from './database.ts'

let folder: string
let failures: unknown[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrule-checkpoints-'))
  failures = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
  if (failures.length > 0) throw failures[0]
})

async function open() {
  const path = join(folder, 'a.db')
  const checkpoints = new Checkpoints(path, (error) => failures.push(error))
  const database = new FileDatabase(path, checkpoints)
  const write = (count: number) => {
    const rows = Array.from({ length: count }, () => ({ sql: 'INSERT INTO t VALUES (?)', args: ['x'.repeat(3000)] }))
    return database.batch(rows)
  }
  await database.batch([{ sql: 'CREATE TABLE t (a text)', args: [] }])
  return { path, checkpoints, database, write }
}

/** How many rows the file itself has, without its log. */
async function inFile(path: string): Promise<number> {
  const copy = `${path}.copy`
  copyFileSync(path, copy)
  const database = new FileDatabase(copy)
  try {
    return Number((await database.all('SELECT count(*) FROM t').catch(() => [[0]]))[0]![0])
  } finally {
    database.close()
  }
}

it('no commit makes a checkpoint; one is made some time after it, and the log is used again', async () => {
  const { path, checkpoints, database, write } = await open()
  await write(2000)
  expect(await inFile(path)).toBe(0)
  vi.advanceTimersByTime(2000)
  await checkpoints.settled()
  expect(await inFile(path)).toBe(2000)
  const { size } = statSync(`${path}-wal`)
  await write(100)
  expect(statSync(`${path}-wal`).size).toBe(size)
  expect(await database.all('SELECT count(*) FROM t')).toEqual([[2100]])
  await checkpoints.close()
  database.close()
})

it('who closes waits for the checkpoint under way', async () => {
  const { path, checkpoints, database, write } = await open()
  await write(2000)
  vi.advanceTimersByTime(2000)
  await checkpoints.close()
  expect(await inFile(path)).toBe(2000)
  database.close()
})

it('a log that only grows, since somebody reads the old state, says nothing and loses nothing', async () => {
  const { path, checkpoints, database, write } = await open()
  const reader = new FileDatabase(path)
  await reader.all('BEGIN')
  await reader.all('SELECT count(*) FROM t')
  await write(2000)
  vi.advanceTimersByTime(2000)
  await checkpoints.settled()
  expect(await inFile(path)).toBe(0)
  await reader.all('COMMIT')
  reader.close()
  await write(1)
  vi.advanceTimersByTime(2000)
  await checkpoints.close()
  expect(await inFile(path)).toBe(2001)
  database.close()
})

it('a reader that keeps a long log from being emptied holds nobody up', async () => {
  const { path, checkpoints, database, write } = await open()
  const reader = new FileDatabase(path)
  await reader.all('BEGIN')
  await reader.all('SELECT count(*) FROM t')
  await write(17_000)
  vi.advanceTimersByTime(2000)
  const settled = checkpoints.settled()
  let longest = 0
  for (let i = 0; i < 40; i++) {
    const began = performance.now()
    await write(1)
    longest = Math.max(longest, performance.now() - began)
    await new Promise((done) => void setImmediate(done))
  }
  await settled
  // The connection that writes gives up after 5 s: this tells that from a wait of any other kind, however busy the machine is.
  expect(longest).toBeLessThan(4000)
  await reader.all('COMMIT')
  reader.close()
  await checkpoints.close()
  database.close()
})
