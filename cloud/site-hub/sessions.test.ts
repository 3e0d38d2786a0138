// Sessions at the hub: reconnects, clones, replays, refusals, clocks that are set, and how long a tenure is.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { grantsDigest, heldDigests } from '../../shared/grants-digest.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import { memberSql } from '../membership.ts'
import { fakeDriver, HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_MS = 15_000
const MARGIN_MS = 2_000
const MINUTE_MS = 60_000

const audit = async () => (await bench.sql.all('SELECT action, target, outcome FROM audit ORDER BY id')) as string[][]
const events = async () => (await bench.sql.all('SELECT type FROM events WHERE node IS NULL ORDER BY id')).flat()
const digestOf = (peer: TestPeer, node: string) => {
  const { epoch, specVersion } = peer.grant(node)!
  return grantsDigest([{ node, epoch, specVersion }])
}
const tenureOf = async () => Number((await bench.sql.all("SELECT tenure_ms FROM tasks WHERE state = 'open'"))[0]![0])

async function withIntent(): Promise<{ a: TestPeer; node: string }> {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  const { id, epoch } = a.last('task')
  await bench.say(a, { type: 'intent', id, epoch, step: 0, rid: 1 })
  return { a, node }
}

test('an unchanged reconnect costs one frame each way and the row of its session', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const changes = async () => JSON.stringify(await bench.sql.all('SELECT * FROM nodes')) + (await events()).join()
  const before = await changes()
  const again = await bench.connect('a', undefined, await digestOf(a, node))
  expect(again.frames.map((frame) => frame.type)).toEqual(['welcome'])
  expect(again.last('welcome').grantsKept).toBe(true)
  expect(await changes(), 'no row of a node, no event').toBe(before)
})

test('a spec that changed while the conductor was away is sent after the welcome, and everything that is held goes on', async () => {
  const a = await bench.connect('a')
  const nodes: string[] = []
  for (let i = 0; i < 5; i++) nodes.push(await bench.newNode())
  const grants = () => nodes.map((node) => again.grant(node) ?? a.grant(node)!)
  let again = a
  const back = async () => {
    const hello = { ...bench.helloOf('a', await grantsDigest(grants())), held: await heldDigests(grants()) }
    await bench.disconnect(again)
    await bench.command('node.patch', {
      node: nodes[2]!,
      patch: [{ op: 'replace', path: '/maintenance', value: true }],
    })
    again = await bench.open('a')
    await bench.say(again, hello as FromConductor)
  }
  await back()
  const { session, grantsKept } = again.last('welcome')
  expect(grantsKept).toBe(true)
  const added = again.of('grants').flatMap(({ add }) => add)
  const specVersion = a.grant(nodes[2]!)!.specVersion + 1
  expect(added).toContainEqual(expect.objectContaining({ node: nodes[2], epoch: session, specVersion }))
  expect(added.length, 'only those whose digest it shares').toBeLessThan(nodes.length)
  expect(again.of('grants').at(-1)).toMatchObject({ drop: [], last: true })
  // The epochs are those of an older session now.
  await back()
  expect(again.last('welcome').grantsKept).toBeUndefined()
})

test('the same run connects again while its old socket is half open: the old one ends after the welcome, no lapse', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const order: string[] = []
  const again = await bench.open('a')
  for (const [name, peer] of [
    ['old', a],
    ['new', again],
  ] as const) {
    const { send, close } = peer
    peer.send = (frame) => (
      order.push(`${name} ${(JSON.parse(frame) as { type: string }).type}`),
      send.call(peer, frame)
    )
    peer.close = (code, reason) => (order.push(`${name} closed ${code}`), close.call(peer, code, reason))
  }
  await bench.say(again, bench.helloOf('a', await digestOf(a, node)))
  expect(order).toEqual(['new welcome', 'old closed 4410'])
  await bench.disconnect(a)
  await bench.say(again, { type: 'renew', rid: 1 })
  expect(again.last('lease').rid).toBe(1)
  expect(await events()).not.toContain('conductor.lost')
})

test('a second host with the same identity is named a clone when the first is back; both are told, neither gets a session', async () => {
  const first = await bench.connect('a', [fakeDriver], null, 'run-1')
  const node = await bench.newNode()
  const second = await bench.connect('a', [fakeDriver], null, 'run-2')
  expect(first.closed?.code).toBe(4409)
  await bench.disconnect(first)
  const back = await bench.connect('a', [fakeDriver], null, 'run-1')
  expect([back.closed?.code, second.closed?.code, back.of('welcome').length]).toEqual([4409, 4409, 0])
  expect(await events()).toContain('conductor.cloned')
  expect(await audit()).toEqual([['conductor.hello', 'a', 'conductor.cloned']])
  // What is still under way on the closed socket of the second is not heard.
  await bench.say(second, { type: 'renew', rid: 1 })
  expect(second.of('lease')).toEqual([])
  expect((await bench.node(node)).conductor).toBe('a')
  // The one that is left, after a person stopped the other, starts anew.
  expect((await bench.connect('a', [fakeDriver], null, 'run-3')).of('welcome').length).toBe(1)
})

test('a restart is not a clone, however often', async () => {
  for (let i = 0; i < 12; i++) {
    const peer = await bench.connect('a', [fakeDriver], null, `run-${i}`)
    expect(peer.of('welcome').length).toBe(1)
    if (i % 2) await bench.disconnect(peer)
  }
  expect(await audit()).toEqual([])
})

test('a hello that was slow takes nothing from the connection that came after it', async () => {
  const slow = await bench.open('a', 'run-1')
  bench.now += 10
  const present = await bench.connect('a', [fakeDriver], null, 'run-2')
  await bench.say(slow, bench.helloOf('a', null, 'run-1'))
  expect([slow.closed?.code, present.closed, slow.of('welcome').length]).toEqual([4410, null, 0])
})

test('a signed upgrade that is played again is refused, and what it says is not heard', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const before = await bench.node(node)
  const used = { incarnation: 'run-a', at: 5_000 }
  await bench.open('a', used.incarnation, used.at)
  const replay = await bench.open('a', used.incarnation, used.at)
  expect(replay.closed?.code).toBe(4410)
  await bench.say(replay, bench.helloOf('a', null))
  await bench.say(replay, { type: 'renew', rid: 1 })
  expect(replay.frames).toEqual([])
  expect(await audit()).toEqual([
    ['conductor.connect', 'a', 'conductor.replayed'],
    ['conductor.renew', 'a', 'fenced'],
  ])
  expect([await bench.node(node), a.closed]).toEqual([before, null])
})

test('a hello of another run than the one that signed is refused', async () => {
  const a = await bench.connect('a')
  const forged = await bench.open('a', 'run-x')
  await bench.say(forged, bench.helloOf('a', null, 'run-a'))
  expect([forged.closed?.code, forged.frames, a.closed]).toEqual([4401, [], null])
  expect(await audit()).toEqual([['conductor.hello', 'a', 'conductor.signature']])
})

test('a frame that is none closes its socket, is named in the audit log, and changes nothing', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const before = await bench.node(node)
  const reasons: unknown[] = []
  for (const frame of ['{', '{"type":"renew","rid":"x"}', `{"type":"renew","rid":1,"x":"${'y'.repeat(70_000)}"}`]) {
    const peer = await bench.open('a')
    await bench.hub.onMessage(peer, frame)
    expect(peer.closed?.code).toBe(4400)
    reasons.push(peer.closed?.reason)
  }
  expect(reasons).toEqual(['not JSON', expect.stringContaining('renew: rid'), expect.stringContaining('bytes')])
  expect(await audit()).toEqual([['conductor.frame', 'a', 'conductor.frame']])
  expect((await bench.sql.all('SELECT body FROM audit')).flat()).toEqual(['{"why":"not JSON","times":3}'])
  expect([await bench.node(node), a.closed]).toEqual([before, null])
})

test('after a goodbye another conductor has the nodes at once, under a higher epoch, and nobody was lost', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.say(a, { type: 'bye' })
  expect([a.closed?.code, b.of('task').length]).toEqual([CLOSE.goodbye, 0])
  await bench.pass(0)
  expect(b.grant(node)!.epoch).toBeGreaterThan(a.grant(node)!.epoch)
  expect(await bench.work(b)).not.toEqual([])
  expect((await bench.node(node)).provision_state).toBe('manageable')
  await bench.pass(LEASE_MS)
  expect(await events()).toContain('conductor.stopped')
  expect(await events()).not.toContain('conductor.lost')
})

test('a goodbye from the socket of an ended session, or from one without, gives nothing away', async () => {
  const old = await bench.connect('a')
  const node = await bench.newNode()
  await bench.connect('b')
  const present = await bench.connect('a', undefined, await digestOf(old, node))
  const silent = await bench.open('a')
  for (const peer of [old, silent]) await bench.say(peer, { type: 'bye' })
  await bench.pass(0)
  expect([silent.closed?.code, present.closed, (await bench.node(node)).conductor]).toEqual([4410, null, 'a'])
  await bench.say(present, { type: 'renew', rid: 1 })
  expect(present.of('lease')).toHaveLength(1)
  expect(await events()).not.toContain('conductor.stopped')
})

test('a lone conductor that says goodbye is not offline within its lease; who comes meanwhile has its nodes at once', async () => {
  const { a, node } = await withIntent()
  expect(await tenureOf()).toBeGreaterThan(bench.now)
  await bench.say(a, { type: 'bye' })
  await bench.pass(LEASE_MS / 2)
  expect(await events()).not.toContain('site.offline')
  expect((await bench.node(node)).conductor).toBe('a')
  const b = await bench.connect('b')
  await bench.pass(0)
  expect(b.last('task')).toMatchObject({ node, kind: 'verify' })
  expect((await bench.node(node)).conductor).toBe('b')
})

test('a lone conductor that said goodbye and stays away is an outage when its lease has ended', async () => {
  const a = await bench.connect('a')
  await bench.say(a, { type: 'bye' })
  await bench.pass(LEASE_MS + MARGIN_MS)
  expect(await events()).toEqual(['conductor.connected', 'conductor.stopped', 'site.offline'])
})

test('a hub that starts after a goodbye waits for nobody', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  await bench.say(a, { type: 'bye' })
  await bench.disconnect(a)
  bench.hub = bench.anotherHub()
  await bench.say(b, { type: 'renew', rid: 1 })
  expect((await bench.node(node)).conductor).toBe('b')
})

test('a release under an old epoch, or of another’s node, is in the audit log and changes nothing', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  const before = await bench.node(node)
  await bench.say(a, { type: 'released', node, epoch: a.grant(node)!.epoch - 1 })
  await bench.say(b, { type: 'released', node, epoch: a.grant(node)!.epoch })
  expect(await audit()).toEqual([1, 2].map(() => ['conductor.released', node, 'fenced']))
  expect(await bench.node(node)).toEqual(before)
})

test('a wall clock that is set an hour ahead ends no lease; the monotonic one does', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  bench.now += 60 * MINUTE_MS
  bench.monoOffset -= 60 * MINUTE_MS
  await bench.say(b, { type: 'renew', rid: 1 })
  expect(bench.alarmAt, 'and rings no alarm before its time').toBeGreaterThan(bench.now + LEASE_MS - 1)
  await bench.hub.onAlarm()
  expect([a.closed, (await bench.node(node)).conductor]).toEqual([null, 'a'])
  await bench.pass(LEASE_MS + MARGIN_MS)
  expect(a.closed?.code).toBe(4410)
})

test('a wall clock that is set an hour back makes nobody wait, also not for a stored horizon', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  bench.now -= 60 * MINUTE_MS
  bench.monoOffset += 60 * MINUTE_MS
  bench.alarmAt = null
  await bench.hub.onAlarm()
  await bench.pass(LEASE_MS + MARGIN_MS)
  expect(a.closed?.code).toBe(4410)

  const again = await bench.connect('a')
  bench.now -= 60 * MINUTE_MS
  bench.hub = bench.anotherHub()
  bench.peers.delete(again)
  const b = await bench.connect('b')
  await bench.pass(1000)
  expect(b.grant(node), 'what was promised may still run').toBeUndefined()
  for (let i = 0; i < 20; i++) {
    await bench.say(b, { type: 'renew', rid: i })
    await bench.pass(5000)
  }
  expect(b.grant(node)).toBeDefined()
})

test('the horizon of a clock that was set back is written again at the next renewal', async () => {
  const a = await bench.connect('a')
  bench.now -= 60 * MINUTE_MS
  bench.monoOffset += 60 * MINUTE_MS
  await bench.say(a, { type: 'renew', rid: 1 })
  expect((await bench.sql.all("SELECT horizon_ms FROM conductors WHERE id = 'a'"))[0]![0]).toBe(
    bench.now + LEASE_MS + 55_000,
  )
})

test('a tenure is extended as leases are renewed, stored before it is promised and not each time', async () => {
  const { a } = await withIntent()
  const first = await tenureOf()
  expect(first).toBe(bench.now + 45 * MINUTE_MS)
  bench.now += 4000
  await bench.say(a, { type: 'renew', rid: 1 })
  expect(await tenureOf()).toBe(first)
  let promised = 0
  for (let passed = 0; passed < 12 * MINUTE_MS; passed += 10_000) {
    await bench.say(a, { type: 'renew', rid: 2 })
    for (const ms of Object.values(a.last('lease').tenures)) promised = bench.now + ms
    await bench.pass(10_000)
  }
  const later = await tenureOf()
  expect(later).toBeGreaterThan(first)
  expect(promised).toBe(later)
})

test('a site’s own tenure holds however many conductors there are; null is 45 minutes for a lone one, else none', async () => {
  const set = async (ms: number | null) => {
    await bench.sql.batch([{ sql: 'UPDATE sites SET tenure_ms = ?', args: [ms] }])
    await bench.command('site.refresh', { addresses: false })
  }
  const { a } = await withIntent()
  const ask = async () => {
    await bench.say(a, { type: 'intent', id: a.last('task').id, epoch: a.last('task').epoch, step: 0, rid: 2 })
    return a.last('proceed').tenureMs
  }
  expect(await ask()).toBe(45 * MINUTE_MS)
  await bench.connect('b')
  expect(await ask()).toBe(0)
  await set(5 * MINUTE_MS)
  expect(await ask()).toBe(5 * MINUTE_MS)
  await set(0)
  await bench.hub.onAlarm()
  expect(await ask()).toBe(0)
  await set(null)
  expect(await ask()).toBe(0)
})

test('refreshing a site without a change of its pool grants nothing anew', async () => {
  const a = await bench.connect('a')
  await bench.newNode()
  const frames = a.frames.length
  await bench.command('site.refresh', { addresses: false })
  expect(a.frames.length).toBe(frames)
})

test('a clean restart ends the tenure of the run before; a reconnect of the same run does not', async () => {
  const { a, node } = await withIntent()
  await bench.disconnect(a)
  const again = await bench.connect('a')
  expect(await tenureOf()).toBeGreaterThan(bench.now)
  await bench.disconnect(again)
  const restarted = await bench.connect('a', [fakeDriver], null, 'run-2')
  expect(restarted.last('task').node).toBe(node)
  expect(await tenureOf()).toBe(0)
  // It is killed before it asked for a permit: nobody is left who could act, and another goes on after lease and margin.
  await bench.disconnect(restarted)
  const b = await bench.connect('b')
  for (let i = 0; i < 8; i++) {
    await bench.say(b, { type: 'renew', rid: i })
    await bench.pass(2500)
  }
  expect(b.last('task').node).toBe(node)
})

test('a conductor that said goodbye gets no new node: no member of the ring, as the rows say', async () => {
  const a = await bench.connect('a')
  await bench.say(a, { type: 'bye' })
  const node = await bench.newNode()
  const member = `SELECT ${memberSql('c', String(bench.now))} FROM conductors c WHERE id = 'a'`
  expect([await bench.sql.all(member), (await bench.node(node)).conductor]).toEqual([[[0]], null])
  const again = await bench.connect('a')
  expect([await bench.sql.all(member), again.grant(node)?.node]).toEqual([[[1]], node])
})
