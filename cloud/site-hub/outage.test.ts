// A site of which nothing is heard, and its return: one event and one statement each, however many nodes; nothing fails.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Sql } from '../ports.ts'
import { HubBench } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_AND_MARGIN_MS = 17_001
const events = async (type: string) =>
  (await bench.sql.all('SELECT body FROM events WHERE type = ? ORDER BY id', [type])).map(
    ([body]) => JSON.parse(String(body)) as Record<string, unknown>,
  )
const nodes = () =>
  bench.sql.all('SELECT uuid, stale_since, version, updated_at, provision_state FROM nodes ORDER BY id')
const offlineSince = async () => (await bench.sql.all('SELECT offline_since FROM sites'))[0]![0]

test('a silent site is one event, and one statement marks all its nodes without changing them', async () => {
  const a = await bench.connect('a')
  for (let i = 0; i < 25; i++) await bench.newNode()
  const before = await nodes()
  const texts: string[] = []
  const { sql } = bench
  const watching: Sql = {
    all: (text, args) => sql.all(text, args),
    batch: (statements) => (texts.push(...statements.map((each) => each.sql)), sql.batch(statements)),
  }
  bench.hub = bench.anotherHub(watching)
  await bench.disconnect(a)
  await bench.pass(60_000 + LEASE_AND_MARGIN_MS) // a new hub trusts the horizon
  const since = await offlineSince()
  expect(since).toMatch(/^20/)
  expect(texts.filter((text) => text.startsWith('UPDATE nodes'))).toEqual([
    'UPDATE nodes SET stale_since = ? WHERE site = ?',
  ])
  expect(await events('site.offline')).toEqual([{ site: 'default' }])
  expect(await nodes()).toEqual(before.map(([uuid, , ...rest]) => [uuid, since, ...rest]))

  texts.length = 0
  bench.now += 1_000_000
  await bench.connect('a')
  expect(texts.filter((text) => text.startsWith('UPDATE nodes'))).toEqual([
    'UPDATE nodes SET stale_since = ? WHERE site = ?',
  ])
  expect(await nodes()).toEqual(before)
  expect(await offlineSince()).toBeNull()
  expect(await events('site.online')).toMatchObject([{ site: 'default', offline_since: since }])
  await bench.pass(100_000)
  expect(await events('site.offline'), 'the next outage is one of its own').toHaveLength(2)
  expect(await events('site.online')).toHaveLength(1)
})

test('a site with one of two conductors left is not offline', async () => {
  const a = await bench.connect('a')
  const b = await bench.connect('b')
  await bench.disconnect(a)
  for (let i = 0; i < 8; i++) {
    await bench.pass(3000)
    await bench.say(b, { type: 'renew', rid: i })
  }
  expect(await events('conductor.lost')).toHaveLength(1)
  expect(await events('site.offline')).toEqual([])
  expect(await offlineSince()).toBeNull()
})

test('a site that never had a conductor is not offline', async () => {
  await bench.command('site.refresh', { addresses: true })
  expect(await events('site.offline')).toEqual([])
})

test('what needs a conductor is refused with 503, since when, and what to do; reads and deletion are not', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.disconnect(a)
  await bench.pass(LEASE_AND_MARGIN_MS)
  const since = String(await offlineSince())
  for (const refused of [
    await bench.command('node.provision', { node, verb: 'manage', args: {} }),
    await bench.command('node.power', { node, target: 'power on' }),
    await bench.command('call', { node, interface: 'power', method: 'get_power_state', args: {}, timeoutMs: 1000 }),
    await bench.command('node.create', { node: { driver: 'fake-hardware' } }),
  ]) {
    expect(refused).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
    if (refused.ok) continue
    expect(refused.fault.message).toContain(`Site default is offline since ${since}`)
    expect(refused.fault.hint).toContain('ferrule-conductor status')
  }
  expect(await bench.command('node.maintenance', { node, on: true, reason: 'cable' })).toMatchObject({ ok: true })
  expect(await bench.command('node.delete', { node })).toMatchObject({ ok: true })
})

test('a task does not run out of time while its site is offline, and has time to be reported afterwards', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode({ automated_clean: false })
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.work(a)
  await bench.command('node.provision', { node, verb: 'provide', args: {} })
  await bench.command('node.provision', { node, verb: 'active', args: {} })
  await bench.work(a, { stopAt: 'deploy.wait_agent' })
  await bench.disconnect(a)
  await bench.pass(24 * 3600_000)
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploying', last_error: null })
  const again = await bench.connect('a')
  expect(await bench.work(again)).toContain('deploy.write_image')
  expect(await bench.node(node)).toMatchObject({ provision_state: 'active', last_error: null })
})
