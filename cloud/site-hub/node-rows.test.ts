// Rows of nodes where several changes share a turn: each sees what the ones before it drafted.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CommandResult } from './commands.ts'
import { HubBench } from './testdata/hub-bench.ts'

let bench: HubBench
let node: string
beforeEach(async () => {
  bench = await HubBench.make()
  await bench.connect('a')
  node = await bench.newNode()
})
afterEach(() => bench.close())

const made = (result: CommandResult) => {
  if (!result.ok) throw new Error(JSON.stringify(result.fault))
  return (result.value as { uuid: string }).uuid
}
const port = (address: string, more: object = {}) =>
  bench.command('row.create', { table: 'port', row: { node, address, ...more } })
const codes = (results: CommandResult[]) => results.map((result) => (result.ok ? 'ok' : result.fault.code))
const MAC = '52:54:00:00:00:01'

test('two patches of a port in one turn lost the first', async () => {
  const uuid = made(await port(MAC))
  const set = (key: string) =>
    bench.command('row.patch', { table: 'port', uuid, patch: [{ op: 'add', path: `/extra/${key}`, value: 1 }] })
  expect(codes(await Promise.all([set('a'), set('b')]))).toEqual(['ok', 'ok'])
  expect(await bench.sql.all('SELECT extra FROM ports')).toEqual([['{"a":1,"b":1}']])
})

test('one address or name in one turn is given once', async () => {
  expect(codes(await Promise.all([port(MAC), port(MAC)]))).toEqual(['ok', 'conflict'])
  const named = await Promise.all([port('52:54:00:00:00:02', { name: 'x' }), port('52:54:00:00:00:03', { name: 'x' })])
  expect(codes(named)).toEqual(['ok', 'conflict'])
})

test('a port that is deleted in the same turn takes no change and no network', async () => {
  const uuid = made(await port(MAC))
  const answers = await Promise.all([
    bench.command('row.delete', { table: 'port', uuid }),
    bench.command('row.patch', { table: 'port', uuid, patch: [{ op: 'add', path: '/extra/a', value: 1 }] }),
    bench.command('vif.attach', { node, vif: 'v' }),
  ])
  expect(codes(answers)).toEqual(['ok', 'not_found', 'request.invalid'])
  expect(await bench.sql.all('SELECT count(*) FROM ports')).toEqual([[0]])
})

test('two networks in one turn do not get one port', async () => {
  await port(MAC)
  const attach = (vif: string) => bench.command('vif.attach', { node, vif })
  expect(codes(await Promise.all([attach('v'), attach('w')]))).toEqual(['ok', 'request.invalid'])
  expect(await bench.sql.all('SELECT internal_info FROM ports')).toEqual([['{"tenant_vif_port_id":"v"}']])
})

test('a portgroup that gets a port in the same turn is not deleted', async () => {
  const group = made(await bench.command('row.create', { table: 'portgroup', row: { node } }))
  const answers = await Promise.all([
    port(MAC, { portgroup: group }),
    bench.command('row.delete', { table: 'portgroup', uuid: group }),
  ])
  expect(codes(answers)).toEqual(['ok', 'request.invalid'])
})

test('a row of another site is not this hub’s', async () => {
  const uuid = made(await port(MAC))
  await bench.sql.batch([{ sql: "UPDATE ports SET site = 'elsewhere'", args: [] }])
  expect(codes([await bench.command('row.delete', { table: 'port', uuid })])).toEqual(['not_found'])
})
