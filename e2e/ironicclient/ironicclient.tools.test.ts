// Debian's own python-ironicclient as a library, every method of its managers, against a site of fake hardware: what the openstack client, which is
// built on it, does not reach as well. Judged is what it returns or raises, what the node says, and what was done to the machine.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { follow } from '../fake-node.ts'
import { type Obedient, startObedient } from '../obedient.ts'
import { startStory, type Story } from '../story.ts'

/** Methods that are not called by these names. */
const NOT_CALLED = {
  'driver.delete': 'sends DELETE for vendor_passthru; no driver here has such a method',
  'driver.update': 'sends POST for vendor_passthru, which is called',
}
const MAC = '52:54:00:00:09:01'
const set = (path: string, value: unknown) => [{ op: 'replace', path, value }]

test('every method of its managers', { timeout: 300_000 }, async (context) => {
  await using story = await startStory(context, {
    machines: 0,
    conductorConfig: { boot: false, drivers: ['fake-hardware'] },
  })
  const { url, token } = story.cloud
  const client = { endpoint: url, token, os_ironic_api_version: '1.78', max_retries: 40, retry_interval: 1 }
  await using ironic = startObedient(join(import.meta.dirname, 'drive-ironicclient.py'), client, story.folder)
  const call = (manager: string, method: string, args: unknown[] = [], more: object = {}) =>
    ironic.order(manager, method, args, more)

  const chassis = await call('chassis', 'create', [], { description: 'rack 7' })
  const made = { driver: 'fake-hardware', name: 'n1', resource_class: 'gold', chassis_uuid: chassis.uuid }
  const { uuid } = await call('node', 'create', [], made)
  expect(await call('chassis', 'list_nodes', [chassis.uuid])).toMatchObject([{ uuid }])
  await resources(story, call, uuid)
  await machine(story, call, uuid)
  await ended(story, ironic, call, uuid)

  await call('node', 'delete', ['n1'])
  await changed(call, 'chassis', chassis.uuid, '/description', 'rack 8')
  expect(await ironic.order('left out', '', [], {})).toEqual(Object.keys(NOT_CALLED))
})

type Call = (manager: string, method: string, args?: unknown[], more?: object) => ReturnType<Obedient['order']>

/** Found, listed, changed and deleted. */
async function changed(call: Call, manager: string, id: string, path: string, value: unknown): Promise<void> {
  const field = path.slice(1)
  expect(await call(manager, 'update', [id, set(path, value)])).toMatchObject({ [field]: value })
  expect(await call(manager, 'get', [id])).toMatchObject({ [field]: value })
  expect(await call(manager, 'list', [], { fields: ['uuid', field] })).toContainEqual(expect.objectContaining({ uuid: id, [field]: value })) // prettier-ignore
  await call(manager, 'delete', [id])
  expect(await call(manager, 'list')).not.toContainEqual(expect.objectContaining({ uuid: id }))
}

async function resources({ api, until }: Story, call: Call, node_uuid: string): Promise<void> {
  const group = await call('portgroup', 'create', [], { node_uuid, name: 'bond', address: '52:54:00:00:09:02' })
  const port = await call('port', 'create', [], { node_uuid, address: MAC, portgroup_uuid: group.uuid })
  expect(await call('port', 'get_by_address', [MAC])).toMatchObject({ uuid: port.uuid })
  expect(await call('portgroup', 'get_by_address', ['52:54:00:00:09:02'])).toMatchObject({ uuid: group.uuid })
  expect(await call('portgroup', 'list_ports', ['bond'])).toMatchObject([{ uuid: port.uuid }])
  expect(await call('node', 'list_ports', ['n1'], { detail: true })).toMatchObject([{ address: MAC }])
  const connector = await call('volume_connector', 'create', [], { node_uuid, type: 'iqn', connector_id: 'iqn.2026-01.test:a' }) // prettier-ignore
  const target = await call('volume_target', 'create', [], { node_uuid, volume_type: 'iscsi', boot_index: 0, volume_id: 'v' }) // prettier-ignore
  expect(await call('node', 'list_volume_connectors', ['n1'])).toMatchObject([{ uuid: connector.uuid }])
  expect(await call('node', 'list_volume_targets', ['n1'])).toMatchObject([{ uuid: target.uuid }])
  const steps = [{ interface: 'bios', step: 'factory_reset', args: {}, priority: 10 }]
  const template = await call('deploy_template', 'create', [], { name: 'CUSTOM_T', steps })

  await call('node', 'set_power_state', ['n1', 'off'], { timeout: 30 })
  // Volumes change while it is off.
  await until('power off', async () => (await api.node(node_uuid)).power_state === 'power off')
  await changed(call, 'port', port.uuid, '/address', '52:54:00:00:09:03')
  await changed(call, 'portgroup', group.uuid, '/name', 'team')
  await changed(call, 'volume_connector', connector.uuid, '/connector_id', 'iqn.2026-01.test:b')
  await changed(call, 'volume_target', target.uuid, '/volume_id', 'w')
  await changed(call, 'deploy_template', template.uuid, '/name', 'CUSTOM_U')

  const event = { event: 'network.bind_port', port_id: crypto.randomUUID(), mac_address: MAC, status: 'ACTIVE' }
  await call('events', 'create', [], { events: [event] })
  const [{ hostname }] = await call('conductor', 'list')
  expect(await call('conductor', 'get', [hostname])).toMatchObject({ alive: true, drivers: ['fake-hardware'] })
  expect(await call('driver', 'list', [], { detail: true })).toMatchObject([{ name: 'fake-hardware' }])
  expect(await call('driver', 'get', ['fake-hardware'])).toMatchObject({ hosts: [hostname] })
  expect(Object.keys(await call('driver', 'properties', ['fake-hardware']))).toContain('fake_delay_ms')
  expect(Object.keys(await call('driver', 'raid_logical_disk_properties', ['fake-hardware']))).toContain('raid_level')
  expect(await call('driver', 'get_vendor_passthru_methods', ['fake-hardware'])).toEqual({})
}

async function machine({ api, until }: Story, call: Call, uuid: string): Promise<void> {
  const { did, machine: fake } = follow(api, uuid)
  const n1 = (method: string, ...args: unknown[]) => call('node', method, ['n1', ...args])
  const settled = () => until('a settled node', async () => (await api.node(uuid)).reservation === null)
  await n1('set_provision_state', 'manage')
  await call('node', 'wait_for_provision_state', ['n1', 'manageable'], { timeout: 30, poll_interval: 0.1 })
  did()

  await n1('set_boot_device', 'cdrom', true)
  expect(await n1('get_boot_device')).toEqual({ boot_device: 'cdrom', persistent: true })
  expect((await n1('get_supported_boot_devices')).supported_boot_devices).toContain('cdrom')
  await n1('set_boot_mode', 'bios')
  await settled()
  await n1('set_secure_boot', 'on')
  await settled()
  await n1('inject_nmi')
  await n1('set_console_mode', true)
  await settled()
  expect(await n1('get_console')).toMatchObject({ console_enabled: true, console_info: { type: 'fake' } })
  expect(Object.keys(await n1('get_vendor_passthru_methods'))).toContain('second_method')
  await n1('vendor_passthru', 'second_method', { bar: 'kazoo' })
  await settled()
  await n1('set_power_state', 'reboot')
  await settled()
  const lines = ['boot device cdrom', 'boot mode bios', 'secure boot on', 'nmi', 'console on', 'vendor second_method']
  expect(did()).toEqual([...lines, 'power on'])
  expect(await n1('states')).toMatchObject({ power_state: 'power on', console_enabled: true, target_power_state: null })

  const logical_disks = [{ size_gb: 'MAX', raid_level: '1' }]
  await n1('set_target_raid_config', { logical_disks })
  await n1('set_provision_state', 'clean', null, [{ interface: 'raid', step: 'create_configuration' }])
  await call('node', 'wait_for_provision_state', ['n1', 'manageable'], { timeout: 30, poll_interval: 0.1 })
  expect(fake.raid).toEqual(logical_disks)
  expect((await n1('list_bios_settings')).map(({ name }: { name: string }) => name)).toContain('BootMode')
  expect(await n1('get_bios_setting', 'BootMode')).toMatchObject({ name: 'BootMode', value: 'Uefi' })

  await n1('set_maintenance', 'on', 'broken fan')
  expect(await api.node(uuid)).toMatchObject({ maintenance: true, maintenance_reason: 'broken fan' })
  await n1('set_maintenance', false)
  await n1('set_traits', ['CUSTOM_A'])
  await n1('add_trait', 'CUSTOM_B')
  await n1('remove_trait', 'CUSTOM_A')
  expect(await n1('get_traits')).toEqual(['CUSTOM_B'])
  await n1('remove_all_traits')
  expect(await n1('get_traits')).toEqual([])
  const vif = crypto.randomUUID()
  await call('port', 'create', [], { node_uuid: uuid, address: MAC })
  await n1('vif_attach', vif)
  expect(await n1('vif_list')).toMatchObject([{ id: vif }])
  await n1('vif_detach', vif)
  expect(await n1('validate')).toMatchObject({ deploy: { result: true }, power: { result: true } })
}

/** Allocation, a deployment that fails, its history, and what is refused. */
async function ended({ api, reach, fail }: Story, ironic: Obedient, call: Call, uuid: string): Promise<void> {
  await api.provision(uuid, 'provide')
  await reach('available', uuid)
  const found = { resource_class: 'gold', provision_state: 'available', maintenance: false, associated: false }
  expect(await call('node', 'list', [], found)).toMatchObject([{ name: 'n1' }])
  await call('allocation', 'create', [], { resource_class: 'gold', name: 'one' })
  const allocation = await call('allocation', 'wait', ['one'], { timeout: 30, poll_interval: 0.1 })
  expect(allocation).toMatchObject({ state: 'active', node_uuid: uuid })
  expect(await call('node', 'get_by_instance_uuid', [allocation.uuid])).toMatchObject({ uuid })
  await changed(call, 'allocation', allocation.uuid, '/name', 'two')

  const fault = { 'deploy.write_image': 'disk.io' }
  await call('node', 'update', ['n1', set('/driver_info/fake_fail', fault).map((each) => ({ ...each, op: 'add' }))])
  await call('node', 'set_provision_state', ['n1', 'active'], { configdrive: { meta_data: { name: 'one' } } })
  await fail('deploy failed', uuid)
  const waited = ['node', 'wait_for_provision_state', ['n1', 'active'], {}]
  expect(await ironic.raises(...waited)).toMatchObject({ raised: 'StateTransitionFailed', said: expect.stringContaining('write_image') }) // prettier-ignore
  const newest = (await call('node', 'get_history_list', ['n1'], { detail: true })).at(-1)
  expect(newest).toMatchObject({ severity: 'ERROR', event: expect.stringContaining('write_image') })
  expect(await call('node', 'get_history_event', ['n1', newest.uuid])).toMatchObject({ event: newest.event })

  const refused = async (raised: string, ...order: unknown[]) =>
    expect(await ironic.raises(...order, {})).toMatchObject({ raised })
  await refused('NotFound', 'node', 'get', ['absent'])
  await refused('BadRequest', 'node', 'set_provision_state', ['n1', 'provide'])
  await refused('BadRequest', 'driver', 'vendor_passthru', ['fake-hardware', 'nothing'])
  await refused('BadRequest', 'node', 'vendor_passthru', ['n1', 'nothing'])
  await api.provision(uuid, 'deleted')
  await reach('available', uuid)
}
