// What a person did at the site comes to the cloud: maintenance, the audit log, one event; once, however often it is told.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LocalAction } from '../../shared/protocol.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
let peer: TestPeer
let node: string
beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a')
  node = await bench.newNode()
})
afterEach(() => bench.close())

const told = (more: Partial<LocalAction> = {}) =>
  bench.say(peer, {
    type: 'local',
    action: {
      id: 'local-1',
      node,
      action: 'power',
      target: 'off',
      at: bench.now - 60_000,
      by: 'ada',
      fenced: false,
      reason: 'smoke',
      ...more,
    },
  })
const row = async () =>
  (
    await bench.sql.all('SELECT maintenance, maintenance_reason, fault, power_state FROM nodes WHERE uuid = ?', [node])
  )[0]
const count = async (sql: string) => (await bench.sql.all(`SELECT count(*) FROM ${sql}`))[0]![0]

test('a local action puts its node into maintenance, with who, what and why, and into the audit log', async () => {
  await told({ outcome: { ok: true, value: 'power off' } })
  expect(await row()).toEqual([
    1,
    expect.stringMatching(/^Local action at the site .*: power off by ada at conductor-a, 20.*\(done\): smoke$/),
    null,
    'power off',
  ])
  expect(await bench.sql.all('SELECT actor, action, target, outcome FROM audit')).toEqual([
    ['ada@conductor-a', 'local.power', node, 'done'],
  ])
  expect(peer.last('settled')).toEqual({ type: 'settled', id: 'local-1' })
  expect(peer.grant(node)).toMatchObject({ powerSync: false })
})

test('told twice it counts once', async () => {
  await told({ outcome: { ok: true, value: 'power off' } })
  await bench.command('node.maintenance', { node, on: false, reason: null })
  await told({ outcome: { ok: true, value: 'power off' } })
  expect(await count(`events WHERE type = 'node.local_action'`)).toBe(1)
  expect(await count('audit')).toBe(1)
  expect(await row()).toMatchObject({ 0: 0 })
  expect(peer.of('settled')).toHaveLength(2)
})

test('one that began and whose end nobody knows leaves the power unknown', async () => {
  await told()
  expect(await row()).toEqual([1, expect.stringContaining('(unknown)'), null, null])
})

test('one on a node that was deleted meanwhile is in the audit log', async () => {
  await bench.command('node.delete', { node })
  await told({ outcome: { ok: true, value: 'power off' } })
  expect(await count('audit')).toBe(1)
  expect(peer.last('settled')).toEqual({ type: 'settled', id: 'local-1' })
})

test('one that could not be looked up is not settled: its conductor tells it again', async () => {
  let fails = true
  const { sql } = bench
  bench.hub = bench.anotherHub({
    all: async (text, args) => {
      if (fails && text.includes('node.local_action')) throw new Error('the database is busy')
      return await sql.all(text, args)
    },
    batch: (statements) => sql.batch(statements),
  })
  peer = await bench.connect('a')
  await told({ outcome: { ok: true, value: 'power off' } })
  expect(peer.of('settled')).toEqual([])
  expect(peer.closed, 'so that it says it again').toMatchObject({ code: 1011 })
  fails = false
  peer = await bench.connect('a')
  await told({ outcome: { ok: true, value: 'power off' } })
  expect(peer.last('settled')).toEqual({ type: 'settled', id: 'local-1' })
  expect(await count(`events WHERE type = 'node.local_action'`)).toBe(1)
})

test('told twice in one turn it counts once', async () => {
  await Promise.all([told(), told()])
  expect([
    await count("audit WHERE action = 'local.power'"),
    await count("events WHERE type = 'node.local_action'"),
  ]).toEqual([1, 1])
  expect(peer.of('settled')).toHaveLength(2)
})
