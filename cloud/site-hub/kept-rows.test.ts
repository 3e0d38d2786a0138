// What a hub remembers of nodes that are worked on: HubBench compares it with what is stored after every turn of every test. Here is what is not remembered, and
// to whom it is not told.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StepEvent } from '../../shared/protocol.ts'
import type { Sql } from '../ports.ts'
import { nodes } from '../schema/organisation.ts'
import { blankRow } from '../schema/rows.ts'
import { KeptRows } from './kept-rows.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

/** How often whole rows of nodes are read. */
function reading(): { readonly sql: Sql; count: number } {
  const reader = {
    count: 0,
    sql: {
      all(sql, args) {
        if (/^SELECT id, uuid, .* FROM nodes /.test(sql)) reader.count++
        return bench.sql.all(sql, args)
      },
      batch: (statements) => bench.sql.batch(statements),
    } satisfies Sql,
  }
  return reader
}

async function verifying(node: Record<string, unknown> = {}): Promise<{ a: TestPeer; node: string }> {
  const a = await bench.connect('a')
  const uuid = await bench.newNode(node)
  await bench.command('node.provision', { node: uuid, verb: 'manage', args: {} })
  return { a, node: uuid }
}

async function step(a: TestPeer, n: number, facts: Record<string, unknown> = {}): Promise<void> {
  const { id, epoch } = a.last('task')
  const event: StepEvent = { n, at: bench.now, step: 0, kind: n === 1 ? 'started' : 'finished', facts }
  await bench.say(a, { type: 'event', id, epoch, events: [event] })
}

test.each([
  ['is not read again', {}, 0],
  ['is read by each turn where it is long', { extra: { a: 'x'.repeat(9000) } }, 2],
])('a node that is worked on %s', async (_, node, wanted) => {
  const reader = reading()
  bench.hub = bench.anotherHub(reader.sql)
  const { a } = await verifying(node)
  reader.count = 0
  await step(a, 1)
  await step(a, 2)
  expect(reader.count).toBe(wanted)
})

test('a node that has grown long meanwhile is read again', async () => {
  const reader = reading()
  bench.hub = bench.anotherHub(reader.sql)
  const { a } = await verifying()
  await step(a, 1, { driver_internal_info: { a: 'x'.repeat(9000) } })
  reader.count = 0
  await step(a, 2)
  expect(reader.count).toBe(1)
})

test('a hub that does not know that it was replaced tells nobody what it remembers', async () => {
  const { node } = await verifying()
  const old = bench.hub
  bench.hub = bench.anotherHub()
  const caller = { actor: 'test', requestId: 'r' }
  const refused = { kind: 'node.provision', node, verb: 'active', args: {} } as const
  expect(await bench.hub.command({ ...caller, ...refused })).toMatchObject({
    ok: false,
    fault: { code: 'node.locked' },
  })
  expect(await old.command({ ...caller, ...refused })).toMatchObject({ ok: false, fault: { code: 'hub.superseded' } })
})

test('a row that has not changed is forgotten with its task, too', () => {
  const rows = new Map([['n', blankRow(nodes)]])
  const kept = new KeptRows()
  kept.keep(rows, () => true)
  expect(kept.get('n')).toBe(rows.get('n'))
  kept.keep(rows, () => false)
  expect(kept.get('n')).toBeUndefined()
})

test('facts that their columns cannot hold are left', async () => {
  const { a, node } = await verifying()
  await step(a, 1, { boot_mode: 'uefi', secure_boot: true })
  await step(a, 2, {
    boot_mode: 1,
    secure_boot: 'yes',
    power_state: {},
    console_enabled: 0,
    raid_config: [],
    health: 'x',
  })
  const row = () =>
    bench.sql.all('SELECT boot_mode, secure_boot, console_enabled, raid_config, health FROM nodes WHERE uuid = ?', [
      node,
    ])
  expect(await row()).toEqual([['uefi', 1, 0, '{}', null]])
  await step(a, 3, { boot_mode: 'x\ud800' })
  expect((await row())[0]![0]).toBe('x\ufffd')
})
