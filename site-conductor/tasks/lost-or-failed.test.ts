// When a run ends in silence, and when it reports a failure: only a run whose right to act has ended has nothing to say.
import { expect, test } from 'vitest'
import { FaultError } from '../../shared/faults.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { fakeTasks, task, until } from '../testing/fake-tasks.ts'
import { moment } from '../link/span.ts'

test('a step that is refused by an agent which has heard a newer epoch fails its task while the node is held', async () => {
  const { tasks, sent, asked, rid } = await fakeTasks({
    one: () => Promise.reject(new FaultError('fenced', 'the agent reports StaleEpoch: 4 is older than 5')),
  })
  await tasks.deliver(task())
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => !tasks.isBusy('n'))
  expect(sent.filter(({ type }) => type === 'result')).toMatchObject([
    { id: 't', epoch: 1, outcome: { ok: false, step: 0, fault: { code: 'fenced' } } },
  ])
})

test('a lapse that the last-moment check sees is one, whatever the clock says afterwards: nothing is reported, and the node is no longer held', async () => {
  const { env, grants, tasks, sent, journal, asked, rid } = await fakeTasks({
    one: async ({ before }) => {
      env.pause(15_000)
      try {
        before()
      } finally {
        env.pause(-15_000)
      }
    },
  })
  let lapses = 0
  grants.onLapse = () => void lapses++
  await tasks.deliver(task())
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => !tasks.isBusy('n'))
  expect(sent.filter(({ type }) => type === 'result')).toEqual([])
  expect(journal.entries.get('t')?.result).toBeUndefined()
  expect({ lapses, left: grants.leaseLeft(), held: grants.get('n') }).toEqual({ lapses: 1, left: 0, held: undefined })
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('n', { driver: 'slow', epoch: 2 }))
  await tasks.deliver(task({ epoch: 2 }))
  await asked(2)
  expect(tasks.isBusy('n'), 'the hub delivers it again').toBe(true)
})

test('the end of a tenure that the last-moment check sees, by a clock that the timer does not know, ends the run: nothing is reported', async () => {
  const { env, tasks, sent, journal, asked, rid } = await fakeTasks({
    one: async ({ before }) => {
      env.pause(15_000)
      before() // by its tenure
      env.pause(45_000)
      before()
    },
  })
  await tasks.deliver(task())
  await asked(1)
  tasks.proceed('t', rid()!, 60_000)
  await until(() => !tasks.isBusy('n'))
  expect(sent.filter(({ type }) => type === 'event')).toMatchObject([{ events: [{ kind: 'started' }] }])
  expect(sent.filter(({ type }) => type === 'result')).toEqual([])
  expect(journal.entries.get('t')?.result).toBeUndefined()
})

test('a step by tenure that is refused by an agent which has heard a newer epoch is not reported: somebody has the node', async () => {
  const { env, tasks, sent, journal, asked, rid } = await fakeTasks({
    one: async ({ before }) => {
      env.pause(15_000)
      before() // the lapse, and the tenure goes on
      throw new FaultError('fenced', 'the agent reports StaleEpoch: 4 is older than 5')
    },
  })
  await tasks.deliver(task())
  await asked(1)
  tasks.proceed('t', rid()!, 60_000)
  await until(() => !tasks.isBusy('n'))
  expect(sent.filter(({ type }) => type === 'result')).toEqual([])
  expect(journal.entries.get('t')).toMatchObject({ task: { id: 't' } })
  expect(journal.entries.get('t')?.result).toBeUndefined()
})
