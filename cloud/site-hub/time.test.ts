// Time at the hub: what is promised until some moment holds until then, whatever deadlines, clocks and restarts do.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_MS = 15_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const TENURE_MS = 45 * MINUTE_MS

/** A lone conductor's task with a permit and a tenure; then another conductor joins. */
async function promised(): Promise<{ a: TestPeer; b: TestPeer; node: string; id: string }> {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  const { id, epoch } = a.last('task')
  await bench.say(a, { type: 'intent', id, epoch, step: 0, rid: 1 })
  expect(a.last('proceed').tenureMs).toBe(TENURE_MS)
  const b = await bench.connect('b')
  return { a, b, node, id }
}

async function renewing(peers: readonly TestPeer[], ms: number, everyMs = 3000): Promise<void> {
  for (let passed = 0; passed < ms; passed += everyMs) {
    for (const peer of peers) await bench.say(peer, { type: 'renew', rid: passed })
    await bench.pass(everyMs)
  }
}

/** The open tasks' deadline comes sooner than it would; the hub reads it as it starts. */
async function hurry(ms: number): Promise<void> {
  await bench.sql.batch([{ sql: "UPDATE tasks SET deadline_ms = ? WHERE state = 'open'", args: [bench.now + ms] }])
  bench.hub = bench.anotherHub()
}

function setClock(byMs: number): void {
  bench.now += byMs
  bench.monoOffset -= byMs
}

const stateOf = async (id: string) => (await bench.sql.all('SELECT state FROM tasks WHERE id = ?', [id]))[0]![0]

test('a deadline breaks no promised tenure while the conductor is away, and rings no alarm again and again', async () => {
  const { a, b, node, id } = await promised()
  await hurry(MINUTE_MS)
  await bench.disconnect(a)
  await renewing([b], 2 * MINUTE_MS)
  expect([await stateOf(id), b.grant(node)]).toEqual(['open', undefined])
  expect(bench.alarmAt).toBeGreaterThan(bench.now)
  await renewing([b], TENURE_MS)
  expect([await stateOf(id), b.grant(node)?.node]).toEqual(['failed', node])
})

test('a conductor that is back within its tenure has time to report a task whose deadline has passed meanwhile', async () => {
  const { a, b, node } = await promised()
  await hurry(MINUTE_MS)
  await bench.disconnect(a)
  await renewing([b], 2 * MINUTE_MS)
  const back = await bench.connect('a')
  await renewing([back, b], 2 * MINUTE_MS)
  await bench.work(back)
  expect((await bench.node(node)).provision_state).toBe('manageable')
})

test('a task that its deadline ends keeps its node by the tenure that was promised for it, also at a hub that starts', async () => {
  const { a, b, node, id } = await promised()
  await hurry(MINUTE_MS)
  await renewing([a, b], MINUTE_MS + LEASE_MS)
  expect([await stateOf(id), a.last('done').id]).toEqual(['failed', id])
  await bench.disconnect(a) // perhaps it had not heard
  await renewing([b], MINUTE_MS)
  bench.hub = bench.anotherHub()
  await renewing([b], MINUTE_MS)
  expect(b.grant(node)).toBeUndefined()
  await renewing([b], TENURE_MS)
  expect(b.grant(node)?.node).toBe(node)
})

test('a node that a tenure keeps beyond its task is free at once when its conductor is declared dead', async () => {
  const { a, b, node } = await promised()
  await hurry(MINUTE_MS)
  await renewing([a, b], MINUTE_MS + LEASE_MS)
  await bench.disconnect(a)
  await renewing([b], MINUTE_MS)
  const dead = await bench.command('conductor.declare_dead', { conductor: 'a' })
  expect(dead).toMatchObject({ ok: true, value: { moved: 1, left: 0 } })
  expect(b.grant(node)?.node).toBe(node)
})

test('a wall clock that is set forward ends no tenure, also where the hub starts anew afterwards', async () => {
  const { a, b, node, id } = await promised()
  await bench.disconnect(a)
  await renewing([b], MINUTE_MS)
  setClock(2 * HOUR_MS)
  await renewing([b], 10 * MINUTE_MS)
  bench.hub = bench.anotherHub()
  await renewing([b], 30 * MINUTE_MS)
  expect([b.grant(node), await stateOf(id)]).toEqual([undefined, 'open'])
  await renewing([b], 6 * MINUTE_MS)
  expect(b.grant(node)?.node).toBe(node)
})

test('a wall clock that is set back lengthens no tenure', async () => {
  const { a, b, node } = await promised()
  await bench.disconnect(a)
  await renewing([b], MINUTE_MS)
  setClock(-2 * HOUR_MS)
  await renewing([b], TENURE_MS)
  expect(b.grant(node)?.node).toBe(node)
})

test('a wall clock that is set forward or back moves no deadline', async () => {
  const { a, b, id } = await promised()
  await hurry(5 * MINUTE_MS)
  setClock(10 * HOUR_MS)
  await renewing([a, b], 2 * MINUTE_MS)
  expect(await stateOf(id)).toBe('open')
  setClock(-20 * HOUR_MS)
  await renewing([a, b], 2 * MINUTE_MS)
  expect(await stateOf(id)).toBe('open')
  await renewing([a, b], 2 * MINUTE_MS)
  expect(await stateOf(id)).toBe('failed')
})

test('a clock that was set counts once, also when the turn that saw it first could not be stored', async () => {
  const { a, b, node, id } = await promised()
  let broken = false
  bench.hub = bench.anotherHub({
    all: (sql, args) => bench.sql.all(sql, args),
    batch: async (statements) => {
      if (broken && statements.length > 1) throw new Error('unreachable')
      return bench.sql.batch(statements)
    },
  })
  await bench.say(b, { type: 'renew', rid: 1 })
  await bench.disconnect(a)
  broken = true
  setClock(2 * HOUR_MS)
  await bench.say(b, { type: 'renew', rid: 2 })
  broken = false
  await bench.disconnect(b)
  const again = await bench.connect('b')
  await renewing([again], 40 * MINUTE_MS)
  expect([again.grant(node), await stateOf(id)]).toEqual([undefined, 'open'])
  await renewing([again], 6 * MINUTE_MS)
  expect(again.grant(node)?.node).toBe(node)
})

test.each([5_000, LEASE_MS, 40_000, 3 * MINUTE_MS])(
  'with a lease of %i ms the stored horizon is ten seconds ahead of what was promised, at least',
  async (leaseMs) => {
    await bench.sql.batch([{ sql: 'UPDATE sites SET lease_ms = ?', args: [leaseMs] }])
    bench.hub = bench.anotherHub()
    const a = await bench.connect('a')
    const promisedMs = a.last('welcome').leaseMs
    for (let passed = 0; passed < 2 * MINUTE_MS; passed += 1000) {
      await bench.say(a, { type: 'renew', rid: passed })
      const [[horizon] = [0]] = await bench.sql.all("SELECT horizon_ms FROM conductors WHERE id = 'a'")
      expect(Number(horizon) - bench.now).toBeGreaterThanOrEqual(a.last('lease').ms + 10_000)
      await bench.pass(1000)
    }
    expect(a.last('lease').ms).toBe(promisedMs)
  },
)

test('a hub that starts with a wall clock ten seconds ahead gives no node away before its conductor’s lease is over', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  await renewing([a, b], 44_000, 1000)
  await bench.say(a, { type: 'renew', rid: 99 })
  setClock(10_000)
  bench.hub = bench.anotherHub()
  await renewing([b], LEASE_MS)
  expect(b.grant(node)).toBeUndefined()
  await renewing([b], MINUTE_MS)
  expect(b.grant(node)?.node).toBe(node)
})

test('a lease that is set anew is that of the next session: the present one renews at its own pace', async () => {
  const a = await bench.connect('a')
  await bench.sql.batch([{ sql: 'UPDATE sites SET lease_ms = 5000', args: [] }])
  await bench.command('site.refresh', { addresses: false })
  await bench.say(a, { type: 'renew', rid: 1 })
  expect(a.last('lease').ms).toBe(LEASE_MS)
  const again = await bench.connect('a')
  expect(again.last('welcome').leaseMs).toBe(5000)
})

test('a node on which its owner may act by a promise, and cannot be told, is deleted when that is over and not before', async () => {
  const { a, b, node } = await promised()
  await hurry(MINUTE_MS)
  await renewing([a, b], MINUTE_MS + LEASE_MS)
  await bench.disconnect(a)
  const until = bench.now + TENURE_MS
  await renewing([b], MINUTE_MS)
  const refused = await bench.command('node.delete', { node })
  expect(refused).toMatchObject({
    ok: false,
    fault: { code: 'node.locked', message: expect.stringContaining('conductor-a') },
  })
  const [time] = /\d{4}-\d\d-\d\dT\S+/.exec(refused.ok ? '' : refused.fault.message)!
  expect(Date.parse(time)).toBeLessThanOrEqual(until)
  bench.hub = bench.anotherHub()
  await renewing([b], MINUTE_MS)
  expect(await bench.command('node.delete', { node })).toMatchObject({ ok: false, fault: { code: 'node.locked' } })
  await renewing([b], Date.parse(time) - bench.now)
  expect((await bench.command('node.delete', { node })).ok).toBe(true)
})

test('a node that a promise keeps is deleted at once when its owner is there to be told', async () => {
  const { a, b, node } = await promised()
  await hurry(MINUTE_MS)
  await renewing([a, b], MINUTE_MS + LEASE_MS)
  expect((await bench.command('node.delete', { node })).ok).toBe(true)
  expect(a.frames.at(-1)).toMatchObject({ type: 'grants', drop: [node] })
})

test.each([5_000, LEASE_MS, 40_000])(
  'with a lease of %i ms the horizon is written every 45 s at most',
  async (leaseMs) => {
    await bench.sql.batch([{ sql: 'UPDATE sites SET lease_ms = ?', args: [leaseMs] }])
    bench.hub = bench.anotherHub()
    const a = await bench.connect('a')
    const written = new Set<unknown>()
    for (let passed = 0; passed < 4 * 45_000; passed += 1000) {
      await bench.say(a, { type: 'renew', rid: passed })
      written.add((await bench.sql.all("SELECT horizon_ms FROM conductors WHERE id = 'a'"))[0]![0])
      await bench.pass(1000)
    }
    expect(written.size).toBe(4)
  },
)
