// What a conductor says of steps that a task does not have, or that it has not come to: refused by name, and nothing is changed.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FromConductor } from '../../shared/protocol.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
let peer: TestPeer
let about: { id: string; epoch: number }
let count: number

beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a')
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.work(peer)
  await bench.command('node.provision', { node, verb: 'provide', args: {} })
  const task = peer.last('task')
  about = { id: task.id, epoch: task.epoch }
  count = task.steps.length
})
afterEach(() => bench.close())

type Event = Extract<FromConductor, { type: 'event' }>['events'][number]
const event = (kind: Event['kind'], step: number): FromConductor => ({
  type: 'event',
  ...about,
  events: [{ n: 1, at: bench.now, step, kind, context: { forged: true } }],
})
const failed = (step: number): FromConductor => ({
  type: 'result',
  ...about,
  outcome: { ok: false, step, fault: { code: 'bmc.refused', message: 'no', hint: '' } },
})
const stored = () =>
  bench.sql.all('SELECT state, done_steps, last_event, intent, context FROM tasks ORDER BY nseq DESC LIMIT 1')

test.each<[string, (count: number) => FromConductor]>([
  ['an intent for a step that it does not have', (n) => ({ type: 'intent', ...about, step: n, rid: 1 })],
  ['the start of a step that it does not have', (n) => event('started', n)],
  ['the end of a step that it does not have', (n) => event('finished', n)],
  ['what a successor needs of a step that it does not have', (n) => event('kept', n)],
  ['a failure in a step that it does not have', (n) => failed(n + 1)],
])('%s', async (_what, message) => {
  const before = await stored()
  await bench.say(peer, message(count))
  expect(await stored()).toEqual(before)
  expect(peer.closed).toMatchObject({ code: 4400, reason: expect.stringContaining('step') })
  expect(await bench.sql.all('SELECT action, outcome FROM audit')).toEqual([
    [`conductor.${message(count).type}`, 'conductor.frame'],
  ])
})

test('the end of a step whose turn has not come: its conductor is told to forget that, and has the task as it is stored in its next session', async () => {
  const before = await stored()
  await bench.say(peer, event('finished', 1))
  expect(await stored()).toEqual(before)
  expect(peer.last('fenced')).toMatchObject(about)
  expect(peer.closed).toMatchObject({ code: 4410, reason: expect.stringContaining('ahead') })
  expect(await bench.sql.all('SELECT action, outcome FROM audit')).toEqual([['conductor.event', 'fenced']])
  await bench.disconnect(peer)
  expect((await bench.connect('a')).last('task')).toMatchObject({ id: about.id, doneSteps: 0, lastEvent: 0 })
})

test('what comes behind it on the same connection is not heard', async () => {
  await Promise.all([
    bench.say(peer, event('finished', count - 1)),
    bench.say(peer, { type: 'result', ...about, outcome: { ok: true } }),
  ])
  expect((await stored())[0]![0]).toBe('open')
})

test('a failure behind the last step is heard: the answer of a task may be what fails', async () => {
  await bench.say(peer, failed(count))
  expect((await stored())[0]![0]).toBe('failed')
})
