// What renewals tell of tenures: each connection hears of each promise once, and however many there are the frames fit.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_FRAME_BYTES, type ToConductor } from '../../shared/protocol.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

let rid = 100
async function renewed(peer: TestPeer): Promise<Extract<ToConductor, { type: 'lease' }>[]> {
  await bench.say(peer, { type: 'renew', rid: ++rid })
  return peer.of('lease').filter((lease) => lease.rid === rid)
}
async function verifying(peer: TestPeer): Promise<string> {
  const node = await bench.newNode()
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  const { id, epoch } = peer.last('task')
  await bench.say(peer, { type: 'intent', id, epoch, step: 0, rid: 1 })
  return id
}

test('a tenure is told once on a connection, and again when it was extended', async () => {
  const peer = await bench.connect('a')
  const id = await verifying(peer)
  const [first] = await renewed(peer)
  expect(Object.keys(first!.tenures)).toEqual([id])
  expect((await renewed(peer)).map(({ tenures }) => tenures)).toEqual([{}])
  for (let ms = 0; ms < 12 * 60_000; ms += 10_000) {
    await bench.pass(10_000)
    await renewed(peer)
  }
  const extended = peer.of('lease').flatMap(({ tenures }) => Object.values(tenures))
  expect(extended).toEqual([first!.tenures[id], 45 * 60_000])
})

test('another connection hears of all of them', async () => {
  const peer = await bench.connect('a')
  const id = await verifying(peer)
  await renewed(peer)
  const again = await bench.connect('a')
  expect((await renewed(again)).map(({ tenures }) => Object.keys(tenures))).toEqual([[id]])
})

test('more tenures than a frame has room for come in several, all of one renewal', async () => {
  const peer = await bench.connect('a')
  const id = await verifying(peer)
  // As many rows as a large site has running, made of the one that there is.
  const [columns] = [
    (await bench.sql.all("SELECT group_concat(name) FROM pragma_table_info('tasks')"))[0]![0] as string,
  ]
  const nodeColumns = (
    await bench.sql.all("SELECT group_concat(name) FROM pragma_table_info('nodes')")
  )[0]![0] as string
  const copied = (all: string, changes: Record<string, string>) =>
    all
      .split(',')
      .map((name) => changes[name] ?? `"${name}"`)
      .join(',')
  const quoted = (all: string) =>
    all
      .split(',')
      .map((name) => `"${name}"`)
      .join(',')
  const counted = 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1600)'
  const task = { id: `printf('%064d', c.i)`, node: `printf('n%063d', c.i)` }
  const node = { id: 'NULL', uuid: task.node, name: 'NULL', task: task.id, boot_ip: 'NULL' }
  await bench.sql.batch([
    { sql: `INSERT INTO nodes (${quoted(nodeColumns)}) ${counted} SELECT ${copied(nodeColumns, node)} FROM nodes, c`, args: [] },
    { sql: `INSERT INTO tasks (${quoted(columns)}) ${counted} SELECT ${copied(columns, task)} FROM tasks, c WHERE tasks.id = ?`, args: [id] },
  ]) // prettier-ignore
  bench.hub = bench.anotherHub()
  const again = await bench.connect('a')
  const leases = await renewed(again)
  expect(leases.length).toBeGreaterThan(1)
  for (const lease of leases) expect(Buffer.byteLength(JSON.stringify(lease))).toBeLessThan(MAX_FRAME_BYTES)
  expect(new Set(leases.flatMap(({ tenures }) => Object.keys(tenures))).size).toBe(1601)
})
