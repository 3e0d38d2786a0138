// What an inspection found is in the blob store before a row names it, and nobody waits for that store.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
let peer: TestPeer
let node: string
beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a')
  node = await bench.newNode()
})
afterEach(() => bench.close())

const inspected = (cpu: number, by = peer) =>
  bench.say(by, { type: 'facts', nodes: { [node]: { inventory: { cpu }, plugin_data: { of: cpu } } } })
const shown = (on: boolean) => bench.say(peer, { type: 'facts', nodes: { [node]: { secure_boot: on } } })
/** Of the documents that the node's row names. */
const named = async () => {
  const [keys = []] = await bench.sql.all('SELECT inventory_blob, plugin_data_blob FROM inventories')
  return keys.map((key) => JSON.parse(bench.blobs.get(String(key)) ?? 'null') as unknown)
}

test('a blob store that hangs keeps nobody from a lease; the frames behind the document wait, and its conductor says it again', async () => {
  bench.put = () => new Promise(() => {})
  const waiting = [inspected(1), shown(true)]
  await bench.say(peer, { type: 'renew', rid: 7 })
  expect(peer.of('lease').map(({ rid }) => rid)).toEqual([7])
  expect(await bench.sql.all('SELECT secure_boot FROM nodes')).toEqual([[null]])
  bench.fireTimers()
  await Promise.all(waiting)
  expect(peer.closed).toMatchObject({ code: 1011 })
  expect(await bench.sql.all('SELECT secure_boot FROM nodes'), 'it would be out of order').toEqual([[null]])
})

test('frames keep the order in which they came', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const put = bench.put
  bench.put = async (key, value) => promise.then(() => put(key, value))
  const said = [inspected(1), shown(true), inspected(2), shown(false)]
  resolve()
  await Promise.all(said)
  expect([await named(), await bench.sql.all('SELECT secure_boot FROM nodes')]).toEqual([
    [{ cpu: 2 }, { of: 2 }],
    [[0]],
  ])
})

test('a document is not overwritten: until the row names another it stays, and then it goes', async () => {
  await inspected(1)
  const first = [...bench.blobs.keys()]
  let duringTurn: unknown
  bench.hub = bench.anotherHub({
    all: (sql, args) => bench.sql.all(sql, args),
    async batch(statements) {
      if (statements.length > 1) duringTurn = await named()
      return bench.sql.batch(statements)
    },
  })
  await inspected(2)
  expect([duringTurn, await named()]).toEqual([
    [{ cpu: 1 }, { of: 1 }],
    [{ cpu: 2 }, { of: 2 }],
  ])
  await Promise.all([inspected(3), inspected(4)])
  expect([await named(), bench.blobs.size]).toEqual([[{ cpu: 4 }, { of: 4 }], 2])
  expect(first.filter((key) => bench.blobs.has(key))).toEqual([])
})

test('what nobody is heard with, and what belonged to a deleted node, does not stay', async () => {
  await inspected(1, await bench.connect('b'))
  await inspected(1, await bench.open('a'))
  expect(bench.blobs.size).toBe(0)
  await inspected(1)
  expect(bench.blobs.size).toBe(2)
  await bench.command('node.delete', { node })
  expect(bench.blobs.size).toBe(0)
})

test('a conductor cannot name a document that is not its own', async () => {
  await bench.say(peer, { type: 'facts', nodes: { [node]: { inventory: 'sites/other/key.json' } } })
  await bench.say(peer, {
    type: 'facts',
    nodes: { [node]: { inventory: { key: 'sites/other/key.json', isNamed: true } } },
  })
  expect((await named())[0]).toEqual({ key: 'sites/other/key.json', isNamed: true })
})
