// Bytes as they come: in pieces, too few of them, too many.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { RfbStream } from './stream.ts'
import { pair } from './testing.ts'

test('half of what is waited for keeps nobody busy, however long the rest takes', async () => {
  const [ours, theirs] = pair()
  const read = ours.read.bind(ours)
  let looks = 0
  ours.read = (length) => {
    if (++looks > 100) ours.destroy()
    return read(length) as unknown
  }
  const taken = new RfbStream(ours).take(6)
  for (const part of ['a', 'bc', 'd']) {
    theirs.write(part)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
  }
  expect(looks).toBeLessThan(20)
  theirs.write('efgh')
  expect((await taken).toString()).toBe('abcdef')
  expect((ours.read() as Buffer).toString(), 'the rest stays').toBe('gh')
})

test('what has not been taken is piped on from there', async () => {
  const [ours, theirs] = pair()
  theirs.write('abc')
  expect((await new RfbStream(ours).take(2)).toString()).toBe('ab')
  const piped: Buffer[] = []
  ours.on('data', (data: Buffer) => piped.push(data))
  theirs.write('d')
  await expect.poll(() => Buffer.concat(piped).toString()).toBe('cd')
})

test('a stream that ends in the middle has been closed', async () => {
  const [ours, theirs] = pair()
  const taken = new RfbStream(ours).take(4)
  theirs.write('abc')
  theirs.end()
  await expect(taken).rejects.toThrow('the connection was closed')
})
