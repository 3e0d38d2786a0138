import { describe, expect, it } from 'vitest'
import { FileDatabase } from '../hosts/node/database.ts'
import { readMigrations } from '../hosts/node/migrations.ts'
import { migrate, type Migration } from './migrate.ts'

const one: Migration = {
  tag: '0000_one',
  when: 1000,
  hash: 'a',
  statements: ['CREATE TABLE t (a integer)', 'INSERT INTO t VALUES (1)'],
}
const two: Migration = { tag: '0001_two', when: 2000, hash: 'b', statements: ['UPDATE t SET a = a + 1'] }

describe('migrate', () => {
  it('applies each migration once, in order', async () => {
    const database = new FileDatabase(':memory:')
    expect(await migrate(database, 'done', [one])).toEqual(['0000_one'])
    expect(await migrate(database, 'done', [one, two])).toEqual(['0001_two'])
    expect(await migrate(database, 'done', [one, two])).toEqual([])
    expect(await database.all('SELECT a FROM t')).toEqual([[2]])
    database.close()
  })

  it('a migration that fails leaves nothing', async () => {
    const database = new FileDatabase(':memory:')
    const broken = { ...one, statements: [...one.statements, 'INSERT INTO absent VALUES (1)'] }
    await expect(migrate(database, 'done', [broken])).rejects.toThrow('absent')
    expect(await migrate(database, 'done', [one])).toEqual(['0000_one'])
    database.close()
  })

  it('the generated files make both databases, in one file as well', async () => {
    const database = new FileDatabase(':memory:')
    for (const set of ['directory', 'organisation'] as const) {
      expect((await migrate(database, `migrations_${set}`, readMigrations(set))).length).toBeGreaterThan(0)
    }
    expect(
      await database.all("SELECT count(*) FROM sqlite_master WHERE name IN ('tokens', 'nodes', 'ports', 'tasks')"),
    ).toEqual([[4]])
    database.close()
  })
})
