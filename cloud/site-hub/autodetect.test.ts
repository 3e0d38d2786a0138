// Deploy interfaces that choose, and one that does nothing: what becomes of a node, its grant and its plans.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'
import { driver as anyDriver, steps } from './testdata/one-node.ts'

const driver = {
  ...anyDriver,
  interfaces: { ...anyDriver.interfaces, deploy: ['auto', 'image', 'netboot', 'noop'] },
  steps: { ...anyDriver.steps, clean: [{ interface: 'deploy', of: 'image', step: 'erase', priority: 99 }] },
  deployments: {
    auto: { core: [], chooses: ['absent', 'netboot', 'image'] },
    netboot: {
      core: ['boot_from_network'],
      takes: [{ has: ['kernel', 'netboot_wanted'] }, { has: ['kernel'], lacks: ['image_source'] }],
    },
    noop: { core: [], agent: false },
  },
}
const NETBOOT = { kernel: 'http://a/k', ramdisk: 'http://a/i' }
const IMAGE = { image_source: 'http://a/x', kernel: 'http://a/k' }

let bench: HubBench
let peer: TestPeer
let node: string

beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver])
  node = await bench.newNode({ name: 'n1', automated_clean: false })
  await put('available')
})
afterEach(() => bench.close())

const put = (state: string) =>
  bench.sql.batch([{ sql: 'UPDATE nodes SET provision_state = ? WHERE uuid = ?', args: [state, node] }])
const verb = (name: string, args = {}) => bench.command('node.provision', { node, verb: name as 'active', args })
const set = async (field: string, value: unknown) =>
  expect(await bench.command('node.patch', { node, patch: [{ op: 'add', path: `/${field}`, value }] })).toMatchObject({
    ok: true,
  })
const own = async () => {
  const sql = "SELECT interfaces ->> '$.deploy', driver_internal_info ->> '$.original_deploy_interface' FROM nodes"
  return (await bench.sql.all(sql))[0]
}
const granted = () => peer.grant(node)!.interfaces['deploy']

test.for([
  ['without an instance', {}, 'image'],
  ['an image', IMAGE, 'image'],
  ['a kernel alone', NETBOOT, 'netboot'],
  ['a kernel beside an image, when that is wanted', { ...IMAGE, netboot_wanted: true }, 'netboot'],
  ['a kernel beside an image, when that is not wanted', { ...IMAGE, netboot_wanted: 'false' }, 'image'],
] as const)('%s: what is used is chosen by the instance', async ([, info, chosen]) => {
  await set('instance_info', info)
  expect(await own()).toEqual(['auto', null])
  expect(granted()).toBe(chosen)
})

test('while an instance is there the node has what was chosen for it, and its own when it has gone', async () => {
  await set('instance_info', NETBOOT)
  await verb('active')
  expect(await own()).toEqual(['netboot', 'auto'])
  expect(await bench.work(peer)).toContain('boot.prepare_instance')
  await set('instance_info', IMAGE)
  expect(granted(), 'what is there stays').toBe('netboot')
  await verb('rebuild')
  expect(await own(), 'what comes is chosen anew').toEqual(['image', 'auto'])
  await bench.work(peer)
  expect(await verb('deleted')).toMatchObject({ ok: true })
  await bench.work(peer)
  expect(await own()).toEqual(['auto', null])
  expect((await bench.node(node)).provision_state).toBe('available')
})

test('an adoption that failed leaves the node its own', async () => {
  await set('instance_info', NETBOOT)
  await put('manageable')
  await verb('adopt')
  expect(await own()).toEqual(['netboot', 'auto'])
  await bench.work(peer, { failAt: 'power.verify' })
  expect((await bench.node(node)).provision_state).toBe('adopt failed')
  expect(await own()).toEqual(['auto', null])
  await set('instance_info', IMAGE)
  expect(granted()).toBe('image')
})

test('a cleaning that ends gives the node its own, whatever it was left with', async () => {
  await put('manageable')
  const kept = JSON.stringify({ original_deploy_interface: 'auto', deployed_instance: { interfaces: {}, boot: {} } })
  const sql = "UPDATE nodes SET interfaces = json_set(interfaces, '$.deploy', 'netboot'), driver_internal_info = ?"
  await bench.sql.batch([{ sql, args: [kept] }])
  await verb('provide')
  expect((await bench.node(node)).provision_state).toBe('available')
  expect(await own()).toEqual(['auto', null])
  const [info] = await bench.sql.all('SELECT driver_internal_info FROM nodes')
  expect(info).toEqual(['{}'])
})

test('another that somebody gives the node meanwhile is its own', async () => {
  await set('instance_info', NETBOOT)
  await verb('active')
  await bench.work(peer)
  await bench.command('node.maintenance', { node, on: true, reason: null })
  await set('deploy_interface', 'noop')
  expect(await own()).toEqual(['noop', null])
})

test('cleaning is done as the last of the choices does it', async () => {
  await bench.sql.batch([{ sql: 'UPDATE nodes SET automated_clean = NULL', args: [] }])
  await put('manageable')
  await verb('provide')
  expect(await bench.work(peer)).toContain('deploy.erase')
})

test('one that does nothing leaves the machine alone, when an instance comes and when it goes', async () => {
  await set('deploy_interface', 'noop')
  await bench.sql.batch([{ sql: 'UPDATE nodes SET automated_clean = NULL', args: [] }])
  await verb('active')
  expect((await bench.node(node)).provision_state).toBe('active')
  await verb('deleted')
  expect((await bench.node(node)).provision_state).toBe('available')
  expect(peer.of('task')).toEqual([])
})

test('what takes an agent fails at once where none can be booted', async () => {
  await set('deploy_interface', 'noop')
  await put('active')
  await verb('rescue')
  expect(await bench.node(node)).toMatchObject({ provision_state: 'rescue failed', task: null })
  expect((await bench.node(node)).last_error).toMatch(/takes an agent/)
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  expect(await bench.node(node)).toMatchObject({ provision_state: 'clean failed', task: null })
})
