import { expect, test } from 'vitest'
import { Turns } from './turns.ts'

const never = new AbortController().signal

test('so many run at once, the others in order, and those who wait are told', async () => {
  const turns = new Turns(2)
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const seen: string[] = []
  const all = gates.map((gate, index) =>
    turns.run(
      never,
      async () => {
        seen.push(`run ${index}`)
        await gate.promise
      },
      (ahead) => seen.push(`wait ${index} behind ${ahead}`),
    ),
  )
  await Promise.resolve()
  expect(seen).toEqual(['run 0', 'run 1', 'wait 2 behind 0', 'wait 3 behind 1'])
  gates[1]!.resolve()
  await all[1]
  await new Promise(setImmediate)
  expect(seen.slice(4)).toEqual(['run 2'])
  for (const gate of gates) gate.resolve()
  await Promise.all(all)
  expect(seen.slice(4)).toEqual(['run 2', 'run 3'])
})

test('one that gives up waiting leaves its place to the next, and one that fails gives its turn on', async () => {
  const turns = new Turns(1)
  const gate = Promise.withResolvers<void>()
  const first = turns.run(never, () => gate.promise)
  const leaver = new AbortController()
  const second = turns.run(leaver.signal, async () => 'second')
  const third = turns.run(never, async () => 'third')
  leaver.abort(new Error('gave up'))
  await expect(second).rejects.toThrow('gave up')
  gate.reject(new Error('failed'))
  await expect(first).rejects.toThrow('failed')
  expect(await third).toBe('third')
  expect(await turns.run(never, async () => 'fourth')).toBe('fourth')
})
