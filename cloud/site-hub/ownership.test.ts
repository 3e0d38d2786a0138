// Who may drive a node, when conductors come, go and return: epochs, take-over, tenure, fencing.
import { grantsDigest } from '../../shared/grants-digest.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const LEASE_MS = 15_000

async function deploying() {
  const a = await bench.connect('a')
  const node = await bench.newNode({ automated_clean: false })
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.work(a)
  await bench.command('node.provision', { node, verb: 'provide', args: {} })
  await bench.command('node.provision', { node, verb: 'active', args: {} })
  return { a, node }
}

test('nodes spread over conductors as they join; a node with an open task stays until it ends', async () => {
  const { a, node } = await deploying()
  const more = await bench.newNode()
  const b = await bench.connect('b')
  expect(a.last('grants').drop).toEqual([more])
  await bench.say(a, { type: 'released', node: more, epoch: a.grant(more)?.epoch ?? bench_epoch(a, more) })
  expect(b.grant(more)!.epoch).toBeGreaterThan(bench_epoch(a, more))
  expect(b.grant(node)).toBeUndefined()
})

test('a node that its new owner was told of in this turn is not given to another before it is released', async () => {
  const before = await bench.connect('a')
  const node = await bench.newNode()
  await bench.connect('b')
  const [a, b] = [await bench.open('a'), await bench.open('b')]
  await bench.say(before, { type: 'bye' })
  await Promise.all([
    bench.say(b, bench.helloOf('b', null)),
    bench.say(a, bench.helloOf('a', null)),
    bench.command('conductor.drain', { conductor: 'b', on: true }),
  ])
  expect(a.grant(node), 'not given back').toBeUndefined()
  expect(b.last('grants').drop).toEqual([node])
  await bench.say(b, { type: 'released', node, epoch: bench_epoch(b, node) })
  expect(a.grant(node)!.epoch).toBeGreaterThan(bench_epoch(b, node))
})

test('a tenure that was promised to a lone conductor holds when another joins: whether it heard of less is not known', async () => {
  const { a, node } = await deploying()
  await bench.work(a, { stopAt: 'boot.prepare_ramdisk' })
  expect(a.last('proceed').tenureMs).toBeGreaterThan(0)
  const b = await bench.connect('b')
  const { id, epoch } = a.last('task')
  await bench.say(a, { type: 'intent', id, epoch, step: 1, rid: 99 })
  expect(a.last('proceed').tenureMs, 'two may drive it now').toBe(0)
  await bench.disconnect(a)
  await bench.pass(LEASE_MS * 4)
  expect(b.grant(node), 'the first may still be at it').toBeUndefined()
})

test('a killed conductor that comes back resumes its task at the step under way, with a higher epoch', async () => {
  const { a, node } = await deploying()
  const before = a.last('task')
  await bench.work(a, { stopAt: 'deploy.write_image' })
  await bench.disconnect(a)
  const again = await bench.connect('a')
  const task = again.last('task')
  expect(task).toMatchObject({ id: before.id, doneSteps: 5 })
  expect(task.epoch).toBeGreaterThan(before.epoch)
  expect(task.context).toMatchObject({ last: 'deploy.wait_agent' })
  await bench.work(again)
  expect((await bench.node(node)).provision_state).toBe('active')
})

test('an unchanged reconnect is told so in one frame; a changed grant is sent again', async () => {
  const { a, node } = await deploying()
  const digestOf = () => grantsDigest([{ node, epoch: a.grant(node)!.epoch, specVersion: a.grant(node)!.specVersion }])
  await bench.disconnect(a)
  const again = await bench.connect('a', undefined, await digestOf())
  expect(again.last('welcome').grantsKept).toBe(true)
  expect(again.of('grants').flatMap((grants) => grants.add)).toEqual([])
  expect(again.last('task').epoch).toBe(again.last('welcome').session)
  await bench.disconnect(again)
  const third = await bench.connect('a', undefined, await digestOf())
  expect(third.last('welcome').grantsKept, 'that was the digest of an older session').toBeUndefined()
  expect(third.grant(node)!.epoch).toBe(third.last('welcome').session)
})

test('how a node’s last conductor is shut out is stored before it is permitted, and told to the next one, in this task and the next', async () => {
  const idle = await bench.connect('b', [])
  const { a, node } = await deploying()
  const stored = async () =>
    (await bench.sql.all('SELECT bmc_session, version FROM nodes WHERE uuid = ?', [node]))[0] as [string, number]
  const ask = async (peer: typeof a, step: number, bmcSession?: string) => {
    const { id, epoch } = peer.last('task')
    const session = bmcSession === undefined ? {} : { bmcSession }
    await bench.say(peer, { type: 'intent', id, epoch, step, rid: step, ...session })
  }
  // Run at once, when the frame goes out, although the answer comes later.
  const atProceed: Promise<unknown>[] = []
  const send = a.send.bind(a)
  a.send = (frame) => {
    if (frame.includes('"proceed"')) atProceed.push(bench.sql.all('SELECT bmc_session FROM nodes'))
    send(frame)
  }
  expect(a.last('task').bmcSession).toBeUndefined()
  await ask(a, 0, '0x1')
  const [session, version] = await stored()
  expect([session, await Promise.all(atProceed)]).toEqual(['0x1', [[['0x1']]]])
  await ask(a, 0, '0x1')
  await ask(a, 1)
  expect(await stored(), 'nothing new, nothing written').toEqual(['0x1', version])
  await ask(a, 2, '0x2')
  await bench.disconnect(idle)
  const b = await bench.connect('b')
  await bench.disconnect(a)
  await renewing(b, LEASE_MS + 5000)
  expect(b.last('task')).toMatchObject({ kind: 'deploy', bmcSession: '0x2' })
  await ask(b, 2, '0x3')
  const { id, epoch } = b.last('task')
  const events = [0, 1, 2].map((step) => ({ n: step + 1, at: bench.now, step, kind: 'finished' as const }))
  await bench.say(b, { type: 'event', id, epoch, events })
  const fault = { code: 'power.timeout' as const, message: 'still on', hint: '' }
  await bench.say(b, { type: 'result', id, epoch, outcome: { ok: false, fault } })
  expect(b.last('task')).toMatchObject({ kind: 'undo', bmcSession: '0x3' })
})

test('a lost conductor’s task goes to another after lease and margin, not before; the lost one is fenced', async () => {
  const b = await bench.connect('b', [])
  const { a, node } = await deploying()
  await bench.work(a, { stopAt: 'deploy.write_image' })
  const old = a.last('task')
  await bench.disconnect(b)
  const helper = await bench.connect('b')
  await bench.disconnect(a)
  await renewing(helper, LEASE_MS)
  expect(helper.of('task')).toEqual([])
  await renewing(helper, 5000)
  const task = helper.last('task')
  expect(task).toMatchObject({ id: old.id, doneSteps: 5 })
  expect(task.epoch).toBeGreaterThan(old.epoch)

  const back = await bench.connect('a')
  await bench.say(back, {
    type: 'result',
    id: old.id,
    epoch: old.epoch,
    outcome: { ok: false, fault: { code: 'internal', message: 'late', hint: '' } },
  })
  expect(back.last('fenced').id).toBe(old.id)
  expect(await bench.sql.all('SELECT action, outcome FROM audit')).toEqual([['conductor.result', 'fenced']])
  expect((await bench.node(node)).provision_state).toBe('deploying')
  await bench.work(helper)
  expect((await bench.node(node)).provision_state).toBe('active')
})

test('at a site with one conductor the task keeps its tenure: a conductor that joins during a cut does not get it', async () => {
  const { a, node } = await deploying()
  await bench.work(a, { stopAt: 'deploy.write_image' })
  expect(a.last('proceed').tenureMs).toBe(45 * 60_000)
  await bench.disconnect(a)
  await bench.pass(LEASE_MS * 3)
  const b = await bench.connect('b')
  expect(b.grant(node)).toBeUndefined()
  const back = await bench.connect('a')
  expect(back.grant(node)).toBeDefined()
  await bench.work(back)
  expect((await bench.node(node)).provision_state).toBe('active')
})

test('frames of an old session, an old epoch or a settled task change nothing', async () => {
  const { a, node } = await deploying()
  const task = a.last('task')
  const about = { id: task.id, epoch: task.epoch }
  await bench.say(a, {
    type: 'event',
    ...about,
    epoch: task.epoch - 1,
    events: [{ n: 1, at: 0, step: 0, kind: 'finished' }],
  })
  expect(a.last('fenced').id).toBe(task.id)
  await bench.say(a, { type: 'event', ...about, events: [{ n: 1, at: 0, step: 0, kind: 'finished' }] })
  await bench.say(a, { type: 'event', ...about, events: [{ n: 1, at: 0, step: 7, kind: 'finished' }] })
  expect(await bench.sql.all('SELECT done_steps, last_event FROM tasks WHERE id = ?', [task.id])).toEqual([[1, 1]])
  await bench.work(a)
  await bench.say(a, {
    type: 'result',
    ...about,
    outcome: { ok: false, fault: { code: 'internal', message: 'again', hint: '' } },
  })
  expect(a.last('settled').id).toBe(task.id)
  await bench.say(a, { type: 'intent', ...about, step: 3, rid: 99 })
  expect(a.last('done')).toEqual({ type: 'done', id: task.id, rid: 99 })
  expect((await bench.node(node)).provision_state).toBe('active')
})

test('a lapse: everything is dropped, the socket is closed, the site is said to be offline, nodes are not failed', async () => {
  const { a, node } = await deploying()
  await bench.pass(LEASE_MS * 2)
  expect(a.closed?.code).toBe(4410)
  expect(
    (
      await bench.sql.all("SELECT type FROM events WHERE type IN ('conductor.lost', 'site.offline') ORDER BY id")
    ).flat(),
  ).toEqual(['conductor.lost', 'site.offline'])
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploying', conductor: 'a' })
})

test('an unchanged lease writes no row: renewals come from memory until the horizon nears', async () => {
  const a = await bench.connect('a')
  const rows = async () => (await bench.sql.all('SELECT horizon_ms, updated_at FROM conductors WHERE id = ?', ['a']))[0]
  const first = await rows()
  for (let i = 0; i < 3; i++) {
    bench.now += 4000
    await bench.say(a, { type: 'renew', rid: i })
    expect(a.last('lease')).toMatchObject({ rid: i, ms: LEASE_MS })
  }
  expect(await rows()).toEqual(first)
  await renewing(a, 40_000)
  expect(await rows()).not.toEqual(first)
})

test('a hub that starts in mid-deploy reads what is open and goes on', async () => {
  const { a, node } = await deploying()
  await bench.work(a, { stopAt: 'deploy.write_image' })
  bench.hub = bench.anotherHub()
  const again = await bench.connect('a')
  expect(again.last('task')).toMatchObject({ doneSteps: 5 })
  await bench.work(again)
  expect((await bench.node(node)).provision_state).toBe('active')
})

async function renewing(peer: Awaited<ReturnType<HubBench['connect']>>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 2500) {
    await bench.say(peer, { type: 'renew', rid: passed })
    await bench.pass(2500)
  }
}

function bench_epoch(peer: Awaited<ReturnType<HubBench['connect']>>, node: string): number {
  return Math.max(
    0,
    ...peer.of('grants').flatMap(({ add }) => add.filter((grant) => grant.node === node).map((grant) => grant.epoch)),
  )
}

test('a node that its owner is told of by its hello is taken back by its release only, also in the same turn', async () => {
  const a = await bench.connect('a')
  await bench.connect('b')
  // So many that some of those which a gets are among those that b gets back.
  const nodes = await Promise.all(Array.from({ length: 20 }, () => bench.newNode()))
  const [againA, againB] = [await bench.open('a'), await bench.open('b')]
  bench.now += 10_000
  await bench.say(a, { type: 'renew', rid: 1 })
  bench.now += 8_000 // b’s lease is over, and a gets its nodes
  await Promise.all([bench.say(againA, bench.helloOf('a', null)), bench.say(againB, bench.helloOf('b', null))])
  expect(nodes.filter((node) => againA.grant(node) && againB.grant(node))).toEqual([])
})
