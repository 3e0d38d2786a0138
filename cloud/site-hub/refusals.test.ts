// Everything that is refused to a conductor is in the audit log, once a minute each, and the log has an end.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FromConductor } from '../../shared/protocol.ts'
import { KEPT_AUDIT } from './refusals.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
let owner: TestPeer
let other: TestPeer
let node: string
beforeEach(async () => {
  bench = await HubBench.make()
  owner = await bench.connect('a')
  node = await bench.newNode()
  other = await bench.connect('b')
})
afterEach(() => bench.close())

const audit = () => bench.sql.all("SELECT actor, action, target, outcome, body ->> '$.times' FROM audit ORDER BY id")
const power = (): FromConductor => ({ type: 'facts', nodes: { [node]: { power_state: 'power on' } } })
const line = (): FromConductor => ({
  type: 'notes',
  dropped: 0,
  notes: [{ node, at: bench.now, stage: 'boot.x', body: {} }],
})
const local = (): FromConductor => ({
  type: 'local',
  action: { id: 'x', node, action: 'abort', at: bench.now, by: 'ada', fenced: false },
})

test.each([
  ['facts', power],
  ['notes', line],
])('%s of a node that is another’s', async (type, message) => {
  await bench.say(other, message())
  expect(await audit()).toEqual([['b', `conductor.${type}`, node, 'fenced', null]])
  await bench.say(owner, message())
  expect(await audit()).toHaveLength(1)
})

test.each([
  ['facts', power],
  ['notes', line],
  ['local', local],
  ['renew', (): FromConductor => ({ type: 'renew', rid: 1 })],
  ['bye', (): FromConductor => ({ type: 'bye' })],
  ['answer', (): FromConductor => ({ type: 'answer', rid: 1 })],
])('%s without a session', async (type, message) => {
  await bench.connect('a') // takes the session over
  await bench.say(owner, message())
  expect(await audit()).toEqual([['a', `conductor.${type}`, 'a', 'fenced', null]])
})

test('a frame that is not text, or larger than a frame may be', async () => {
  await bench.hub.onBadFrame(other, 1003, 'text frames only')
  expect(other.closed).toEqual({ code: 1003, reason: 'text frames only' })
  await bench.hub.onMessage(owner, JSON.stringify({ type: 'renew', rid: 1, x: 'é'.repeat(33_000) }))
  expect(owner.closed).toMatchObject({ code: 4400, reason: expect.stringContaining('bytes') })
  expect((await audit()).map(([actor, action, , outcome]) => [actor, action, outcome])).toEqual([
    ['b', 'conductor.frame', 'conductor.frame'],
    ['a', 'conductor.frame', 'conductor.frame'],
  ])
})

test('the same again counts up for a minute, in one turn and in many', async () => {
  await Promise.all([bench.say(other, power()), bench.say(other, power())])
  await bench.say(other, power())
  expect((await audit()).map((row) => row[4])).toEqual([3])
  await bench.pass(10_000)
  await Promise.all([owner, other].map((peer) => bench.say(peer, { type: 'renew', rid: 1 })))
  for (let passed = 0; passed < 60_000; passed += 10_000) {
    await bench.pass(10_000)
    await Promise.all([owner, other].map((peer) => bench.say(peer, { type: 'renew', rid: 1 })))
  }
  await bench.say(other, power())
  expect((await audit()).map((row) => row[4])).toEqual([3, null])
})

test('the oldest entries go, whoever made them', async () => {
  const rows = `WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ${KEPT_AUDIT + 5})`
  const sql = `${rows} INSERT INTO audit (at, action, target, outcome) SELECT 'x', 'old', 't', 'ok' FROM k`
  await bench.sql.batch([{ sql, args: [] }])
  await bench.say(other, power())
  const [[count, last]] = (await bench.sql.all('SELECT count(*), max(id) FROM audit')) as [[number, number]]
  expect([count, last]).toEqual([KEPT_AUDIT, KEPT_AUDIT + 6])
})
