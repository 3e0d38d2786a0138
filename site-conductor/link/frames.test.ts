// No frame is larger than one may be, whatever drivers find and however much there is to say; and nothing is lost without a word.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { decodeFromConductor, encode, type FromConductor, MAX_FRAME_BYTES } from '../../shared/protocol.ts'
import { Calls } from '../tasks/calls.ts'
import { defineDriver } from '../driver.ts'
import { Facts } from './facts.ts'
import { FakeDisk } from '../testing/fake-disk.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from './grants.ts'
import { Journal, type Task } from '../tasks/journal.ts'
import { silent } from '../log.ts'
import { Notes } from './notes.ts'
import { PAGE_BYTES, pages } from './pages.ts'
import { Reports } from '../tasks/reports.ts'
import type { Site } from '../site.ts'
import { moment } from './span.ts'

/** A line to the hub that refuses what the hub would refuse. */
function line() {
  const sent: FromConductor[] = []
  const send = (message: FromConductor) => {
    const frame = encode(message)
    expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(MAX_FRAME_BYTES)
    const decoded = decodeFromConductor(frame)
    if (decoded.kind !== 'message') throw new Error(JSON.stringify(decoded).slice(0, 300))
    sent.push(decoded.message)
  }
  const all = <T extends FromConductor['type']>(type: T) =>
    sent.filter((message): message is Extract<FromConductor, { type: T }> => message.type === type)
  return { send, all }
}

/** Texts of up to 40 KB, in letters of one to four bytes. */
const text = fc
  .tuple(fc.constantFrom('x', 'é', '語', '🖥', '"', '\u0001'), fc.integer({ min: 0, max: 10_000 }))
  .map(([letter, length]) => letter.repeat(length))

test('facts of any size go up whole, in frames that fit', () => {
  const entry = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom('a', 'b', 'c'), text)
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
      const { send, all } = line()
      const facts = new Facts(new FakeEnv(), send, () => true)
      const { signal } = new AbortController()
      const holds = Array.from({ length: 6 }, (_, node) => ({ grant: fakeGrant(`n${node}`), signal }))
      const wanted = new Map<string, unknown>()
      for (const [node, field, value] of entries) {
        const fits = Buffer.byteLength(JSON.stringify(value)) <= PAGE_BYTES - 256
        const set = () => facts.set(holds[node]!, field, value)
        if (!fits) expect(set).toThrow('a frame holds')
        else wanted.set(`n${node} ${field}`, (set(), value))
      }
      facts.flush()
      const got = new Map<string, unknown>()
      for (const { nodes } of all('facts'))
        for (const [node, fields] of Object.entries(nodes))
          for (const [field, value] of Object.entries(fields)) got.set(`${node} ${field}`, value)
      expect([...got].sort()).toEqual([...wanted].sort())
    }),
    { numRuns: 50 },
  )
})

test('notes of any size all go up, in their order', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 150, maxLength: 300 }), (texts) => {
      const { send, all } = line()
      const notes = new Notes(new FakeEnv(), send, () => true)
      for (const [index, body] of texts.entries())
        notes.add({ node: `node-${index}`, stage: body.slice(0, 90), body: { text: body.slice(0, 240).repeat(2) } })
      notes.flush()
      const told = all('notes').flatMap((frame) => frame.notes)
      expect(told.map(({ node }) => node)).toEqual(texts.map((_, index) => `node-${index}`))
    }),
    { numRuns: 50 },
  )
})

test('events of any size that are said again all go up, in their order', async () => {
  const env = new FakeEnv()
  const task: Task = { type: 'task', id: 't', node: 'n', epoch: 1, nseq: 1, kind: 'test', steps: [{ interface: 'power', step: 'on', args: {} }], context: {}, doneSteps: 0, lastEvent: 0, deadline: 0 } // prettier-ignore
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 40 }), async (texts) => {
      const { send, all } = line()
      const grants = new Grants(env)
      grants.startLease({ from: moment(env), ms: 15_000 })
      grants.add(fakeGrant('n'))
      const journal = await Journal.open(new FakeDisk())
      const reports = new Reports(journal, grants, send)
      await reports.accept(task, grants.get('n')!)
      for (const [index, value] of texts.entries())
        await journal.event('t', 1, { n: index + 1, at: 0, step: 0, kind: 'kept', context: { value } })
      reports.repeat('t')
      const told = all('event').flatMap(({ events }) => events)
      expect(told.map(({ n, context }) => [n, context?.['value']])).toEqual(texts.map((value, i) => [i + 1, value]))
    }),
    { numRuns: 25 },
  )
})

test('an answer of any size is an answer, or a fault that says how large it was', async () => {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('n', { driver: 'wordy', interfaces: { power: 'wordy' } }))
  let result: unknown
  const methods = { read: async () => result }
  const driver = defineDriver({
    name: 'wordy',
    about: 'for this test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: { power: { wordy: { steps: {}, methods } }, management: { wordy: { steps: {} } } },
  })
  const { send, all } = line()
  const calls = new Calls({ env, log: silent, grants, drivers: new Map([['wordy', driver]]), site: {} as Site, send, note: () => {} }) // prettier-ignore
  const call = { type: 'call' as const, node: 'n', epoch: 1, interface: 'power', method: 'read', args: {} }
  let rid = 0
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 4 }), async (texts) => {
      result = texts
      await calls.answer({ ...call, rid: ++rid, timeoutMs: 1_000 })
      const answer = all('answer').at(-1)
      expect(answer?.rid).toBe(rid)
      if (answer?.fault === undefined) expect(answer?.result).toEqual(texts)
      else expect(answer.fault).toMatchObject({ code: 'request.too_large', message: expect.stringMatching(/"answer" has \d+ bytes/) as string }) // prettier-ignore
    }),
    { numRuns: 50, examples: [[['x'.repeat(70_000)]]] },
  )
  expect(all('answer').some(({ fault }) => fault !== undefined)).toBe(true)
})

test('pages hold everything once and in order', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (texts, most) => {
      const all = pages(texts, most)
      expect(all.flat()).toEqual(texts)
      for (const page of all)
        expect(page.length === 1 || Buffer.byteLength(JSON.stringify(page)) <= PAGE_BYTES + 2).toBe(true)
    }),
    { numRuns: 50 },
  )
})
