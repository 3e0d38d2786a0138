// What the hub says about tasks, and in which order runs of one node come and go.
import { expect, test } from 'vitest'
import { DEAF_AFTER_MS } from './acts.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { fakeTasks as setUp, task, until } from '../testing/fake-tasks.ts'
import { moment } from '../link/span.ts'

test('an answer to an older question neither permits nor ends a task', async () => {
  const { tasks, happened, rid, asked, journal } = await setUp()
  await tasks.deliver(task())
  await asked(1)
  const old = rid()!
  tasks.reconnected()
  await asked(2)
  await tasks.over('t', 'done', old)
  tasks.proceed('t', old, 0)
  expect(tasks.isBusy('n')).toBe(true)
  expect(happened).toEqual([])
  expect(journal.entries.has('t')).toBe(true)
  await tasks.over('t', 'done', rid()!)
  expect(tasks.isBusy('n')).toBe(false)
  expect(journal.entries.has('t')).toBe(false)
})

test('delivered again under a new epoch, the old run has let go before the new one begins', async () => {
  const { tasks, grants, happened, sent, rid, asked, gate } = await setUp()
  await tasks.deliver(task())
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await asked(2)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 1'))
  grants.add(fakeGrant('n', { driver: 'slow', epoch: 2 }))
  const delivery = tasks.deliver(task({ epoch: 2, doneSteps: 1, lastEvent: 3 }))
  await until(() => happened.includes('release'))
  expect(happened, 'its driver has not come back').toEqual(['one 1', 'two 1', 'release'])
  gate.resolve()
  await delivery
  await asked(3)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 2'))
  await until(() => sent.some(({ type }) => type === 'result'))
  expect(happened.slice(0, 5)).toEqual(['one 1', 'two 1', 'release', 'resume 2', 'two 2'])
  expect(sent.filter(({ type }) => type === 'result')).toMatchObject([{ epoch: 2, outcome: { ok: true } }])
})

test('a task that went to another conductor after a lapse does not stay in the journal', async () => {
  const { env, tasks, grants, journal, sent, asked } = await setUp()
  await tasks.deliver(task())
  await asked(1)
  grants.lapse()
  await until(() => !tasks.isBusy('n'))
  grants.startLease({ from: moment(env), ms: 90_000 })
  tasks.reconnected()
  env.advance(60_001)
  expect(sent.at(-1)).toMatchObject({ type: 'intent', id: 't', epoch: 1, rid: 0 })
  await tasks.over('t', 'fenced', 0, 1)
  expect(journal.entries.size).toBe(0)
  expect(tasks.isPending('n')).toBe(false)
})

test('a run that waits for its nodes does not ask about what the run before left: that is delivered after the wait', async () => {
  const { env, tasks, grants, journal, sent, asked } = await setUp()
  await journal.accept(task())
  grants.lapse()
  grants.startLease({ from: moment(env), ms: 60_000 })
  tasks.reconnected()
  tasks.granted() // none, yet
  env.advance(42_000)
  expect(sent).toEqual([])
  grants.add(fakeGrant('n', { driver: 'slow', epoch: 2 }))
  tasks.granted()
  await tasks.deliver(task({ epoch: 2, since: 1 }))
  await asked(1)
  env.advance(10_001)
  expect(sent.filter(({ type }) => type === 'intent')).toMatchObject([{ epoch: 2 }])
  expect(journal.entries.has('t')).toBe(true)
})

test('nor does one whose epoch had grown with a new session before it was lost', async () => {
  const { env, tasks, grants, journal, sent, asked } = await setUp()
  await tasks.deliver(task())
  await asked(1)
  grants.carryOver(5)
  grants.forgetSession()
  await until(() => !tasks.isBusy('n'))
  tasks.reconnected()
  env.advance(10_000)
  expect(sent.findLast((message) => message.type === 'intent')!.rid, 'its node may be granted again').not.toBe(0)
  grants.startLease({ from: moment(env), ms: 90_000 })
  env.advance(50_001)
  const question = sent.findLast((message) => message.type === 'intent')!
  expect(question).toMatchObject({ id: 't', rid: 0 })
  await tasks.over('t', 'fenced', 0, question.epoch)
  expect(journal.entries.size).toBe(0)
})

test('a task that the hub has settled goes no further, also where its tenure would let it', async () => {
  const { env, tasks, grants, journal, happened, sent, rid, asked, gate } = await setUp()
  await tasks.deliver(task())
  await asked(1)
  tasks.proceed('t', rid()!, 3_600_000)
  await asked(2)
  grants.lapse()
  await until(() => happened.includes('two 1'))
  grants.startLease({ from: moment(env), ms: 60_000 })
  const settled = tasks.settled('t')
  await until(() => !tasks.isBusy('n'))
  gate.resolve()
  await settled
  expect(happened, 'the run has let go').toEqual(['one 1', 'two 1', 'release'])
  expect(journal.entries.size).toBe(0)
  expect(sent.filter(({ type }) => type === 'result')).toEqual([])
})

test('a task that is settled while it is taken in again does not begin', async () => {
  const { tasks, disk, journal, sent } = await setUp()
  const written = Promise.withResolvers<void>()
  disk.hold = written.promise
  const delivery = tasks.deliver(task())
  await until(() => journal.entries.has('t'))
  const settled = tasks.settled('t')
  written.resolve()
  await Promise.all([delivery, settled])
  expect(tasks.isBusy('n')).toBe(false)
  expect(sent.filter(({ type }) => type === 'intent')).toEqual([])
})

test('a node is in use until its driver has come back from a step, also from one that ended with the grant', async () => {
  const { tasks, grants, happened, rid, asked, gate, env } = await setUp()
  await tasks.deliver(task({ doneSteps: 1, lastEvent: 3 }))
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 1'))
  grants.drop('n')
  await until(() => !tasks.isBusy('n'))
  const ends: string[][] = []
  const ended = tasks.ended('n').then((deaf) => ends.push(deaf))
  expect(await tasks.ended('another')).toEqual([])
  expect(ends).toEqual([])
  gate.resolve()
  await ended
  expect(ends, 'and nobody was deaf').toEqual([[]])
  env.advance(DEAF_AFTER_MS)
})

test('a driver that never comes back from a step keeps its node for two minutes, and is named', async () => {
  const { env, tasks, grants, happened, rid, asked } = await setUp()
  await tasks.deliver(task({ doneSteps: 1, lastEvent: 3 }))
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 1'))
  grants.drop('n')
  const ends: string[][] = []
  const ended = tasks.ended('n').then((deaf) => ends.push(deaf))
  await until(() => !tasks.isBusy('n'))
  await new Promise((resolve) => setImmediate(resolve))
  env.advance(DEAF_AFTER_MS - 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(ends).toEqual([])
  env.advance(1)
  await ended
  expect(ends).toEqual([['step power.two']])
})

test('a task does not begin beside what a deaf driver still does at its node: it is refused, and the next one begins when that has ended', async () => {
  const { env, tasks, grants, journal, sent, happened, rid, asked, gate } = await setUp()
  await tasks.deliver(task({ doneSteps: 1, lastEvent: 3 }))
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 1'))
  grants.startLease({ from: moment(env), ms: 600_000 })
  grants.add(fakeGrant('n', { driver: 'slow', epoch: 2 }))
  const delivery = tasks.deliver(task({ epoch: 2, doneSteps: 1, lastEvent: 3 }))
  await until(() => !tasks.isBusy('n'))
  await new Promise((resolve) => setImmediate(resolve))
  env.advance(DEAF_AFTER_MS)
  await delivery
  expect(sent.at(-1)).toMatchObject({ type: 'rejected', id: 't', epoch: 2, why: { code: 'timeout' } })
  expect(JSON.stringify(sent.at(-1))).toContain('step power.two')
  expect(tasks.isBusy('n')).toBe(false)
  await tasks.settled('t')
  expect(journal.entries.size).toBe(0)
  gate.resolve()
  await tasks.ended('n')
  await tasks.deliver(task({ id: 'u', epoch: 2 }))
  await asked(2)
  expect(tasks.isBusy('n')).toBe(true)
})

test('an outcome is not forgotten because it was refused under the epoch before, while the task is being taken in again', async () => {
  let drive = Promise.resolve()
  const { env, tasks, grants, journal, sent, asked, rid, happened, gate } = await setUp({ ahead: () => drive })
  await tasks.deliver(task())
  gate.resolve()
  for (const count of [1, 2]) {
    await asked(count)
    tasks.proceed('t', rid()!, 0)
  }
  await until(() => journal.entries.get('t')?.result !== undefined && !tasks.isBusy('n'))
  grants.forgetSession()
  grants.add(fakeGrant('n', { driver: 'slow', epoch: 2 }))
  tasks.reconnected()
  env.advance(10_001)
  const [fetched, meanwhile] = [Promise.withResolvers<void>(), sent.length]
  drive = fetched.promise
  const second = tasks.deliver(task({ epoch: 2, since: 1, doneSteps: 1, lastEvent: 3 }))
  await tasks.over('t', 'fenced', undefined, 1)
  expect(journal.entries.get('t')?.result, 'while what it needs is fetched').toBeDefined()
  fetched.resolve()
  await second
  await tasks.over('t', 'fenced', undefined, 1)
  expect(journal.entries.get('t')?.result, 'and when it has been accepted').toBeDefined()
  expect(sent.slice(meanwhile).filter(({ type }) => type === 'result')).toMatchObject([
    { id: 't', epoch: 2, outcome: { ok: true } },
  ])
  expect(happened.filter((what) => what.startsWith('two'))).toEqual(['two 1'])
})

test('what is delivered while the conductor stops does not begin', async () => {
  const { tasks, sent } = await setUp()
  const delivery = tasks.deliver(task())
  await tasks.close()
  await delivery
  expect(sent).toEqual([])
  expect(tasks.isBusy('n')).toBe(false)
})

test('a conductor that stops does not wait for a deaf driver or for the cloud before a task that it will not begin', async () => {
  let drive = Promise.resolve()
  const { tasks, grants, happened, rid, asked } = await setUp({ ahead: () => drive })
  await tasks.deliver(task({ doneSteps: 1, lastEvent: 3 }))
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 1'))
  grants.add(fakeGrant('n', { driver: 'slow', epoch: 2 }))
  const behind = tasks.deliver(task({ epoch: 2, doneSteps: 1, lastEvent: 3 }))
  drive = new Promise(() => {})
  grants.add(fakeGrant('m', { driver: 'slow', epoch: 2 }))
  const fetching = tasks.deliver(task({ id: 'u', node: 'm', epoch: 2 }))
  await tasks.close()
  await Promise.all([behind, fetching])
  expect(happened).toEqual(['resume 1', 'two 1', 'release'])
})

test('a journal that cannot be written stops everything: no event is sent, no step done', async () => {
  const { tasks, disk, sent, rid, asked, broken, happened } = await setUp()
  await tasks.deliver(task())
  await asked(1)
  disk.tearAfter = 5
  tasks.proceed('t', rid()!, 0)
  await until(() => broken.length > 0 && !tasks.isBusy('n'))
  expect(happened).toEqual(['release'])
  expect(sent.filter(({ type }) => type === 'event')).toEqual([])
  expect(String(broken[0])).toContain('cannot be written')
})
