// Facts and notes on their way up: batches, last value wins, bounded loss.
import { beforeEach, expect, test } from 'vitest'
import type { FromConductor } from '../../shared/protocol.ts'
import { Facts } from './facts.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import type { Hold } from './grants.ts'
import { Notes } from './notes.ts'

function upward<T>(make: (env: FakeEnv, send: (message: FromConductor) => void, isConnected: () => boolean) => T) {
  const env = new FakeEnv()
  const sent: FromConductor[] = []
  const link = { connected: true }
  const subject = make(
    env,
    (message) => void sent.push(message),
    () => link.connected,
  )
  return { env, sent, link, subject }
}
const facts = () => upward((env, send, isConnected) => new Facts(env, send, isConnected))
const notes = () => upward((env, send, isConnected) => new Notes(env, send, isConnected))

const ends = new Map<string, AbortController>()
/** The hold on `node` under `epoch`, the same one each time. */
const holds = new Map<string, Hold>()
function held(node: string, epoch = 1): Hold {
  const key = `${node} ${epoch}`
  const end = new AbortController()
  const hold = holds.get(key) ?? { grant: fakeGrant(node, { epoch }), signal: end.signal }
  if (!holds.has(key)) ends.set(key, end)
  holds.set(key, hold)
  return hold
}
beforeEach(() => [ends, holds].forEach((all) => all.clear()))

test('facts of many nodes go up as one frame, of one field only the last value', () => {
  const { env, sent, subject } = facts()
  subject.set(held('a'), 'power_state', 'power on')
  subject.set(held('b'), 'power_state', 'power on')
  subject.set(held('a'), 'power_state', 'power off')
  expect(sent).toEqual([])
  env.advance(200)
  expect(sent).toEqual([
    {
      type: 'facts',
      nodes: { a: { power_state: 'power off' }, b: { power_state: 'power on' } },
      epochs: { a: 1, b: 1 },
    },
  ])
})

test('what was said is not said again, and a change back within a batch is no change', () => {
  const { env, sent, subject } = facts()
  subject.set(held('a'), 'power_state', 'power on')
  env.advance(200)
  subject.set(held('a'), 'power_state', 'power off')
  subject.set(held('a'), 'power_state', 'power on')
  env.advance(200)
  expect(sent).toHaveLength(1)
})

test("a node that was somebody else's for a while is spoken of anew", () => {
  const { env, sent, subject } = facts()
  subject.set(held('a'), 'power_state', 'power on')
  env.advance(200)
  subject.set(held('a', 3), 'power_state', 'power on')
  env.advance(200)
  expect(sent).toHaveLength(2)
})

test('while the link is down facts wait; a new session hears all that is known anew', () => {
  const { env, sent, link, subject } = facts()
  link.connected = false
  subject.set(held('a'), 'power_state', 'power on')
  env.advance(200)
  expect(sent).toEqual([])
  link.connected = true
  subject.reconnected()
  subject.set(held('a'), 'power_state', 'power on')
  subject.reconnected()
  subject.set(held('a'), 'power_state', 'power on')
  env.advance(200)
  expect(sent).toHaveLength(2)
})

test('what was read before a lapse is not said after the next welcome', () => {
  const { env, sent, link, subject } = facts()
  link.connected = false
  subject.set(held('a'), 'power_state', 'power off')
  subject.set(held('b'), 'power_state', 'power off')
  env.advance(200)
  ends.get('a 1')!.abort()
  env.advance(45 * 60_000)
  link.connected = true
  subject.reconnected()
  expect(sent).toEqual([{ type: 'facts', nodes: { b: { power_state: 'power off' } }, epochs: { b: 1 } }])
  subject.set(held('a', 2), 'power_state', 'power on')
  env.advance(200)
  expect(sent.slice(1)).toEqual([{ type: 'facts', nodes: { a: { power_state: 'power on' } }, epochs: { a: 2 } }])
})

test('a value of a hold that has ended is not mixed with those of the next one', () => {
  const { env, sent, subject } = facts()
  subject.set(held('a'), 'power_fault', { code: 'bmc.unreachable' })
  ends.get('a 1')!.abort()
  subject.set(held('a', 2), 'power_state', 'power on')
  env.advance(200)
  expect(sent).toEqual([{ type: 'facts', nodes: { a: { power_state: 'power on' } }, epochs: { a: 2 } }])
})

test('a hold that goes on under a new session is spoken of under its new epoch', () => {
  const { sent, link, subject } = facts()
  link.connected = false
  const hold = held('a')
  subject.set(hold, 'power_state', 'power on')
  hold.grant = { ...hold.grant, epoch: 5 }
  link.connected = true
  subject.reconnected()
  expect(sent).toMatchObject([{ epochs: { a: 5 } }])
})

test('notes go up in order; too many while the link is down lose the oldest, and the loss is counted once', () => {
  const { env, sent, link, subject } = notes()
  link.connected = false
  for (let i = 0; i < 2_010; i++) subject.add({ node: 'n', stage: `s${i}` })
  env.advance(200)
  link.connected = true
  subject.flush()
  const all = sent.flatMap((frame) => (frame.type === 'notes' ? frame.notes : []))
  expect(all).toHaveLength(2_000)
  expect(all[0]!.stage).toBe('s10')
  expect(all.at(-1)!.stage).toBe('s2009')
  const dropped = sent.map((frame) => (frame.type === 'notes' ? frame.dropped : 0))
  expect(dropped.reduce((sum, each) => sum + each, 0)).toBe(10)
  subject.flush()
  expect(sent).toHaveLength(dropped.length)
})

test('a note too large for a timeline says that it was cut', () => {
  const { env, sent, subject } = notes()
  subject.add({ node: 'n', stage: 'big', body: { text: 'x'.repeat(1_000) } })
  env.advance(200)
  expect(sent).toMatchObject([{ notes: [{ stage: 'big', body: { cut: true } }] }])
})
