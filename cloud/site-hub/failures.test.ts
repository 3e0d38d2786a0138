// What goes wrong around a hub: sockets that close while they are written to, commits without an answer, hubs that are made anew at any
// moment, conductors that answer for others. Each test is named by what an operator would see.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FromConductor, StepEvent } from '../../shared/protocol.ts'
import type { Sql } from '../ports.ts'
import { HubBench, TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_MS = 15_000
const provision = (node: string, verb: 'manage' | 'provide' | 'active' | 'abort') =>
  bench.command('node.provision', { node, verb, args: {} })
const types = async () =>
  (
    await bench.sql.all("SELECT type FROM events WHERE type LIKE 'conductor.%' OR type LIKE 'site.%' ORDER BY id")
  ).flat()

async function deploying() {
  const a = await bench.connect('a')
  const node = await bench.newNode({ automated_clean: false })
  await provision(node, 'manage')
  await bench.work(a)
  await provision(node, 'provide')
  await provision(node, 'active')
  return { a, node }
}

test('a socket that closes while it is written to makes nobody hear that the change was not stored', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  a.send = () => {
    throw new Error("Can't call WebSocket send() after close()")
  }
  const [verb, other] = await Promise.all([
    provision(node, 'manage'),
    bench.command('node.create', { node: { driver: 'fake-hardware', name: 'x' } }),
  ])
  expect([verb.ok, other.ok]).toEqual([true, true])
  expect((await bench.node(node)).provision_state).toBe('verifying')
})

/** A hub whose next commit is stored, but says that it was not, once `lose` is called. */
function lossyHub(): { lose(): void } {
  let lose = false
  const lossy: Sql = {
    all: (sql, args) => bench.sql.all(sql, args),
    async batch(statements) {
      const rows = await bench.sql.batch(statements)
      if (lose && statements.length > 1) {
        lose = false
        throw new Error('the database took more than 10000 ms')
      }
      return rows
    },
  }
  bench.hub = bench.anotherHub(lossy)
  return { lose: () => void (lose = true) }
}

test('a commit whose answer was lost is not made twice', async () => {
  const { lose } = lossyHub()
  await bench.connect('a')
  lose()
  const create = () => bench.command('node.create', { node: { driver: 'fake-hardware' } })
  const answers = await Promise.all([create(), create()])
  expect(answers.map((answer) => answer.ok)).toEqual([true, true])
  const uuids = answers.map((answer) => (answer as { value: { uuid: string } }).value.uuid).sort()
  expect((await bench.sql.all('SELECT uuid FROM nodes ORDER BY uuid')).flat()).toEqual(uuids)
})

test('a task that was stored reaches its conductor, also when the database was away for longer than that commit', async () => {
  let failures = 0
  const away = () => {
    if (failures > 0 && failures-- > 0) throw new Error('the connection to the database was lost')
  }
  const lossy: Sql = {
    async all(sql, args) {
      away()
      return await bench.sql.all(sql, args)
    },
    async batch(statements) {
      const isCommit = failures === 2
      if (!isCommit) away()
      const rows = await bench.sql.batch(statements)
      if (isCommit) away()
      return rows
    },
  }
  bench.hub = bench.anotherHub(lossy)
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const batch = lossy.batch.bind(lossy)
  lossy.batch = async (statements) => {
    lossy.batch = batch
    failures = 2
    return await batch(statements)
  }
  expect(await provision(node, 'manage')).toMatchObject({ ok: false, fault: { code: 'unavailable' } })
  expect([failures, (await bench.node(node)).provision_state]).toEqual([0, 'verifying'])
  expect(a.of('task')).toEqual([])
  await bench.say(a, { type: 'renew', rid: 99 })
  expect(a.of('task').map((task) => task.node)).toEqual([node])
})

test('a node that is to move when its task ends does so, also when the answer of a commit was lost meanwhile', async () => {
  const { lose } = lossyHub()
  const a = await bench.connect('a')
  const nodes = [await bench.newNode(), await bench.newNode()]
  for (const node of nodes) await provision(node, 'manage')
  await bench.connect('b')
  expect(
    a.of('grants').flatMap(({ drop }) => drop),
    'both are at work',
  ).toEqual([])
  lose()
  expect((await bench.command('node.maintenance', { node: nodes[0]!, on: true, reason: null })).ok).toBe(true)
  const why = { code: 'bmc.unreachable' as const, message: 'x', hint: 'x' }
  for (const { id, epoch } of a.of('task'))
    await bench.say(a, { type: 'result', id, epoch, outcome: { ok: false, fault: why, step: 0 } })
  expect(a.of('grants').flatMap(({ drop }) => drop)).toHaveLength(1)
})

test('a commit that did fail is told so, and the next one works', async () => {
  let fail = false
  const failing: Sql = {
    all: (sql, args) => bench.sql.all(sql, args),
    batch: (statements) =>
      fail && statements.length > 1 ? Promise.reject(new Error('SQLITE_BUSY')) : bench.sql.batch(statements),
  }
  bench.hub = bench.anotherHub(failing)
  await bench.connect('a')
  fail = true
  expect(await bench.command('node.create', { node: { driver: 'fake-hardware' } })).toMatchObject({
    ok: false,
    fault: { code: 'unavailable' },
  })
  fail = false
  expect((await bench.command('node.create', { node: { driver: 'fake-hardware' } })).ok).toBe(true)
  expect(await bench.sql.all('SELECT count(*) FROM nodes')).toEqual([[1]])
})

test('an event that could not be stored takes with it what was said after it: no task is done without its steps', async () => {
  let fail = 0
  const failing: Sql = {
    all: (sql, args) => bench.sql.all(sql, args),
    batch: (statements) =>
      statements.length > 1 && fail-- > 0 ? Promise.reject(new Error('SQLITE_BUSY')) : bench.sql.batch(statements),
  }
  bench.hub = bench.anotherHub(failing)
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await provision(node, 'manage')
  const { id, epoch } = a.last('task')
  const event = (n: number, kind: 'started' | 'finished'): FromConductor => {
    return { type: 'event', id, epoch, events: [{ n, at: bench.now, step: 0, kind }] }
  }
  const all: FromConductor[] = [
    event(1, 'started'),
    event(2, 'finished'),
    { type: 'result', id, epoch, outcome: { ok: true } },
  ]
  fail = 2 // all of it together, then the first by itself
  await Promise.all(all.map((frame) => bench.say(a, frame)))
  expect(a.closed?.code).toBe(1011)
  expect((await bench.node(node)).provision_state).toBe('verifying')
  const again = await bench.connect('a')
  const { epoch: now } = again.last('task')
  for (const frame of all) await bench.say(again, { ...frame, epoch: now } as FromConductor)
  expect((await bench.node(node)).provision_state).toBe('manageable')
  const told = await bench.sql.all("SELECT type FROM events WHERE type LIKE 'step.%' ORDER BY id")
  expect(told.flat()).toEqual(['step.started', 'step.finished'])
})

test('an event whose number is not the next one waits for those before it', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await provision(node, 'manage')
  const { id, epoch } = a.last('task')
  const event = (n: number): StepEvent => ({ n, at: bench.now, step: 0, kind: n === 1 ? 'started' : 'finished' })
  await bench.say(a, { type: 'event', id, epoch, events: [event(2)] })
  expect(a.last('ack').upTo).toBe(0)
  await bench.say(a, { type: 'event', id, epoch, events: [event(1), event(2)] })
  expect(a.last('ack').upTo).toBe(2)
})

test('a lapse is not lost when the hub is made anew at each alarm', async () => {
  const { a, node } = await deploying()
  bench.peers.delete(a)
  for (let i = 0; i < 10 && !(await types()).includes('site.offline'); i++) {
    bench.hub = bench.anotherHub()
    bench.now = Math.max(bench.now, bench.alarmAt ?? bench.now + LEASE_MS)
    await bench.hub.onAlarm()
  }
  expect((await types()).slice(-2)).toEqual(['conductor.lost', 'site.offline'])
  expect((await bench.node(node)).provision_state).toBe('deploying')
})

test('the end of a tenure gives a lost conductor’s task to another that is there', async () => {
  const { a } = await deploying()
  await bench.work(a, { stopAt: 'deploy.write_image' })
  await bench.disconnect(a)
  await bench.pass(LEASE_MS * 3)
  const b = await bench.connect('b')
  expect(b.of('task')).toEqual([])
  for (let passed = 0; passed < 46 * 60_000; passed += 5000) {
    await bench.say(b, { type: 'renew', rid: passed })
    await bench.pass(5000)
  }
  expect(b.last('task').doneSteps).toBe(5)
})

test('a new hub talks to the socket of the present session, not to an old one that is still listed', async () => {
  const old = await bench.connect('a')
  const node = await bench.newNode({ automated_clean: false })
  const peer = await bench.connect('a')
  expect([...bench.peers]).toEqual([old, peer])
  bench.hub = bench.anotherHub()
  await provision(node, 'manage')
  expect(peer.of('task')).toHaveLength(1)
  expect(old.of('task')).toEqual([])
})

test('a cancel that was lost with its link is said again', async () => {
  const { a, node } = await deploying()
  const task = a.last('task')
  await bench.say(a, {
    type: 'event',
    id: task.id,
    epoch: task.epoch,
    events: [{ n: 1, at: bench.now, step: 4, kind: 'waiting' }],
  })
  await bench.disconnect(a)
  await provision(node, 'abort')
  const again = await bench.connect('a')
  expect(again.frames.map((frame) => frame.type).slice(-2)).toEqual(['task', 'cancel'])
})

test('a cancel that came too late is no answer to a later question: the conductor has refused it', async () => {
  const { a, node } = await deploying()
  const { id, epoch, steps } = a.last('task')
  const write = steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn)
  const say = (n: number, step: number, kind: StepEvent['kind']) =>
    bench.say(a, { type: 'event', id, epoch, events: [{ n, at: bench.now, step, kind }] })
  await say(1, 4, 'waiting')
  await bench.say(a, { type: 'intent', id, epoch, step: write, rid: 1 })
  await provision(node, 'abort')
  await bench.say(a, { type: 'intent', id, epoch, step: write + 1, rid: 2 })
  expect(a.frames.map((frame) => frame.type).slice(-2)).toEqual(['cancel', 'proceed'])
  await say(2, write, 'finished')
  await bench.disconnect(a)
  const again = await bench.connect('a')
  expect(again.frames.at(-1)?.type, 'nor is it said again').toBe('task')
})

test('only the conductor that was asked can answer a call', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = new TestPeer('b')
  bench.peers.add(b)
  await bench.hub.onOpen(b, { conductor: 'b', incarnation: 'run-b', at: bench.now })
  const call = bench.command('call', { node, interface: 'power', method: 'get_power_state', args: {}, timeoutMs: 1000 })
  await expect.poll(() => a.of('call').length).toBe(1)
  const { rid } = a.last('call')
  await bench.say(b, { type: 'answer', rid, result: 'forged' })
  await bench.say(a, { type: 'answer', rid, result: 'power on' })
  expect(await call).toEqual({ ok: true, value: 'power on' })
})

test('a task that misses its deadline is over for its conductor, too', async () => {
  const { a, node } = await deploying()
  const task = a.last('task')
  while ((await bench.node(node)).provision_state === 'deploying') {
    await bench.say(a, { type: 'renew', rid: 1 })
    await bench.pass(10_000)
  }
  expect(await bench.node(node)).toMatchObject({
    provision_state: 'deploy failed',
    last_error: expect.stringContaining('deadline'),
    task: null,
  })
  expect(a.last('done').id).toBe(task.id)
})

test('a node that is deleted in the same moment gets no port, and is deleted once', async () => {
  await bench.connect('a')
  const node = await bench.newNode()
  const remove = () => bench.command('node.delete', { node })
  const answers = await Promise.all([
    remove(),
    bench.command('row.create', { table: 'port', row: { node, address: '52:54:00:00:00:01' } }),
    remove(),
  ])
  expect(answers.map((answer) => (answer.ok ? 'ok' : answer.fault.code))).toEqual(['ok', 'not_found', 'not_found'])
  expect(await bench.sql.all('SELECT count(*) FROM ports')).toEqual([[0]])
})

test('a return of a site’s only conductor writes no row per node', async () => {
  const writes: number[] = []
  const counting: Sql = {
    all: (sql, args) => bench.sql.all(sql, args),
    batch(statements) {
      writes.push(statements.length)
      return bench.sql.batch(statements)
    },
  }
  bench.hub = bench.anotherHub(counting)
  const a = await bench.connect('a')
  for (let i = 0; i < 50; i++) await bench.newNode()
  await bench.disconnect(a)
  writes.length = 0
  await bench.pass(LEASE_MS * 2)
  const again = await bench.connect('a')
  expect(Math.max(...writes)).toBeLessThan(8)
  expect(again.of('grants').flatMap((grants) => grants.add)).toHaveLength(50)
})
