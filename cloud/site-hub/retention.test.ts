// What a site's rows and blobs leave behind is bounded: config drives go with their instance, logs keep their last entries.
import { expect, test } from 'vitest'
import type { Statement } from '../ports.ts'
import { KEPT, PRUNE_EVERY } from './retention.ts'
import { OneNode } from './testdata/one-node.ts'

const one = new OneNode()
const { change, put, verb, work } = one

const line = () => ({ node: one.node, at: one.bench.now, stage: 'boot.x', body: {} })
const keys = () => [...one.bench.blobs.keys()]
/** A config drive as the API puts it there. */
async function deployWith(key: string): Promise<void> {
  one.bench.blobs.set(key, 'sealed')
  const before = await one.state()
  await verb(before === 'active' ? 'rebuild' : 'active', { configdrive: key })
  await work()
}

test('a config drive is deleted when the instance goes', async () => {
  await put('available')
  await deployWith('drive-1')
  expect([await one.state(), keys()]).toEqual(['active', ['drive-1']])
  await verb('deleted')
  expect(keys(), 'while the tear-down goes on').toEqual(['drive-1'])
  await work()
  expect([await one.state(), keys()]).toEqual(['available', []])
})

test('a config drive that another one replaces is deleted; a rebuild without one keeps it', async () => {
  await put('available')
  await deployWith('drive-1')
  await deployWith('drive-2')
  expect(keys()).toEqual(['drive-2'])
  await verb('rebuild')
  await work()
  expect(keys()).toEqual(['drive-2'])
})

test('a node that is deleted leaves no config drive', async () => {
  await put('available')
  await deployWith('drive-1')
  await change('maintenance = 1')
  one.bench.hub = one.bench.anotherHub()
  expect((await one.bench.command('node.delete', { node: one.node })).ok).toBe(true)
  expect(keys()).toEqual([])
})

const count = async (table: string, node: string) =>
  Number((await one.bench.sql.all(`SELECT count(*) FROM ${table} WHERE node = ?`, [node]))[0]![0])

test('events, notes and tasks of a node are bounded, and the newest stay', async () => {
  const other = await one.bench.newNode({ name: 'other' })
  const more = 20
  const rows: Statement[] = []
  const numbers = (n: number) => `WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ${n})`
  for (const node of [one.node, other]) {
    rows.push(
      {
        sql: `${numbers(KEPT.events + more)} INSERT INTO events (at, site, node, type, body) SELECT 'x', 's', ?, 'old', json_object('i', i) FROM k`,
        args: [node],
      },
      {
        sql: `${numbers(KEPT.notes + more)} INSERT INTO notes (at, node, stage) SELECT 'x', ?, 'old' FROM k`,
        args: [node],
      },
      {
        sql: `${numbers(KEPT.tasks + more)} INSERT INTO tasks (id, site, node, nseq, kind, state, steps, context, deadline_ms, created_at) SELECT ?1 || i, 's', ?1, i, 'power', 'done', '[]', '{}', 0, 'x' FROM k`,
        args: [node],
      },
    )
  }
  await one.bench.sql.batch(rows)
  await change(`version = ${PRUNE_EVERY - 1}`)
  one.bench.hub = one.bench.anotherHub()
  const patch = [{ op: 'add' as const, path: '/extra/a', value: 1 }]
  await one.bench.command('node.patch', { node: one.node, patch })
  await one.bench.say(one.peer, { type: 'notes', dropped: 0, notes: [line()] })
  const left = async (node: string) => Promise.all(['events', 'notes', 'tasks'].map((table) => count(table, node)))
  expect(await left(one.node)).toEqual([KEPT.events, KEPT.notes, KEPT.tasks])
  for (const [i, n] of (await left(other)).entries()) expect(n).toBeGreaterThan(Object.values(KEPT)[i]!)
  const [last] = await one.bench.sql.all('SELECT type FROM events WHERE node = ? ORDER BY id DESC LIMIT 1', [one.node])
  expect(last).toEqual(['node.updated'])
})

test('a node that is deleted leaves the events that its watchers may not have seen, and no timeline', async () => {
  await one.bench.sql.batch([{ sql: "INSERT INTO notes (at, node, stage) VALUES ('x', ?, 'boot')", args: [one.node] }])
  await one.bench.command('node.delete', { node: one.node })
  expect(await count('notes', one.node)).toBe(0)
  const types = await one.bench.sql.all('SELECT type FROM events WHERE node = ? ORDER BY id', [one.node])
  expect(types.flat().at(-1)).toBe('node.deleted')
})

test('a timeline is bounded by its own length, at a node where nothing else happens', async () => {
  const [[version]] = (await one.bench.sql.all('SELECT version FROM nodes WHERE uuid = ?', [one.node])) as [[number]]
  for (let i = 0; i < 4; i++)
    await one.bench.say(one.peer, { type: 'notes', dropped: 0, notes: Array.from({ length: 400 }, line) })
  expect(await count('notes', one.node)).toBe(KEPT.notes)
  expect(await one.bench.sql.all('SELECT version FROM nodes WHERE uuid = ?', [one.node])).toEqual([[version]])
})
