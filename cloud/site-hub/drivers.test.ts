// Conductors of two versions at one site, during an upgrade, serve a driver of one name: what counts for a node is what its own conductor has.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DriverFacts } from '../../shared/protocol.ts'
import { driverOf } from './drivers.ts'
import type { HubState } from './state.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'
import { driver as older } from './testdata/one-node.ts'

const burn = { interface: 'deploy', of: 'fake', step: 'burn', priority: 10 }
const newer: DriverFacts = {
  ...older,
  interfaces: { ...older.interfaces, deploy: ['fake', 'modern'], network: ['noop', 'wiring'] },
  secrets: [...older.secrets, 'modern_code'],
  wires: ['wiring'],
  steps: { ...older.steps, clean: [{ ...burn, step: 'polish', priority: 20 }, ...older.steps!.clean!] },
}

let bench: HubBench
let peers: Record<Version, TestPeer>
type Version = 'older' | 'newer'
/** By the version of their conductor. */
let nodes: Record<Version, string>
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const DRIVERS = { older: [older], newer: [newer, { ...newer, name: 'other-hardware' }] }
const ORDERS = [
  ['older', 'newer'],
  ['newer', 'older'],
] as const

/** Conductors `a` and `b`, of these versions, with a node each. */
async function start([first, second]: (typeof ORDERS)[number]): Promise<void> {
  const connect = (name: string, version: Version) => bench.connect(name, DRIVERS[version])
  const [one, other] = [await connect('a', first), await connect('b', second)]
  peers = first === 'older' ? { older: one, newer: other } : { older: other, newer: one }
  const made = [await bench.newNode(), await bench.newNode()]
  const found = made.map((node) => [peers.older.grant(node) ? 'older' : 'newer', node])
  nodes = Object.fromEntries(found) as typeof nodes
  expect(Object.keys(nodes)).toHaveLength(2)
}
const put = (node: string, state: string) =>
  bench.sql.batch([{ sql: 'UPDATE nodes SET provision_state = ? WHERE uuid = ?', args: [state, node] }])
const patch = (node: string, path: string, value: unknown) =>
  bench.command('node.patch', { node, patch: [{ op: 'add', path, value }] })
const interfaces = async (node: string) =>
  JSON.parse(String((await bench.sql.all('SELECT interfaces FROM nodes WHERE uuid = ?', [node]))[0]![0])) as object

test.for(ORDERS)('a node has the interfaces and steps that its conductor has (%s, %s)', async (order) => {
  await start(order)
  expect(await patch(nodes.newer, '/deploy_interface', 'modern')).toMatchObject({ ok: true })
  expect(peers.newer.grant(nodes.newer)?.interfaces).toMatchObject({ deploy: 'modern' })
  expect(await patch(nodes.older, '/deploy_interface', 'modern')).toMatchObject({
    fault: { code: 'driver.unsupported' },
  })
  expect(await patch(nodes.newer, '/network_interface', 'wiring')).toMatchObject({ ok: true })
  expect(await bench.command('node.wired', { node: nodes.newer })).toEqual({ ok: true, value: true })
  await patch(nodes.newer, '/deploy_interface', 'fake')
  for (const name of ['older', 'newer'] as const) {
    await put(nodes[name], 'manageable')
    const cleaned = await bench.command('node.provision', { node: nodes[name], verb: 'provide', args: {} })
    expect(cleaned).toMatchObject({ ok: true })
    const steps = peers[name].last('task').steps.map(({ step }) => step)
    expect([name, steps.includes('polish')]).toEqual([name, name === 'newer'])
  }
})

test.for(ORDERS)('a new node has what whoever gets it has (%s, %s)', async (order) => {
  await start(order)
  const make = (fields: object) => bench.command('node.create', { node: { driver: 'fake-hardware', ...fields } })
  expect(await make({ deploy_interface: 'modern' })).toMatchObject({ fault: { code: 'driver.unsupported' } })
  const node = ((await make({})) as { value: { uuid: string } }).value.uuid
  expect(await interfaces(node)).toMatchObject({ deploy: 'fake' })
  expect(await interfaces(node)).not.toHaveProperty('network')
})

test.for(ORDERS)('what one of them calls secret is sealed whoever has the node (%s, %s)', async (order) => {
  await start(order)
  for (const node of [nodes.older, nodes.newer]) {
    await patch(node, '/driver_info', { modern_code: 'hidden' })
    expect((await bench.node(node)).driver_info).toBe('{"modern_code":"******"}')
  }
})

test('a node that comes to an older conductor keeps interfaces that this one does not have, and can be changed', async () => {
  await start(['older', 'newer'])
  await patch(nodes.newer, '/deploy_interface', 'modern')
  await patch(nodes.newer, '/network_interface', 'wiring')
  await bench.say(peers.newer, { type: 'bye' })
  await bench.disconnect(peers.newer)
  expect(peers.older.grant(nodes.newer)).toBeDefined()
  expect(await patch(nodes.newer, '/extra', { a: 1 })).toMatchObject({ ok: true })
  expect(await interfaces(nodes.newer)).toMatchObject({ deploy: 'modern', network: 'wiring' })
})

test('a node changes to a driver that its conductor does not have, and goes to one that does', async () => {
  await start(['older', 'newer'])
  const { epoch } = peers.older.grant(nodes.older)!
  expect(await patch(nodes.older, '/driver', 'other-hardware')).toMatchObject({ ok: true })
  await bench.say(peers.older, { type: 'released', node: nodes.older, epoch })
  expect(peers.newer.grant(nodes.older)?.driver).toBe('other-hardware')
})

test('what conductors have in common is worked out once, not for each node', () => {
  const conductor = (id: string, drivers: DriverFacts[]) => [id, { row: { id, drivers }, leaseUntil: 1 }] as const
  const conductors = new Map([
    conductor('a', [older]),
    conductor('b', [newer]),
    conductor('c', [structuredClone(older)]),
  ])
  const nodes = new Map([['moves', { owner: 'a', target: 'b' }]])
  const state = { conductors, nodes } as unknown as HubState
  for (const uuid of ['moves', 'new']) {
    const found = driverOf(state, { uuid, driver: older.name })
    expect(found?.interfaces['deploy']).toEqual(['fake'])
    expect(driverOf(state, { uuid, driver: older.name })).toBe(found)
  }
  conductors.set(...conductor('c', [{ ...older, interfaces: { power: ['fake'] } }]))
  expect(driverOf(state, { uuid: 'new', driver: older.name })?.interfaces).toEqual({ power: ['fake'] })
})
