import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FolderBlobs } from './blobs.ts'
import { FileDatabase, FileStore } from './database.ts'

describe('files', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ferrule-files-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('a batch happens whole or not at all, and answers the rows of RETURNING', async () => {
    const database = new FileDatabase(join(folder, 'a.db'))
    await database.batch([{ sql: 'CREATE TABLE t (a integer UNIQUE NOT NULL)', args: [] }])
    const insert = (a: number | null) => ({ sql: 'INSERT INTO t VALUES (?) RETURNING a', args: [a] })
    expect(await database.batch([insert(1), { sql: 'UPDATE t SET a = a', args: [] }, insert(2)])).toEqual([
      [[1]],
      [],
      [[2]],
    ])
    await expect(database.batch([insert(3), insert(null)])).rejects.toThrow('NOT NULL')
    await expect(database.batch([insert(3), insert(1)])).rejects.toThrow('UNIQUE')
    expect(await database.all('SELECT a FROM t ORDER BY a')).toEqual([[1], [2]])
    database.close()
  })

  it('what a batch answered survives without a clean close', async () => {
    const database = new FileDatabase(join(folder, 'b.db'))
    expect(await database.all('PRAGMA synchronous')).toEqual([[2]])
    expect(await database.all('PRAGMA journal_mode')).toEqual([['wal']])
    database.close()
  })

  it('an organisation cannot name a file of its choice', async () => {
    const store = new FileStore(join(folder, 'store'), () => {})
    expect(() => store.organisation('../../etc/passwd')).toThrow('UUID')
    await store.close()
  })

  it('blobs are kept, replaced, absent, and cannot leave their folder', async () => {
    const blobs = new FolderBlobs(join(folder, 'blobs'))
    expect(await blobs.get('sites/a/x')).toBeNull()
    await blobs.put('sites/a/x', new Uint8Array([1]))
    await blobs.put('sites/a/x', new Uint8Array([2, 3]))
    expect([...(await blobs.get('sites/a/x'))!]).toEqual([2, 3])
    await blobs.delete('sites/a/x')
    await blobs.delete('sites/a/x')
    expect(await blobs.get('sites/a/x')).toBeNull()
    for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '', 'a/..'])
      await expect(blobs.put(key, new Uint8Array())).rejects.toThrow('blob key')
  })
})
