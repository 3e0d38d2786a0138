// One identity, several runs: which of them may drive, and what a hub that starts still knows of them.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeDriver, HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_MS = 15_000
const MARGIN_MS = 2_000

const start = (run: string, lock?: string) => bench.connect('a', [fakeDriver], null, run, lock)
const call = (node: string) =>
  bench.command('call', { node, interface: 'power', method: 'get_power_state', args: {}, timeoutMs: 1000 })
const tenures = async () => (await bench.sql.all("SELECT tenure_ms FROM tasks WHERE state = 'open'")).flat()

async function renewing(peers: readonly TestPeer[], ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    for (const peer of peers) await bench.say(peer, { type: 'renew', rid: passed })
    await bench.pass(1000)
  }
}

/** A first run with a node and the permit for a step of its task. */
async function first(lock?: string): Promise<{ peer: TestPeer; node: string; id: string }> {
  const peer = await start('run-1', lock)
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  const { id, epoch } = peer.last('task')
  await bench.say(peer, { type: 'intent', id, epoch, step: 0, rid: 1 })
  return { peer, node, id }
}

test('a run with another lock gets no node, task, call or permit before the lease of the first is over; its tenure holds as long', async () => {
  const { peer, node, id } = await first('host-1')
  await bench.disconnect(peer) // cut off, and it goes on
  const copy = await start('run-2', 'host-2')
  expect(copy.of('welcome')).toHaveLength(1)
  await renewing([copy], LEASE_MS)
  await bench.newNode()
  await bench.say(copy, { type: 'intent', id, epoch: copy.last('welcome').session, step: 0, rid: 2 })
  const heard = copy.frames.filter(({ type }) => type !== 'welcome' && type !== 'lease')
  expect(heard).toMatchObject([{ type: 'grants', add: [], last: true }])
  expect(await call(node)).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
  expect(Number((await tenures())[0])).toBeGreaterThan(bench.now)
  await renewing([copy], MARGIN_MS + 1000)
  expect([copy.grant(node)?.node, copy.last('task').id]).toEqual([node, id])
  expect(await tenures()).toEqual([null])
  await bench.work(copy)
  expect((await bench.node(node)).provision_state).toBe('manageable')
})

test('a run that holds the lock of the one before it goes on at once: the one before is dead, however its socket looks', async () => {
  const { node, id } = await first('host-1')
  const restarted = await start('run-2', 'host-1')
  expect([restarted.grant(node)?.node, restarted.last('task').id]).toEqual([node, id])
  expect(await tenures()).toEqual([null])
})

test('after a goodbye, or a lease that is over, whoever comes goes on at once', async () => {
  const { peer, node } = await first('host-1')
  await bench.say(peer, { type: 'bye' })
  const second = await start('run-2', 'host-2')
  expect(second.grant(node)?.node).toBe(node)
  await bench.disconnect(second)
  await bench.pass(LEASE_MS + MARGIN_MS)
  expect((await start('run-3', 'host-3')).grant(node)?.node).toBe(node)
})

test('of conductors that name no lock one whose socket has closed is dead, and one whose socket is open may not be', async () => {
  const { peer, node } = await first()
  await bench.disconnect(peer)
  const restarted = await start('run-2')
  expect(restarted.grant(node)?.node).toBe(node)
  const other = await start('run-3')
  expect(other.grant(node)).toBeUndefined()
  await renewing([other], LEASE_MS + MARGIN_MS)
  expect(other.grant(node)?.node).toBe(node)
})

test('one that named a lock is not followed at once by one that names none', async () => {
  const { peer, node } = await first('host-1')
  await bench.disconnect(peer)
  expect((await start('run-2')).grant(node)).toBeUndefined()
})

test('what is withheld from a run stays so at a hub that starts, over its own reconnect and its restart', async () => {
  const { peer, node } = await first('host-1')
  await bench.disconnect(peer)
  const copy = await start('run-2', 'host-2')
  bench.hub = bench.anotherHub()
  await renewing([copy], 3000)
  const again = await start('run-2', 'host-2')
  const restarted = await start('run-3', 'host-2')
  await renewing([restarted], 3000)
  expect([copy, again, restarted].map((each) => each.grant(node))).toEqual([undefined, undefined, undefined])
  await renewing([restarted], LEASE_MS)
  expect(restarted.grant(node)?.node).toBe(node)
})

test('a goodbye of a run that waits for another’s lease gives the nodes to nobody at once, also by a hub that starts', async () => {
  const b = await bench.connect('b', [])
  const { peer, node } = await first('host-1')
  await bench.disconnect(b)
  const helper = await bench.connect('b')
  await bench.disconnect(peer)
  const copy = await start('run-2', 'host-2')
  await bench.sql.batch([{ sql: 'UPDATE tasks SET tenure_ms = NULL', args: [] }])
  bench.hub = bench.anotherHub()
  await bench.say(copy, { type: 'bye' })
  bench.hub = bench.anotherHub()
  await renewing([helper], LEASE_MS)
  expect(helper.grant(node)).toBeUndefined()
  await renewing([helper], 60_000)
  expect(helper.grant(node)?.node).toBe(node)
})

test('a person who declares it dead ends the waiting', async () => {
  const { peer, node } = await first('host-1')
  await bench.disconnect(peer)
  const copy = await start('run-2', 'host-2')
  await bench.disconnect(copy)
  expect(await bench.command('conductor.declare_dead', { conductor: 'a' })).toMatchObject({ ok: true })
  expect((await start('run-3', 'host-3')).grant(node)?.node).toBe(node)
})

test('a person who says that the run before is dead ends the wait of the one that is there, and not its lease', async () => {
  const { peer, node, id } = await first('host-1')
  await bench.disconnect(peer)
  const second = await start('run-2', 'host-2')
  expect(second.grant(node)).toBeUndefined()
  const dead = await bench.command('conductor.declare_dead', { conductor: 'a' })
  expect(dead).toMatchObject({ ok: true, value: { moved: 0, left: 1, tenures: 1, hadRight: true } })
  expect([second.grant(node)?.node, second.last('task').id, second.closed]).toEqual([node, id, null])
  expect(await tenures()).toEqual([null])
  const again = await bench.command('conductor.declare_dead', { conductor: 'a' })
  expect(again).toMatchObject({ ok: false, fault: { code: 'conductor.alive' } })
})

test('an old socket of a conductor that was declared dead revives no lease at a hub that starts', async () => {
  const { peer, node } = await first('host-1')
  await bench.hub.onClose(peer) // and the platform still lists it
  expect(await bench.command('conductor.declare_dead', { conductor: 'a' })).toMatchObject({ ok: true })
  bench.hub = bench.anotherHub()
  await bench.say(peer, { type: 'renew', rid: 7 })
  expect([peer.of('lease'), peer.closed?.code]).toEqual([[], 4410])
  expect((await bench.node(node)).conductor).toBe('a')
})

test('a hub that starts knows the runs that were replaced: one that is back is a clone, and the next one waits', async () => {
  const { peer, node } = await first('host-1')
  const second = await start('run-2', 'host-2')
  await bench.disconnect(peer)
  bench.hub = bench.anotherHub()
  const back = await start('run-1', 'host-1')
  expect([back.closed?.code, second.closed?.code, back.of('welcome').length]).toEqual([4409, 4409, 0])
  const third = await start('run-3', 'host-2')
  expect([third.of('welcome').length, third.grant(node)]).toEqual([1, undefined])
})

test('a hub that starts knows the upgrades that were used: played again they are refused', async () => {
  await bench.open('a', 'run-1', 5_000)
  bench.hub = bench.anotherHub()
  expect((await bench.open('a', 'run-1', 5_000)).closed?.code).toBe(4410)
  expect((await bench.open('a', 'run-1', 5_001)).closed).toBeNull()
})

test('a clock that is set forward and back again makes no used upgrade new', async () => {
  const at = bench.now
  const upgrade = (run: string, signed: number) => bench.open('a', run, signed - bench.now)
  await upgrade('run-1', at)
  bench.now += 15 * 60_000
  await upgrade('run-1', bench.now)
  bench.now -= 14 * 60_000
  expect((await upgrade('run-1', at)).closed).toMatchObject({ code: 4410 })
  expect((await upgrade('run-1', at + 1)).closed).toBeNull()
})

test('however many upgrades there were, none of them is believed again, and a new one is', async () => {
  const began = bench.now
  for (let i = 0; i <= 300; i++) await bench.open('a', 'run-1', began + i - bench.now)
  for (const i of [0, 1, 40, 150, 300])
    expect((await bench.open('a', 'run-1', began + i - bench.now)).closed).toMatchObject({ code: 4410 })
  expect((await bench.open('a', 'run-1', began + 301 - bench.now)).closed).toBeNull()
})

test('what is kept of runs and upgrades is bounded', async () => {
  for (let i = 0; i < 300; i++) await bench.open('a', 'run-1', i - 1000)
  for (let i = 0; i < 12; i++) await start(`run-${i}`, 'host-1')
  const [[runs, upgrades] = []] = await bench.sql.all("SELECT replaced, upgrades FROM conductors WHERE id = 'a'")
  expect([JSON.parse(String(runs)).length, JSON.parse(String(upgrades)).length]).toEqual([8, 256])
  bench.now += 60 * 60_000
  await bench.open('a', 'run-11', 1)
  const [[later] = []] = await bench.sql.all("SELECT upgrades FROM conductors WHERE id = 'a'")
  expect(JSON.parse(String(later)), 'and up to when it is forgotten').toHaveLength(2)
})

test('a run that waits is not told to forget what its journal kept: it says that again when the wait is over', async () => {
  const { peer, id } = await first('host-1')
  const { epoch } = peer.last('task')
  const restarted = await start('run-2', 'host-2')
  const before = restarted.frames.length
  await bench.say(restarted, { type: 'accepted', id, epoch })
  await bench.say(restarted, { type: 'event', id, epoch, events: [{ n: 1, at: bench.now, step: 0, kind: 'started' }] })
  await bench.say(restarted, { type: 'intent', id, epoch, step: 0, rid: 1 })
  await bench.say(restarted, { type: 'result', id, epoch, outcome: { ok: true } })
  expect(restarted.frames.slice(before)).toEqual([])
})

test.each([3_600_000, -3_600_000])(
  'a run waits as long as it would have when the clock is set by %s ms and its row is read again',
  async (byMs) => {
    const { node } = await first('host-1')
    const restarted = await start('run-2', 'host-2')
    bench.now += byMs
    bench.monoOffset -= byMs
    const began = bench.now
    await bench.command('conductor.patch', { conductor: 'a', weight: 2 })
    while (!restarted.grant(node) && bench.now < began + 60_000) await renewing([restarted], 1000)
    expect(bench.now - began).toBe(LEASE_MS + MARGIN_MS)
  },
)
