// An instance that its machine boots over the network: planned by what the deploy interface says that it has, granted for as long as it is there.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'
import { driver as anyDriver, steps } from './testdata/one-node.ts'

const [burn, inject] = ['burn', 'inject'].map((step) => ({ interface: 'deploy', of: 'netboot', step, priority: 0 }))
const driver = {
  ...anyDriver,
  steps: { service: [burn!], deploy: [inject!] },
  interfaces: { ...anyDriver.interfaces, deploy: ['fake', 'netboot', 'newer'] },
  deployments: { netboot: { core: ['boot_from_network'] }, newer: { core: ['boot_agent', 'dance'] } },
}
const info = { kernel: 'http://a/k', ramdisk: 'http://a/i', ramdisk_kernel_arguments: 'quiet', image_source: 'x' }
const granted = { kernel: 'http://a/k', ramdisk: 'http://a/i', ramdisk_kernel_arguments: 'quiet' }

let bench: HubBench
let peer: TestPeer
let node: string

beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver])
  node = await bench.newNode({ name: 'n1', automated_clean: false, deploy_interface: 'netboot', instance_info: info })
  await put('available')
})
afterEach(() => bench.close())

const put = (state: string) =>
  bench.sql.batch([{ sql: 'UPDATE nodes SET provision_state = ? WHERE uuid = ?', args: [state, node] }])
const verb = (name: string, args = {}) => bench.command('node.provision', { node, verb: name as 'active', args })
const deployed = async () => {
  expect(await verb('active')).toMatchObject({ ok: true })
  return bench.work(peer)
}

const START = ['boot.prepare_instance', 'management.set_boot_device', 'power.power_on']

test('a deployment has the core step that the interface has, and boots no agent', async () => {
  expect(await deployed()).toEqual(['power.power_off', ...START])
  expect(peer.last('task').steps[2]).toMatchObject({ args: { boot_device: 'pxe', persistent: true } })
  expect((await bench.node(node)).provision_state).toBe('active')
})

test('what it boots is granted before its deployment begins, and until its tear-down does', async () => {
  const seen = () => peer.grant(node)!.instanceBoot
  expect(seen()).toBeUndefined()
  await verb('active')
  expect(seen()).toEqual(granted)
  const sent = peer.frames.findLastIndex(({ type }) => type === 'grants')
  expect(sent).toBeLessThan(peer.frames.findLastIndex(({ type }) => type === 'task'))
  await bench.work(peer)
  expect(seen()).toEqual(granted)
  await bench.disconnect(peer)
  const next = await bench.connect('a', [driver], null, 'run-2')
  expect(next.grant(node)!.instanceBoot, 'a conductor that restarts is told').toEqual(granted)
  await bench.command('node.provision', { node, verb: 'deleted', args: {} })
  expect(next.grant(node)!.instanceBoot).toBeUndefined()
  expect(await bench.work(next)).toEqual([
    ...['power.power_off', 'boot.clean_up_instance', 'management.set_boot_device'],
  ])
  expect(next.last('task').steps[2]).toMatchObject({ args: { boot_device: 'disk' } })
})

test('a deployment that failed is not booted, and leaves nothing behind', async () => {
  await verb('active')
  await bench.work(peer, { failAt: 'power.power_on' })
  expect((await bench.node(node)).provision_state).toBe('deploy failed')
  expect(peer.grant(node)!.instanceBoot).toBeUndefined()
  expect(await bench.work(peer)).toEqual([
    ...['power.power_off', 'boot.clean_up_instance', 'boot.clean_up_ramdisk', 'management.set_boot_device'],
  ])
})

test('after rescue and service the machine boots its instance over the network again', async () => {
  await deployed()
  await put('rescue')
  await verb('unrescue')
  expect(await bench.work(peer)).toEqual(['power.power_off', 'rescue.unrescue', 'boot.clean_up_ramdisk', ...START])
  await verb('service', { steps: steps('deploy.burn') })
  expect((await bench.work(peer)).slice(-4)).toEqual(['boot.clean_up_ramdisk', ...START])
  await verb('service', { steps: steps('deploy.burn') })
  await bench.work(peer, { failAt: 'deploy.burn' })
  expect((await bench.work(peer)).slice(-2)).toEqual(['boot.prepare_instance', 'management.set_boot_device'])
  expect(peer.last('task').steps.at(-1)).toMatchObject({ args: { boot_device: 'pxe' } })
})

const set = async (value: object) =>
  expect(
    await bench.command('node.patch', { node, patch: [{ op: 'add', path: '/instance_info', value }] }),
  ).toMatchObject({ ok: true })
const told = () => peer.last('task').context['instance_info']

test('while the next instance is prepared the machine boots the one that it has', async () => {
  await deployed()
  await set({ image_source: 'http://a/x', kernel: 'http://b/k' })
  expect(peer.grant(node)!.instanceBoot).toEqual(granted)
  await put('rescue')
  await verb('unrescue')
  expect(told()).toEqual({ image_source: 'http://a/x', ...granted })
  await bench.work(peer)
  await verb('rebuild')
  expect(peer.grant(node)!.instanceBoot, 'and then the next').toEqual({ kernel: 'http://b/k' })
  expect(told()).toEqual({ image_source: 'http://a/x', kernel: 'http://b/k' })
})

test('an instance that asked for its deploy interface has it until its tear-down, which sets the machine to its disk', async () => {
  await bench.command('node.patch', { node, patch: [{ op: 'add', path: '/deploy_interface', value: 'fake' }] })
  await set({ boot_iso: 'http://a/x.iso', deploy_interface: 'netboot' })
  await deployed()
  await set({})
  expect(peer.grant(node)).toMatchObject({
    interfaces: { deploy: 'netboot' },
    instanceBoot: { boot_iso: 'http://a/x.iso' },
  })
  await verb('deleted')
  expect(told(), 'what is to be taken out of the drive').toEqual({ boot_iso: 'http://a/x.iso' })
  expect((await bench.work(peer)).at(-1)).toBe('management.set_boot_device')
  expect(peer.grant(node)!.interfaces).toMatchObject({ deploy: 'fake' })
})

test('an adopted instance is booted as it was when it was adopted', async () => {
  await put('manageable')
  await verb('adopt')
  await bench.work(peer)
  await set({})
  expect(peer.grant(node)!.instanceBoot).toEqual(granted)
})

test('the undoing of a rescue knows what the machine is to boot', async () => {
  await deployed()
  await set({})
  await verb('rescue', { rescuePassword: 'sealed' })
  await bench.work(peer, { failAt: 'rescue.rescue' })
  expect(peer.last('task')).toMatchObject({ kind: 'undo', context: { instance_info: granted } })
})

test('a step that needs an agent fails the deployment before anything is done', async () => {
  await verb('active', { steps: [{ interface: 'deploy', step: 'inject', priority: 90, args: {} }] })
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploy failed', task: null })
  expect((await bench.node(node)).last_error).toMatch(/deploy.inject.*no agent/)
})

test('core steps of a newer conductor, which nothing is known of, are no plan', async () => {
  const patch = [{ op: 'add' as const, path: '/deploy_interface', value: 'newer' }]
  expect(await bench.command('node.patch', { node, patch })).toMatchObject({ ok: true })
  expect(await verb('active')).toMatchObject({
    ok: false,
    fault: { code: 'driver.unsupported', message: expect.stringContaining('needs dance') as string },
  })
})
