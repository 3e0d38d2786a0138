// What a person does with conductors: drain, weight and labels, declare dead, revoke. Never do two drive one node.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeDriver, HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_MS = 15_000
const MARGIN_MS = 2_000

const held = async (conductor: string) =>
  (await bench.sql.all('SELECT uuid FROM nodes WHERE conductor = ? ORDER BY id', [conductor])).flat()
const events = async (like: string) =>
  (await bench.sql.all('SELECT type FROM events WHERE type LIKE ? ORDER BY id', [like])).flat()
const value = async (command: Promise<{ ok: boolean }>) => {
  const result = (await command) as { ok: boolean; value?: unknown; fault?: { code: string } }
  return result.ok ? result.value : result.fault!.code
}
const drain = (conductor: string, on = true) => value(bench.command('conductor.drain', { conductor, on }))

/** Gives back whatever the hub asked for, as a conductor does. */
async function releaseAll(peer: TestPeer): Promise<string[]> {
  const asked = peer.of('grants').flatMap((grants) => grants.drop)
  for (const node of asked) await bench.say(peer, { type: 'released', node, epoch: epochAt(peer, node) })
  return asked
}
const epochAt = (peer: TestPeer, node: string) =>
  Math.max(
    ...peer.of('grants').flatMap(({ add }) => add.filter((grant) => grant.node === node).map((grant) => grant.epoch)),
  )

async function nodes(count: number): Promise<string[]> {
  const made: string[] = []
  for (let i = 0; i < count; i++) made.push(await bench.newNode())
  return made
}

async function renewing(peers: TestPeer[], ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 2500) {
    for (const peer of peers) await bench.say(peer, { type: 'renew', rid: passed })
    await bench.pass(2500)
  }
}

test('what a conductor is to give back it is asked for in one frame', async () => {
  const a = await bench.connect('a')
  const nodes = await Promise.all(Array.from({ length: 30 }, () => bench.newNode()))
  const b = await bench.connect('b')
  const asks = () => a.of('grants').filter(({ drop }) => drop.length > 0)
  expect(asks().map(({ drop }) => drop.length)).toEqual([nodes.length / 2])
  const [first] = asks()
  await Promise.all(first!.drop.map((node) => bench.say(a, { type: 'released', node, epoch: epochAt(a, node) })))
  expect(b.of('grants').flatMap(({ add }) => add)).toHaveLength(nodes.length / 2)
})

test('a drained conductor releases its idle nodes one owner after the other, and gets no new ones', async () => {
  const a = await bench.connect('a')
  const made = await nodes(3)
  const b = await bench.connect('b')
  await releaseAll(a)
  expect((await held('a')).length + (await held('b')).length).toBe(3)
  expect((await held('b')).length).toBeGreaterThan(0)
  const mine = (await held('b')) as string[]
  expect(await drain('b')).toEqual({ nodes: mine.length, busy: 0, staying: 0 })
  expect(await held('b'), 'nothing moves before it is released').toEqual(mine)
  expect(mine.map((node) => a.grant(node))).toEqual(mine.map(() => undefined))
  for (const node of mine) {
    const before = epochAt(b, node)
    await bench.say(b, { type: 'released', node, epoch: before })
    expect(a.grant(node)!.epoch).toBeGreaterThan(before)
  }
  const later = await bench.newNode()
  expect(await held('b')).toEqual([])
  expect(await held('a')).toEqual([...made, later])
  expect(await drain('b')).toEqual({ nodes: 0, busy: 0, staying: 0 })
  expect(await events('conductor.d%')).toEqual(['conductor.draining'])
  expect(await bench.sql.all('SELECT actor, action, target, outcome, request_id FROM audit')).toEqual([
    ['tester', 'conductor.draining', 'b', 'ok', 'req-1'],
  ])
})

test('a drained conductor finishes a task first, also one that ends by its deadline', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  expect(await value(bench.command('node.provision', { node, verb: 'manage', args: {} }))).toBeTypeOf('object')
  expect(await drain('a')).toEqual({ nodes: 1, busy: 1, staying: 0 })
  expect(a.of('grants').flatMap((grants) => grants.drop)).toEqual([])
  await bench.work(a)
  expect(await releaseAll(a)).toEqual([node])
  expect(b.grant(node)).toBeDefined()

  await drain('a', false)
  await bench.command('node.power', { node, target: 'power on' } as never)
  await drain('b')
  expect(b.grant(node)).toBeDefined()
  for (let i = 0; b.of('done').length === 0; i++) {
    if (i === 200) throw new Error('the task did not miss its deadline')
    await renewing([a, b], 10_000)
  }
  expect(b.grant(node), 'asked for once its task is over').toBeUndefined()
  await releaseAll(b)
  expect(await held('a')).toEqual([node])
})

test('draining survives a restart of the hub; undrained it takes nodes again', async () => {
  await bench.connect('a')
  await bench.connect('b')
  await drain('b')
  bench.hub = bench.anotherHub()
  const a = await bench.connect('a')
  const b = await bench.connect('b')
  await nodes(2)
  expect([(await held('a')).length, (await held('b')).length]).toEqual([2, 0])
  await drain('b', false)
  await releaseAll(a)
  expect([(await held('a')).length, (await held('b')).length]).toEqual([1, 1])
  expect(b.closed).toBeNull()
})

test('the only conductor that drains keeps its nodes, driven, until another may have them; new ones wait', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  expect(await drain('a')).toEqual({ nodes: 1, busy: 0, staying: 1 })
  expect(a.of('grants').flatMap((grants) => grants.drop)).toEqual([])
  expect(await value(bench.command('node.provision', { node, verb: 'manage', args: {} }))).toBeTypeOf('object')
  await bench.work(a)
  const waiting = await bench.newNode()
  expect(await bench.node(waiting)).toMatchObject({ conductor: null })
  const b = await bench.connect('b')
  expect(b.grant(waiting)).toBeDefined()
  expect(await releaseAll(a)).toEqual([node])
  expect(await held('b')).toEqual([node, waiting])
})

test('a conductor that joins and drains while nodes are on their way: the nodes come back to their owner', async () => {
  const a = await bench.connect('a')
  await nodes(4)
  const b = await bench.connect('b')
  const asked = a.of('grants').flatMap((grants) => grants.drop)
  expect(asked.length).toBe(2)
  await drain('b')
  await releaseAll(a)
  expect((await held('a')).length).toBe(4)
  for (const node of asked) expect(a.grant(node)).toBeDefined()
  expect(b.of('grants').flatMap((grants) => grants.add)).toEqual([])
})

test('a second change while nodes are on their way adds to the first and does not begin anew', async () => {
  const a = await bench.connect('a')
  await nodes(6)
  await bench.connect('b')
  const asked = a.of('grants').flatMap((grants) => grants.drop)
  await bench.command('conductor.patch', { conductor: 'b', weight: 2 })
  const all = a.of('grants').flatMap((grants) => grants.drop)
  expect(all.slice(0, asked.length)).toEqual(asked)
  expect(all.length).toBe(4)
  await releaseAll(a)
  expect([(await held('a')).length, (await held('b')).length]).toEqual([2, 4])
})

test('a task that is opened on a node that is on its way makes no other node move in its place', async () => {
  const a = await bench.connect('a')
  await nodes(4)
  const b = await bench.connect('b')
  const asked = a.of('grants').flatMap((grants) => grants.drop)
  for (const node of asked) await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.command('conductor.patch', { conductor: 'b', labels: { row: '1' } })
  expect(a.of('grants').flatMap((grants) => grants.drop)).toEqual(asked)
  await releaseAll(a)
  expect(asked.map((node) => b.grant(node) !== undefined)).toEqual([true, true])
})

test('a node that is on its way is not told again to the one that gives it up, and its new task goes to the next', async () => {
  const a = await bench.connect('a')
  const [first, second] = (await nodes(2)) as [string, string]
  const b = await bench.connect('b')
  const [node] = a.of('grants').flatMap((grants) => grants.drop)
  expect([first, second]).toContain(node)
  const frames = a.frames.length
  await bench.command('node.maintenance', { node: node!, on: true, reason: 'x' })
  await bench.command('node.maintenance', { node: node!, on: false, reason: null })
  await bench.command('node.provision', { node: node!, verb: 'manage', args: {} })
  expect(a.frames.slice(frames)).toEqual([])
  await bench.say(a, { type: 'released', node: node!, epoch: epochAt(a, node!) })
  expect(b.last('task').node).toBe(node)
  await bench.work(b)
  expect(await bench.node(node!)).toMatchObject({ provision_state: 'manageable' })
})

test('a release touches the rows of the released node only, and a join those of the moved ones', async () => {
  const a = await bench.connect('a')
  const made = await nodes(8)
  const rows = async () =>
    new Map((await bench.sql.all('SELECT uuid, conductor || moved || version FROM nodes')) as [string, string][])
  const before = await rows()
  await bench.connect('b')
  expect(await rows(), 'nothing is written before a release').toEqual(before)
  const [asked] = a.of('grants').flatMap((grants) => grants.drop)
  await bench.say(a, { type: 'released', node: asked!, epoch: epochAt(a, asked!) })
  const after = await rows()
  expect(made.filter((node) => after.get(node) !== before.get(node))).toEqual([asked])
})

test('a node that asks for a label goes to a conductor that has it, at creation, by PATCH, and when labels change', async () => {
  const a = await bench.connect('a')
  const b = await bench.connect('b')
  await bench.command('conductor.patch', { conductor: 'b', labels: { row: '7' } })
  const node = await bench.newNode({ driver_info: { conductor_labels: { row: '7' } } })
  expect(b.grant(node)).toBeDefined()
  await bench.command('node.patch', {
    node,
    patch: [{ op: 'replace', path: '/driver_info/conductor_labels/row', value: '8' }],
  })
  expect(b.grant(node), 'nobody else may have it').toBeDefined()
  await bench.command('conductor.patch', { conductor: 'a', labels: { row: '8' } })
  await releaseAll(b)
  expect(a.grant(node)).toBeDefined()
  bench.hub = bench.anotherHub()
  await bench.connect('b')
  const again = await bench.connect('a')
  expect(
    again.of('grants').flatMap((grants) => grants.drop),
    'a hub that starts knows the labels',
  ).toEqual([])
  const wrong = bench.command('node.create', {
    node: { driver: 'fake-hardware', driver_info: { conductor_labels: ['x'] } },
  })
  expect(await value(wrong)).toBe('driver.invalid_info')
})

test('with weights a new node may move another one, and the ring stays in balance', async () => {
  const a = await bench.connect('a')
  const b = await bench.connect('b')
  await bench.command('conductor.patch', { conductor: 'b', weight: 3 })
  for (let i = 1; i <= 12; i++) {
    await bench.newNode()
    await releaseAll(a)
    await releaseAll(b)
    const [mine, other] = [(await held('a')).length, (await held('b')).length]
    expect(Math.abs(mine - i / 4), `${mine}:${other}`).toBeLessThan(1)
  }
})

test('a question and the word that who asked is dead, in one turn: nobody begins a step at a node that is another’s by then', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  const b = await bench.connect('b')
  const { id, epoch } = a.last('task')
  const [, , dead] = await Promise.all([
    bench.say(a, { type: 'intent', id, epoch, step: 0, rid: 7 }),
    bench.disconnect(a),
    bench.command('conductor.declare_dead', { conductor: 'a' }),
  ])
  expect(dead).toMatchObject({ ok: true, value: { moved: 1 } })
  expect(b.grant(node)).toBeDefined()
  expect(a.of('proceed')).toEqual([])
})

test('declared dead: lease and tenure end at once, another resumes the task, and it is in the audit log', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.say(a, { type: 'intent', id: a.last('task').id, epoch: a.last('task').epoch, step: 0, rid: 1 })
  expect(a.last('proceed').tenureMs).toBe(45 * 60_000)
  const b = await bench.connect('b')
  expect(await value(bench.command('conductor.declare_dead', { conductor: 'a' }))).toBe('conductor.alive')
  await bench.disconnect(a)
  await renewing([b], LEASE_MS + MARGIN_MS + 2500)
  expect(b.grant(node), 'kept by its tenure').toBeUndefined()
  const dead = await value(bench.command('conductor.declare_dead', { conductor: 'a' }))
  expect(dead).toEqual({ moved: 1, left: 0, tenures: 1, hadRight: true })
  expect(b.last('task')).toMatchObject({ node, doneSteps: 0 })
  expect(await bench.sql.all('SELECT actor, action, target, outcome FROM audit')).toEqual([
    ['tester', 'conductor.declared_dead', 'a', 'ok'],
  ])
  const back = await bench.connect('a')
  await bench.say(back, { type: 'intent', id: b.last('task').id, epoch: a.last('task').epoch, step: 0, rid: 9 })
  expect(back.last('fenced').id).toBe(b.last('task').id)
})

test('declared dead while its lease still ran: its nodes move at once, and nothing waits for it', async () => {
  const b = await bench.connect('b', [])
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.disconnect(b)
  const helper = await bench.connect('b')
  await bench.disconnect(a)
  expect(await value(bench.command('conductor.declare_dead', { conductor: 'a' }))).toMatchObject({
    moved: 1,
    hadRight: true,
  })
  expect(helper.grant(node)).toBeDefined()
  expect(await events('conductor.%')).toEqual(expect.arrayContaining(['conductor.lost', 'conductor.declared_dead']))
  expect(await value(bench.command('conductor.declare_dead', { conductor: 'a' }))).toMatchObject({
    moved: 0,
    hadRight: false,
  })
  expect(await value(bench.command('conductor.declare_dead', { conductor: 'nobody' }))).toBe('not_found')
})

test('a revoked conductor is closed and heard no more; its nodes wait for the end of its lease', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const b = await bench.connect('b')
  await bench.command('conductor.revoke', { conductor: 'a' })
  expect(a.closed?.code).toBe(4403)
  await bench.say(a, { type: 'renew', rid: 1 })
  expect(a.of('lease')).toEqual([])
  expect(b.grant(node)).toBeUndefined()
  await renewing([b], LEASE_MS + MARGIN_MS + 2500)
  expect(b.grant(node)).toBeDefined()
  expect((await bench.open('a')).closed?.code).toBe(4403)
  // Enrolled again by the API.
  await bench.sql.batch([{ sql: "UPDATE conductors SET revoked_at = NULL, labels = '{}' WHERE id = 'a'", args: [] }])
  expect((await bench.connect('a', [fakeDriver])).of('welcome').length).toBe(1)
})
