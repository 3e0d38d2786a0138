// What power readings from a site do to nodes: Ironic's rules (docs/adr/0012), and nothing at all where nothing changed.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Sql } from '../ports.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
let peer: TestPeer
beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a')
})
afterEach(() => bench.close())

const UNREACHABLE = {
  code: 'bmc.unreachable',
  message: '10.0.0.9 does not answer',
  hint: 'check ipmi_address',
} as const
const COLUMNS = ['power_state', 'target_power_state', 'maintenance', 'maintenance_reason', 'fault', 'last_error', 'version', 'driver_internal_info'] // prettier-ignore

async function power(uuid: string): Promise<Record<string, unknown>> {
  const [row] = await bench.sql.all(`SELECT ${COLUMNS.join(', ')} FROM nodes WHERE uuid = ?`, [uuid])
  return Object.fromEntries(COLUMNS.map((name, i) => [name, row?.[i]]))
}

/** In `manageable`, with power on. */
async function managed(driver_info: Record<string, unknown> = {}): Promise<string> {
  const node = await bench.newNode({ driver_info })
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  await bench.work(peer)
  await reads(node, 'power on')
  return node
}
const says = (nodes: Record<string, Record<string, unknown>>) => bench.say(peer, { type: 'facts', nodes })
const reads = (node: string, state: string) => says({ [node]: { power_state: state, power_fault: null } })
const fails = (node: string) => says({ [node]: { power_fault: UNREACHABLE } })
const events = async (node: string, type: string) =>
  (await bench.sql.all('SELECT body FROM events WHERE node = ? AND type = ? ORDER BY id', [node, type])).map(
    ([body]) => JSON.parse(String(body)) as Record<string, unknown>,
  )

test('the first reading is stored; the same again writes nothing; a changed one is taken and told', async () => {
  const node = await managed()
  expect(await power(node)).toMatchObject({ power_state: 'power on' })
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({ power_state: 'power off', maintenance: 0 })
  expect(await events(node, 'node.power_state')).toEqual([
    { from: null, to: 'power on', corrected: false },
    { from: 'power on', to: 'power off', corrected: true },
  ])
})

test('readings of a thousand unchanged nodes are one read and no write', async () => {
  const node = await managed()
  const nodes = [node]
  for (let i = 0; i < 30; i++) nodes.push(await managed())
  const { version } = await power(node)
  const counts = { reads: 0, batches: 0 }
  const { sql } = bench
  const counting: Sql = {
    all: (text, args) => (counts.reads++, sql.all(text, args)),
    batch: (statements) => (counts.batches++, sql.batch(statements)),
  }
  bench.hub = bench.anotherHub(counting)
  await reads(node, 'power on') // loads the new hub
  Object.assign(counts, { reads: 0, batches: 0 })
  await says(Object.fromEntries(nodes.map((uuid) => [uuid, { power_state: 'power on', power_fault: null }])))
  expect(counts).toEqual({ reads: 1, batches: 0 })
  expect(await power(node)).toMatchObject({ version })
  await says({ [node]: { power_state: 'power off' } })
  expect(counts.batches, 'the counting counts').toBe(1)
})

test('a BMC that does not answer puts the node into maintenance, once, with the fault and its next action', async () => {
  const node = await managed()
  expect(peer.grant(node)).toMatchObject({ powerSync: true })
  await fails(node)
  const given = await power(node)
  expect(given).toMatchObject({ power_state: null, maintenance: 1, fault: 'power failure' })
  expect(given.maintenance_reason).toBe(
    `During sync_power_state, max retries exceeded for node ${node}, node state None does not match expected state 'power on'. ` +
      `Updating DB state to 'None' Switching node to maintenance mode. Error: 10.0.0.9 does not answer. Next: check ipmi_address`,
  )
  expect(given.last_error).toBe(given.maintenance_reason)
  expect(peer.grant(node), 'is still looked at').toMatchObject({ powerSync: true, powerFault: true })
  await fails(node)
  expect(await power(node)).toEqual(given)
  expect(await events(node, 'node.maintenance')).toMatchObject([{ on: true, fault: 'power failure' }])
})

test('a BMC that answers again ends the maintenance, with the power as it is now', async () => {
  const node = await managed()
  await fails(node)
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({
    power_state: 'power off',
    maintenance: 0,
    maintenance_reason: null,
    fault: null,
    last_error: null,
  })
  expect(peer.grant(node)).toMatchObject({ powerSync: true })
  expect(peer.grant(node)!.powerFault).toBeUndefined()
  expect((await events(node, 'node.maintenance')).at(-1)).toMatchObject({ on: false, to: 'power off' })
})

test('a person’s maintenance is nobody’s to end, and its node is not looked at', async () => {
  const node = await managed()
  await bench.command('node.maintenance', { node, on: true, reason: 'new disk' })
  expect(peer.grant(node)).toMatchObject({ powerSync: false })
  const before = await power(node)
  await reads(node, 'power off')
  await fails(node)
  expect(await power(node)).toEqual(before)
})

test('a node that nobody manages is not looked at, and its credentials are not tried', async () => {
  const node = await bench.newNode()
  expect(peer.grant(node)).toMatchObject({ powerSync: false })
  await fails(node)
  expect(await power(node)).toMatchObject({ maintenance: 0 })
  await bench.command('node.provision', { node, verb: 'manage', args: {} })
  expect(peer.grant(node)).toMatchObject({ powerSync: false })
  await bench.work(peer)
  expect(peer.grant(node)).toMatchObject({ powerSync: true })
})

test('while a task works on a node its readings do not count', async () => {
  const node = await managed()
  await bench.command('node.power', { node, target: 'power off' })
  await reads(node, 'power off')
  await fails(node)
  expect(await power(node)).toMatchObject({ power_state: 'power on', target_power_state: 'power off', maintenance: 0 })
})

const FORCED = { force_power_state_during_sync: true }

test('where the owner asked for it, power is put back by a task of its own', async () => {
  const node = await managed(FORCED)
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({ power_state: 'power on', target_power_state: 'power on' })
  expect(peer.last('task')).toMatchObject({ node, kind: 'power', steps: [{ interface: 'power', step: 'power_on' }] })
  expect(await bench.work(peer)).toEqual(['power.power_on'])
  expect(await power(node)).toMatchObject({ power_state: 'power on', target_power_state: null })
  expect(await events(node, 'node.power_forced')).toEqual([{ from: 'power off', to: 'power on', times: 1 }])
})

test('disable_power_off in driver_info keeps power from being put back', async () => {
  const node = await managed({ ...FORCED, disable_power_off: true })
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({ power_state: 'power off', target_power_state: null })
})

test('a machine that does not stay as it was put is given up the fourth time, and counting starts anew after a while', async () => {
  const node = await managed(FORCED)
  for (let i = 0; i < 3; i++) {
    await reads(node, 'power off')
    await bench.work(peer)
    bench.now += 3000
    await bench.say(peer, { type: 'renew', rid: i })
  }
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({ power_state: 'power off', maintenance: 1, fault: 'power failure' })
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({ maintenance: 0, driver_internal_info: '{}' })
})

test('a power request of a person resets the count', async () => {
  const node = await managed(FORCED)
  for (let i = 0; i < 3; i++) {
    await reads(node, 'power off')
    await bench.work(peer)
  }
  await bench.command('node.power', { node, target: 'power on' })
  await bench.work(peer)
  await reads(node, 'power off')
  expect(await power(node)).toMatchObject({ maintenance: 0, target_power_state: 'power on' })
  expect((await events(node, 'node.power_forced')).at(-1)).toMatchObject({ times: 1 })
})

test('what was read before somebody else had the node counts no more', async () => {
  const node = await managed()
  const { epoch } = peer.grant(node)!
  const read = (power_state: string, at: number) =>
    bench.say(peer, { type: 'facts', nodes: { [node]: { power_state } }, epochs: { [node]: at } })
  await read('power off', epoch - 1)
  expect(await power(node)).toMatchObject({ power_state: 'power on' })
  await read('power off', epoch)
  expect(await power(node)).toMatchObject({ power_state: 'power off' })
})

test('the health that a BMC tells is the node’s, and another word for it is none', async () => {
  const node = await managed()
  const tells = async (health: unknown) => {
    await says({ [node]: { health } })
    return (await bench.sql.all('SELECT health FROM nodes WHERE uuid = ?', [node]))[0]![0]
  }
  expect(await tells('Warning')).toBe('Warning')
  expect(await tells({ status: 'fine' })).toBe('Warning')
  expect(await tells('on fire')).toBe('Warning')
  expect(await tells('OK')).toBe('OK')
  expect(await tells(null)).toBe(null)
})
