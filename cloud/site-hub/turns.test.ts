// A turn whose batch has no answer: what became of it is looked up, and where that cannot be known it is said, never carried out again.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Sql } from '../ports.ts'
import type { CommandResult } from './commands.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
let peer: TestPeer
let node: string
/** How many statements in a row get no answer; the first of them is a turn's batch. */
let lost = 0

beforeEach(async () => {
  lost = 0
  bench = await HubBench.make()
  bench.hub = bench.anotherHub(lossy())
  peer = await bench.connect('a')
  node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.work(peer)
})
afterEach(() => bench.close())

/** The batch with which a loss begins is stored all the same. */
function lossy(): Sql {
  let isAway = false
  const answer = async <T>(rows: () => Promise<T>, begins: boolean): Promise<T> => {
    isAway &&= lost > 0
    const found = isAway ? undefined : await rows()
    isAway ||= begins && lost > 0
    if (!isAway) return found!
    lost--
    throw new Error('no answer')
  }
  return {
    all: (sql, args) => answer(() => bench.sql.all(sql, args), false),
    batch: (statements) => answer(() => bench.sql.batch(statements), statements.length > 1),
  }
}

const create = () => bench.command('node.create', { node: { driver: 'fake-hardware' } })
const power = () => bench.command('node.power', { node, target: 'rebooting' })
const count = async (table: string) => Number((await bench.sql.all(`SELECT count(*) FROM ${table}`))[0]![0])
const said = (results: CommandResult[]) => results.map((result) => (result.ok ? 'ok' : result.fault.code))

/** Time passes for the hub until it has answered. */
async function answered<T>(answer: Promise<T>): Promise<T> {
  let isDone = false
  void answer.finally(() => (isDone = true))
  for (let i = 0; i < 10_000 && !isDone; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    bench.fireTimers()
  }
  return answer
}

test.each([1, 2, 3])('a turn that is found stored at look-up %i is answered once', async (failures) => {
  lost = failures
  expect(said(await answered(Promise.all([create(), power()])))).toEqual(['ok', 'ok'])
  expect([await count('nodes'), await count('tasks')]).toEqual([2, 2])
})

test('a turn that cannot be looked up is not carried out again: all that was in it may have been stored, and that is said', async () => {
  lost = 10
  const results = await answered(Promise.all([create(), power()]))
  expect(said(results)).toEqual(['unavailable', 'unavailable'])
  for (const result of results)
    expect(!result.ok && result.fault.message).toBe('whether the change was stored is not known')
  expect([await count('nodes'), await count('tasks')]).toEqual([2, 2])
})

test('after a turn of which nothing is known its conductors say hello again, and hear what it stored', async () => {
  lost = 10
  await answered(power())
  lost = 0
  expect(peer.closed).toMatchObject({ code: 4410 })
  await bench.disconnect(peer)
  const again = await bench.connect('a')
  expect(again.last('task')).toMatchObject({ node, kind: 'power' })
  expect((await create()).ok).toBe(true)
})

test('the rows follow a clock that was set once, also when the turn that moved them has no answer', async () => {
  const [[before]] = (await bench.sql.all("SELECT horizon_ms FROM conductors WHERE id = 'a'")) as [[number]]
  bench.now += 3_600_000
  bench.monoOffset -= 3_600_000
  lost = 10
  await answered(create())
  lost = 0
  await create()
  const [[after]] = (await bench.sql.all("SELECT horizon_ms FROM conductors WHERE id = 'a'")) as [[number]]
  expect(after! - before!).toBe(3_600_000)
})
