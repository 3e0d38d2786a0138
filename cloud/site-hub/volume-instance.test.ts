// An instance that its machine boots from a volume: what is granted, how deployments are planned with a storage interface, and how its power is switched.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'
import { driver as anyDriver } from './testdata/one-node.ts'

const driver = {
  ...anyDriver,
  interfaces: {
    ...anyDriver.interfaces,
    deploy: ['direct', 'netboot', 'by-others'],
    storage: ['noop', 'boots', 'attaches'],
  },
  deployments: {
    direct: { core: ['boot_agent', 'write_image', 'prepare_instance_boot', 'tear_down_agent', 'boot_instance'] },
    netboot: { core: ['boot_from_network'] },
    'by-others': { core: [] },
  },
  steps: { deploy: [{ interface: 'bios', of: 'fake', step: 'reset', priority: 0, requires_ramdisk: false }] },
  storages: { boots: { boots: true, attaches: false }, attaches: { boots: true, attaches: true } },
}

let bench: HubBench
let peer: TestPeer
let node: string
let volume: string

beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver])
})
afterEach(() => bench.close())

const make = async (table: 'volume_target' | 'volume_connector', row: object): Promise<string> => {
  const result = await bench.command('row.create', { table, row: { node, ...row } })
  if (!result.ok) throw new Error(JSON.stringify(result.fault))
  return (result.value as { uuid: string }).uuid
}
const target = (boot_index: number, properties = {}) =>
  make('volume_target', { volume_type: 'iscsi', volume_id: `v-${boot_index}`, boot_index, properties })
/** Available, with a volume to boot from. */
async function prepared(storage_interface: string, more = {}): Promise<void> {
  node = await bench.newNode({ name: 'n1', automated_clean: false, storage_interface, ...more })
  volume = await target(0, { target_iqn: 'iqn.x', auth_password: 'pw' })
  await put('available')
}
const put = (state: string) =>
  bench.sql.batch([{ sql: 'UPDATE nodes SET provision_state = ? WHERE uuid = ?', args: [state, node] }])
const verb = (name: string, args = {}) => bench.command('node.provision', { node, verb: name as 'active', args })
const deployed = async (name = 'active') => {
  expect(await verb(name)).toMatchObject({ ok: true })
  return bench.work(peer)
}
const power = async (to: 'power on' | 'power off' | 'rebooting') => {
  expect(await bench.command('node.power', { node, target: to })).toMatchObject({ ok: true })
  return bench.work(peer)
}

const START = ['boot.prepare_instance', 'management.set_boot_device', 'power.power_on']

test('the volumes of a node are part of its grant, with their secrets sealed', async () => {
  await prepared('boots')
  expect(peer.grant(node)!.volumes).toEqual({
    targets: [
      {
        ...{ uuid: volume, type: 'iscsi', volumeId: 'v-0', bootIndex: 0 },
        properties: { target_iqn: 'iqn.x', auth_password: expect.stringMatching(/^sealed/) as string },
      },
    ],
    connectors: [],
  })
  const connector = await make('volume_connector', { type: 'iqn', connector_id: 'iqn.me' })
  expect(peer.grant(node)!.volumes!.connectors).toEqual([{ uuid: connector, type: 'iqn', id: 'iqn.me' }])
  for (const [table, uuid] of [
    ['volume_connector', connector],
    ['volume_target', volume],
  ] as const)
    expect(await bench.command('row.delete', { table, uuid })).toMatchObject({ ok: true })
  expect(peer.grant(node)!.volumes).toBeUndefined()
})

test('volumes with which a node would not fit into a message are refused', async () => {
  await prepared('boots')
  const result = await bench.command('row.create', {
    table: 'volume_target',
    row: { node, volume_type: 'iscsi', volume_id: 'v', boot_index: 1, properties: { text: 'x'.repeat(70_000) } },
  })
  expect(result).toMatchObject({ ok: false, fault: { code: 'request.too_large' } })
})

test('an instance without an image is booted from the volume with boot_index 0: no agent, no image', async () => {
  await prepared('boots')
  expect(await deployed()).toEqual(['power.power_off', ...START])
  expect(peer.last('task').context['instance_info']).toEqual({ boot_from_volume: volume })
  expect(peer.grant(node)!.instanceBoot).toEqual({ boot_from_volume: volume })
  await verb('deleted')
  expect(peer.grant(node)!.instanceBoot).toBeUndefined()
  expect(await bench.work(peer)).toEqual([
    ...['power.power_off', 'boot.clean_up_instance', 'management.set_boot_device'],
  ])
})

test('with an image, without a volume to boot, or with a storage interface that boots none, the image is written', async () => {
  for (const [how, fields] of [
    ['image', { storage_interface: 'boots', instance_info: { image_source: 'x' } }],
    ['noop', { storage_interface: 'noop' }],
    ['second', { storage_interface: 'boots' }],
  ] as const) {
    node = await bench.newNode({ name: how, automated_clean: false, ...fields })
    await target(how === 'second' ? 1 : 0)
    await put('available')
    expect(await deployed(), how).toContain('deploy.write_image')
    expect(peer.grant(node)!.instanceBoot, how).toBeUndefined()
  }
})

test('an instance that is a kernel and a ramdisk is that, whatever volumes the node has', async () => {
  const instance_info = { kernel: 'http://a/k', ramdisk: 'http://a/i' }
  await prepared('boots', { deploy_interface: 'netboot', instance_info })
  await deployed()
  expect(peer.grant(node)!.instanceBoot).toEqual(instance_info)
})

test('nobody but the deployment says which volume is booted', async () => {
  await prepared('noop', { instance_info: { boot_from_volume: 'mine' } })
  await deployed()
  expect(peer.last('task').context['instance_info']).toEqual({})
})

test('volumes are attached before the instance is booted, and detached when it has gone', async () => {
  await prepared('attaches')
  expect(await deployed()).toEqual(['power.power_off', 'storage.attach_volumes', ...START])
  await verb('deleted')
  expect(await bench.work(peer)).toEqual([
    ...['power.power_off', 'boot.clean_up_instance', 'storage.detach_volumes', 'management.set_boot_device'],
  ])
})

test('an instance on a disk has its volumes when its agent is there, before anything is written', async () => {
  await prepared('attaches', { instance_info: { image_source: 'x' } })
  const steps = await deployed()
  expect(steps.slice(4, 7)).toEqual(['deploy.wait_agent', 'storage.attach_volumes', 'deploy.write_image'])
  await verb('deleted')
  expect((await bench.work(peer)).slice(0, 3)).toEqual([
    ...['power.power_off', 'boot.clean_up_instance', 'storage.detach_volumes'],
  ])
})

test('a node without volumes has none attached', async () => {
  node = await bench.newNode({ name: 'n1', automated_clean: false, storage_interface: 'attaches' })
  await put('available')
  expect(await deployed()).not.toContain('storage.attach_volumes')
})

test('where others deploy, a deployment attaches none, also with steps that it is asked for; its power does, and its end lets go of them', async () => {
  await prepared('attaches', { deploy_interface: 'by-others' })
  expect(await verb('active', { steps: [{ interface: 'bios', step: 'reset', priority: 40 }] })) // prettier-ignore
    .toMatchObject({ ok: true })
  expect(await bench.work(peer)).toEqual(['bios.reset'])
  expect((await bench.node(node)).provision_state).toBe('active')
  expect(await power('power on')).toEqual(['storage.attach_volumes', 'power.power_on'])
  await verb('deleted')
  expect(await bench.work(peer)).toEqual(['storage.detach_volumes'])
  expect((await bench.node(node)).provision_state).toBe('available')
})

test('the power of an instance takes its volumes along; a failure to let go of them is none', async () => {
  await prepared('attaches')
  await deployed()
  expect(await power('rebooting')).toEqual(['power.power_off', 'storage.attach_volumes', 'power.power_on'])
  expect(await power('power off')).toEqual(['power.power_off', 'storage.detach_volumes'])
  expect(peer.last('task').steps.at(-1)!.args).toEqual({ required: false })
  expect(await power('power on')).toEqual(['storage.attach_volumes', 'power.power_on'])
  await verb('deleted')
  await bench.work(peer)
  expect(await power('power on'), 'there is no instance').toEqual(['power.power_on'])
})

test('after rescue the machine boots its volume again, and a rebuild does so anew', async () => {
  await prepared('attaches')
  await deployed()
  await put('rescue')
  await verb('unrescue')
  expect(await bench.work(peer)).toEqual(['power.power_off', 'rescue.unrescue', 'boot.clean_up_ramdisk', ...START])
  expect(await deployed('rebuild')).toEqual(['power.power_off', 'storage.attach_volumes', ...START])
})

test('an adopted instance without an image is booted from its volume', async () => {
  await prepared('boots')
  await put('manageable')
  await verb('adopt')
  await bench.work(peer)
  expect(peer.grant(node)!.instanceBoot).toEqual({ boot_from_volume: volume })
})

test('what a storage system has told becomes the properties of the target, with its secrets sealed, and the grant has it', async () => {
  await prepared('attaches', { instance_uuid: '11111111-1111-4111-8111-111111111111' })
  await verb('active')
  await bench.work(peer, { stopAt: 'storage.attach_volumes' })
  const { id, epoch, context } = peer.last('task')
  expect(context['instance_uuid']).toBe('11111111-1111-4111-8111-111111111111')
  const properties = { target_iqn: 'iqn.new', target_lun: 3, auth_password: 'sealed:1:abc' }
  const facts = { volume_targets: { [volume]: properties, 'of-another': { target_iqn: 'iqn.y' } } }
  const [before] = await bench.sql.all('SELECT last_event FROM tasks WHERE id = ?', [id])
  const n = Number(before![0]) + 1
  const event = { n, at: bench.now, step: 1, kind: 'finished' as const, facts }
  await bench.say(peer, { type: 'event', id, epoch, events: [event] })
  const { volumes, specVersion } = peer.grant(node)!
  expect(volumes!.targets[0]!.properties).toEqual(properties)
  const [row] = await bench.sql.all('SELECT properties, secrets FROM volume_targets WHERE uuid = ?', [volume])
  expect(row!.map((text) => JSON.parse(String(text)) as unknown)).toEqual([
    { target_iqn: 'iqn.new', target_lun: 3, auth_password: '******' },
    { [`volume_targets.${volume}.auth_password`]: 'sealed:1:abc' },
  ])
  await bench.say(peer, { type: 'event', id, epoch, events: [{ ...event, n: n + 1 }] })
  expect(peer.grant(node)!.specVersion, 'what is no news is not sent again').toBe(specVersion)
  const changed = () => bench.sql.all('SELECT updated_at FROM volume_targets WHERE uuid = ?', [volume])
  const told = await changed()
  const news = { volume_targets: { [volume]: { target_iqn: 'iqn.newer' } } }
  await bench.say(peer, { type: 'event', id, epoch, events: [{ ...event, n: n + 2, facts: news }] })
  expect(peer.grant(node)!.volumes!.targets[0]!.properties).toEqual({ target_iqn: 'iqn.newer' })
  expect(await changed(), 'another change in the same millisecond').not.toEqual(told)
})
