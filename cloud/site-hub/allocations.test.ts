// The hub's part of allocations, where moments meet: what else happens while one is given a node.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Sql, Statement } from '../ports.ts'
import { isoTime } from '../schema/rows.ts'
import { HubBench } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => {
  bench = await HubBench.make()
  await bench.connect('a')
})
afterEach(() => bench.close())

const ALLOCATION = '11111111-2222-4333-8444-555555555555'
const freeNode = async () => {
  const node = await bench.newNode({ resource_class: 'c' })
  const sql = `UPDATE nodes SET provision_state = 'available', power_state = 'power off' WHERE uuid = ?`
  await bench.sql.batch([{ sql, args: [node] }])
  return node
}
const allocating = (uuid = ALLOCATION): Promise<unknown> =>
  bench.sql.batch([
    {
      sql: `INSERT INTO allocations (uuid, state, resource_class, created_at) VALUES (?, 'allocating', 'c', 'now')`,
      args: [uuid],
    },
  ])
const match = (allocation = ALLOCATION) => bench.command('allocation.match', { allocation })
const rows = async (sql: string) => bench.sql.all(sql)

/** A hub over a database where `first` happens just before the batch that gives a node. */
function meanwhile(first: Statement): void {
  const sql: Sql = {
    all: (text, args) => bench.sql.all(text, args),
    async batch(statements) {
      if (statements.some((statement) => statement.sql.startsWith('INSERT INTO allocations')))
        await bench.sql.batch([first])
      return bench.sql.batch(statements)
    },
  }
  bench.hub = bench.anotherHub(sql)
}

test.each([
  ['was given up', `UPDATE allocations SET state = 'error' WHERE uuid = ?`, [['error', null]]],
  ['was deleted', 'DELETE FROM allocations WHERE uuid = ?', []],
])('an allocation that %s in the same moment gets no node, and the node no instance', async (_what, sql, left) => {
  await freeNode()
  await allocating()
  meanwhile({ sql, args: [ALLOCATION] })
  expect((await match()).ok).toBe(false)
  expect(await rows('SELECT state, node FROM allocations')).toEqual(left)
  expect(await rows('SELECT instance_uuid, allocation, instance_info FROM nodes')).toEqual([[null, null, '{}']])
})

test('two allocations and one node in one turn: one gets it, the other hears that none is left', async () => {
  const node = await freeNode()
  const other = ALLOCATION.replace('1111', '9999')
  await allocating()
  await allocating(other)
  const answers = await Promise.all([match(), match(other)])
  expect(answers).toEqual([
    { ok: true, value: { node } },
    { ok: true, value: { node: null } },
  ])
  expect(await rows('SELECT uuid, state, node FROM allocations ORDER BY id')).toEqual([
    [ALLOCATION, 'active', node],
    [other, 'allocating', null],
  ])
})

test('an allocation that asks twice in one turn gets one node', async () => {
  await freeNode()
  await freeNode()
  await allocating()
  const answers = await Promise.all([match(), match()])
  expect(answers.map((answer) => (answer.ok ? 'ok' : answer.fault.code))).toEqual(['ok', 'conflict'])
  expect(await rows('SELECT count(*) FROM nodes WHERE instance_uuid IS NOT NULL')).toEqual([[1]])
})

test('a node that goes into maintenance in the same turn is not given', async () => {
  const node = await freeNode()
  await allocating()
  const maintenance = bench.command('node.maintenance', { node, on: true, reason: null })
  const [, answer] = await Promise.all([maintenance, match()])
  expect(answer).toEqual({ ok: true, value: { node: null } })
})

test('an allocation that gets its node in the millisecond in which it was made has another ETag all the same', async () => {
  await freeNode()
  await allocating()
  await bench.sql.batch([{ sql: 'UPDATE allocations SET created_at = ?', args: [isoTime(bench.now)] }])
  expect((await match()).ok).toBe(true)
  const [[made, changed] = []] = await rows('SELECT created_at, updated_at FROM allocations')
  expect(String(changed) > String(made)).toBe(true)
})

test('an allocation without a name does not get the nodes without a name first', async () => {
  const nameless = await freeNode()
  const named = await freeNode()
  await bench.sql.batch([{ sql: "UPDATE nodes SET name = 'called' WHERE uuid = ?", args: [named] }])
  const got = new Set<unknown>()
  for (let i = 0; i < 60 && got.size < 2; i++) {
    const allocation = ALLOCATION.replace('1111', String(1000 + i))
    await allocating(allocation)
    const { value } = (await match(allocation)) as { value: { node: string } }
    got.add(value.node)
    expect(await bench.command('allocation.release', { allocation, node: value.node })).toMatchObject({ ok: true })
  }
  expect(got).toEqual(new Set([nameless, named]))
})

test.each([
  ['of another class', { path: '/resource_class', value: 'other' }],
  ['another’s', { path: '/owner', value: 'them' }],
])('a node that is %s since this very turn is not given away', async (_what, change) => {
  const node = await freeNode()
  await bench.sql.batch([{ sql: "UPDATE nodes SET owner = 'us'", args: [] }])
  await allocating()
  await bench.sql.batch([{ sql: "UPDATE allocations SET owner = 'us'", args: [] }])
  const [patched, matched] = await Promise.all([
    bench.command('node.patch', { node, patch: [{ op: 'add', ...change }] }),
    match(),
  ])
  expect([patched, matched]).toMatchObject([{ ok: true }, { ok: true, value: { node: null } }])
})

test('a node that loses a trait in this very turn is not given to whoever wants that', async () => {
  const node = await freeNode()
  const traits = (change: 'set' | 'remove') => bench.command('node.traits', { node, change, traits: ['CUSTOM_A'] })
  await traits('set')
  await allocating()
  await bench.sql.batch([{ sql: `UPDATE allocations SET traits = '["CUSTOM_A"]'`, args: [] }])
  const [, matched] = await Promise.all([traits('remove'), match()])
  expect(matched).toMatchObject({ ok: true, value: { node: null } })
})
