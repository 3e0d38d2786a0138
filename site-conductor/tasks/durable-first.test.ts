// Nothing is said before a loss of power cannot take it back, after a reconnect neither.
import { expect, test } from 'vitest'
import { fakeTasks, task, until } from '../testing/fake-tasks.ts'

test('what is on its way to the disk when the link comes back is said when it is there, after what was said before', async () => {
  const { disk, tasks, sent, happened, rid, asked } = await fakeTasks()
  await tasks.deliver(task())
  await asked(1)
  const numbers = () => sent.flatMap((message) => (message.type === 'event' ? message.events.map(({ n }) => n) : []))
  const written = Promise.withResolvers<void>()
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('one 1') && numbers().includes(1))
  await asked(2)
  expect(numbers()).toEqual([1, 2])
  disk.hold = written.promise
  const appends = disk.appends
  tasks.proceed('t', rid()!, 0)
  await until(() => disk.appends > appends)
  sent.length = 0
  tasks.reconnected()
  expect(numbers(), 'the third is not on the disk').toEqual([1, 2])
  disk.hold = undefined
  written.resolve()
  await until(() => happened.includes('two 1'))
  expect(numbers()).toEqual([1, 2, 3])
})

test('nor is an outcome', async () => {
  const { disk, tasks, sent, gate, happened, rid, asked } = await fakeTasks()
  await tasks.deliver(task({ doneSteps: 1, lastEvent: 2 }))
  await asked(1)
  tasks.proceed('t', rid()!, 0)
  await until(() => happened.includes('two 1'))
  const [written, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { append } = disk
  disk.append = async (name, bytes) => {
    if (Buffer.from(bytes).includes('"is":"result"')) {
      reached.resolve()
      await written.promise
    }
    await append.call(disk, name, bytes)
  }
  gate.resolve()
  await reached.promise
  sent.length = 0
  tasks.reconnected()
  expect(sent.map(({ type }) => type)).toEqual(['event'])
  written.resolve()
  await until(() => sent.some(({ type }) => type === 'result'))
})
