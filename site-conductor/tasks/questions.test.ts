// Permission for a step, and what is said again: only the outstanding question counts, only what is ours is repeated.
import { expect, test } from 'vitest'
import type { FromConductor } from '../../shared/protocol.ts'
import { Authority } from './authority.ts'
import { FakeDisk } from '../testing/fake-disk.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from '../link/grants.ts'
import { Journal, type Task } from './journal.ts'
import { Questions } from './questions.ts'
import { Reports } from './reports.ts'
import { moment } from '../link/span.ts'

async function setUp() {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('n', { epoch: 3 }))
  const hold = grants.get('n')!
  const sent: FromConductor[] = []
  const send = (message: FromConductor) => void sent.push(message)
  const authority = new Authority(env, grants, hold)
  const journal = await Journal.open(new FakeDisk())
  return {
    env,
    grants,
    hold,
    sent,
    authority,
    journal,
    questions: new Questions(env, send),
    reports: new Reports(journal, grants, send),
  }
}

const state = async (promise: Promise<void>) => {
  let text = 'open'
  void promise.then(
    () => (text = 'permitted'),
    (error: Error) => (text = error.message),
  )
  await new Promise((resolve) => setImmediate(resolve))
  return text
}

test('only an answer to the outstanding number counts, and asking again takes a new one', async () => {
  const { questions, authority, sent } = await setUp()
  const asked = questions.ask('t', 4, authority)
  questions.repeat('t')
  const rids = sent.map((message) => (message.type === 'intent' ? message.rid : 0))
  expect(sent[0]).toMatchObject({ type: 'intent', id: 't', step: 4, epoch: 3 })
  expect(new Set(rids).size).toBe(2)
  questions.proceed('t', rids[0]!, 0)
  questions.proceed('t', 99, 0)
  questions.proceed('other', rids[1]!, 0)
  expect(await state(asked)).toBe('open')
  questions.proceed('t', rids[1]!, 0)
  expect(await state(asked)).toBe('permitted')
})

test('tenure counts from the question, not from its answer', async () => {
  const { env, grants, questions, authority } = await setUp()
  const asked = questions.ask('t', 0, authority)
  env.advance(10_000)
  questions.proceed('t', 1, 60_000)
  await asked
  grants.lapse()
  env.advance(49_999)
  authority.before()
  env.advance(1)
  expect(authority.before).toThrow('lapsed')
})

test('a question ends with the authority', async () => {
  const { grants, questions, authority } = await setUp()
  const asked = questions.ask('t', 0, authority)
  grants.drop('n')
  expect(await state(asked)).toContain('another conductor')
  expect(questions.isOpen('t')).toBe(false)
})

test('what was not acknowledged is repeated under the epoch of now, and nothing once the hold has ended', async () => {
  const { grants, hold, sent, reports, journal } = await setUp()
  const steps = [{ interface: 'power', step: 'power_on', args: {} }]
  const task: Task = {
    type: 'task',
    id: 't',
    node: 'n',
    epoch: 3,
    nseq: 1,
    kind: 'power',
    steps,
    context: {},
    doneSteps: 0,
    lastEvent: 0,
    deadline: 0,
  }
  await reports.accept(task, hold)
  for (let n = 1; n <= 45; n++) await reports.event('t', hold, { n, at: 0, step: 0, kind: 'started' })
  await reports.result('t', hold, { ok: true })
  await journal.acked('t', 3)
  grants.carryOver(8)
  sent.length = 0
  reports.repeat('t')
  const events = sent.flatMap((message) => (message.type === 'event' ? message.events.map(({ n }) => n) : []))
  expect(events).toEqual(Array.from({ length: 42 }, (_, i) => i + 4))
  expect(sent.every((message) => 'epoch' in message && message.epoch === 8)).toBe(true)
  expect(sent.at(-1)).toMatchObject({ type: 'result', outcome: { ok: true } })
  grants.add(fakeGrant('n', { epoch: 9 }))
  sent.length = 0
  reports.repeat('t')
  expect(sent).toEqual([])
})

test('after a lapse the tenure is the permit for the open question and for later steps, as long as it lasts', async () => {
  const { env, grants, questions, authority } = await setUp()
  const asked = questions.ask('t', 0, authority)
  authority.extendTenure({ from: moment(env), ms: 60_000 })
  expect(await state(asked)).toBe('open')
  grants.lapse()
  expect(await state(asked)).toBe('permitted')
  expect(await state(questions.ask('t', 1, authority))).toBe('permitted')
  env.advance(60_000)
  expect(await state(questions.ask('t', 2, authority))).toMatch(/lapse/)
})

test('a node that was given to another is no lapse: a tenure permits nothing', async () => {
  const { env, grants, questions, authority } = await setUp()
  authority.extendTenure({ from: moment(env), ms: 60_000 })
  const asked = questions.ask('t', 0, authority)
  grants.drop('n')
  expect(await state(asked)).toMatch(/another conductor/)
})

test('what a task does by its tenure while a new session begins is kept for it, not said under the old epoch and forgotten', async () => {
  const { env, grants, hold, sent, journal, reports } = await setUp()
  const task: Task = {
    type: 'task',
    id: 't',
    node: 'n',
    epoch: 3,
    since: 1,
    nseq: 1,
    kind: 'test',
    steps: [{ interface: 'power', step: 'on', args: {} }],
    context: {},
    doneSteps: 0,
    lastEvent: 0,
    deadline: 0,
  }
  await reports.accept(task, hold)
  grants.lapse()
  sent.length = 0
  await reports.event('t', hold, { n: 1, at: 0, step: 0, kind: 'finished' })
  await reports.result('t', hold, { ok: true })
  expect(sent).toEqual([])
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('n', { epoch: 9 }))
  await reports.accept({ ...task, epoch: 9 }, grants.get('n')!)
  reports.repeat('t')
  expect(sent.map(({ type }) => type)).toEqual(['accepted', 'event', 'result'])
  expect(journal.entries.get('t')!.events).toHaveLength(1)
})
