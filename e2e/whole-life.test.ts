// One machine of fake hardware through its whole life, with every verb, and everything that a node's machine can be asked. Counted is what the node,
// its timeline and the machine itself say: a verb that only moved a state would not pass.
import { expect, test } from 'vitest'
import { fakeMachine } from '../site-conductor/drivers/fake/machine.ts'
import { ApiError } from '../sim/api.ts'
import { follow } from './fake-node.ts'
import { startStory, type Story } from './story.ts'

const options = { machines: 0, conductorConfig: { boot: false, drivers: ['fake-hardware'] } }

/** A node that the story follows. */
async function enrolled({ api }: Story, name: string, driver_info: Record<string, unknown> = {}) {
  const { uuid } = (await api.call('POST', '/nodes', { name, driver: 'fake-hardware', driver_info })) as {
    uuid: string
  }
  await api.call('POST', '/ports', { node_uuid: uuid, address: '52:54:00:00:00:01' })
  return follow(api, uuid)
}

const status = (wanted: Promise<unknown>) =>
  wanted.then(
    () => 'it was carried out',
    (error: unknown) => (error instanceof ApiError ? error.status : error),
  )

test('a machine is enrolled, inspected, cleaned, deployed, serviced, rescued, rebuilt, undeployed and adopted', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach, until } = story
  const { uuid, machine, did, path } = await enrolled(story, 'whole-life')
  const verb = async (name: string, state: string, more: Record<string, unknown> = {}) => {
    await api.provision(uuid, name, more)
    return reach(state, uuid)
  }

  await verb('manage', 'manageable')
  expect(await path()).toEqual(['verifying', 'manageable'])

  await verb('inspect', 'manageable')
  expect(await path()).toEqual(['inspecting', 'inspect wait', 'inspecting', 'manageable'])
  expect(did()).toEqual(['inspected'])
  expect(await api.call('GET', `/nodes/${uuid}/inventory`)).toMatchObject({
    inventory: { cpu: { architecture: 'x86_64' }, interfaces: [{ mac_address: '52:54:00:00:00:01' }] },
  })
  expect((await api.node(uuid))['properties']).toMatchObject({ cpu_arch: 'x86_64', local_gb: 479 })

  await api.call('PUT', `/nodes/${uuid}/states/raid`, { logical_disks: [{ size_gb: 'MAX', raid_level: '1' }] })
  const settings = [{ name: 'ProcVirtualization', value: 'Disabled' }]
  const clean_steps = [
    { interface: 'bios', step: 'apply_configuration', args: { settings } },
    { interface: 'raid', step: 'create_configuration' },
    { interface: 'deploy', step: 'hold' },
    {
      interface: 'firmware',
      step: 'update',
      args: { settings: [{ component: 'bmc', url: 'http://x/bmc-2.5.1.bin' }] },
    },
  ]
  await api.provision(uuid, 'clean', { clean_steps })
  await until('clean hold', async () => (await api.node(uuid)).provision_state === 'clean hold')
  expect((await api.node(uuid))['clean_step']).toMatchObject({ interface: 'deploy', step: 'hold' })
  await verb('unhold', 'manageable')
  expect((await path()).filter((state) => state !== 'cleaning' && state !== 'clean wait')).toEqual([
    ...['clean hold', 'manageable'],
  ])
  expect(did().filter((line) => /^(bios|raid|firmware)/.test(line))).toEqual([
    ...['bios ProcVirtualization=Disabled', 'raid 1', 'firmware bmc 2.5.1'],
  ])
  expect((await api.node(uuid))['raid_config']).toEqual({
    logical_disks: [{ size_gb: 'MAX', raid_level: '1' }],
    last_updated: expect.any(String),
  })
  expect(await api.call('GET', `/nodes/${uuid}/bios/ProcVirtualization`)).toMatchObject({
    ProcVirtualization: { value: 'Disabled' },
  })
  const { firmware } = (await api.call('GET', `/nodes/${uuid}/firmware`)) as { firmware: Record<string, unknown>[] }
  expect(firmware.find(({ component }) => component === 'bmc')).toMatchObject({
    initial_version: '2.4.0',
    current_version: '2.5.1',
  })

  await verb('provide', 'available')
  expect(did()).toContain('metadata erased')
  await api.patchNode(uuid, { instance_info: { image_source: 'http://images/a.raw' } })
  const deploy_steps = [
    { interface: 'deploy', step: 'burnin_cpu', args: {}, priority: 90 },
    { interface: 'deploy', step: 'hold', args: {}, priority: 50 },
  ]
  await api.provision(uuid, 'active', { deploy_steps, configdrive: { meta_data: { name: 'x' } } })
  await until('deploy hold', async () => (await api.node(uuid)).provision_state === 'deploy hold')
  await verb('unhold', 'active')
  expect(did().filter((line) => !/^(power|boot device)/.test(line))).toEqual([
    ...['cpu burnt in', 'image http://images/a.raw', 'config drive'],
  ])
  expect([machine.power, machine.bootDevice.boot_device]).toEqual(['power on', 'disk'])

  const service_steps = [{ interface: 'bios', step: 'factory_reset' }]
  await verb('service', 'active', { service_steps })
  expect(did()).toEqual(['bios reset'])

  await verb('rescue', 'rescue', { rescue_password: 'swordfish' })
  expect(machine.rescued).toBe(true)
  expect(JSON.stringify([await api.node(uuid), await api.timeline(uuid)])).not.toContain('swordfish')
  await verb('unrescue', 'active')
  expect([machine.rescued, machine.power]).toEqual([false, 'power on'])
  expect((await api.node(uuid))['instance_info']).toEqual({
    image_source: 'http://images/a.raw',
    configdrive: '******',
  })

  did()
  await verb('rebuild', 'active')
  expect(did()).toContain('image http://images/a.raw')
  await path()
  await verb('deleted', 'available')
  expect((await path()).slice(0, 2)).toEqual(['deleting', 'cleaning'])
  expect([machine.disk, machine.power]).toEqual([undefined, 'power off'])

  await verb('manage', 'manageable')
  did()
  await verb('adopt', 'active')
  expect(await path()).toEqual(['manageable', 'adopting', 'active'])
  expect(did()).toEqual([])
})

test('what is wrong is refused, or fails with the machine off and the reason in last_error', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach, fail, until } = story
  const { uuid, machine } = await enrolled(story, 'troubled', { fake_delays: { inspect: 60_000, deploy: 1 } })
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)

  await api.provision(uuid, 'inspect')
  await until('inspect wait', async () => (await api.node(uuid)).provision_state === 'inspect wait')
  expect(await status(api.provision(uuid, 'manage'))).toBe(409)
  await api.provision(uuid, 'abort')
  expect((await fail('inspect failed', uuid)).last_error).toContain('aborted')
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)

  for (const wrong of [
    { clean_steps: [] },
    {},
    { clean_steps: [{ interface: 'vendor', step: 'send_raw', args: { raw_bytes: '0x00' } }] },
    { clean_steps: [{ interface: 'deploy', step: 'x', limit_child_node_execution: [] }] },
    { runbook: 'none', clean_steps: [{ interface: 'deploy', step: 'erase_devices' }] },
  ])
    expect(await status(api.provision(uuid, 'clean', wrong)), JSON.stringify(wrong)).toBe(400)
  const before = machine.log.length
  await api.provision(uuid, 'clean', { clean_steps: [{ interface: 'deploy', step: 'dance' }] })
  expect((await fail('clean failed', uuid)).last_error).toContain('deploy.dance')
  expect(machine.log.length, 'nothing was done').toBe(before)
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)

  const wait = { interface: 'deploy', step: 'wait', args: { seconds: 600 } }
  await api.provision(uuid, 'clean', { clean_steps: [{ interface: 'deploy', step: 'erase_devices' }, wait] })
  await until('the wait', async () => (await api.node(uuid))['clean_step'] && isStep(await api.node(uuid), 'wait'))
  await until('clean wait', async () => (await api.node(uuid)).provision_state === 'clean wait')
  await api.provision(uuid, 'abort')
  expect((await fail('clean failed', uuid)).last_error).toContain('aborted')
  expect(machine.power).toBe('power off')
})

test('the agent of a cleaning is left for the deployment, and the machine is not started again in between', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach } = story
  const { uuid, machine, did } = await enrolled(story, 'fast', { fast_track: true })
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)
  await api.provision(uuid, 'provide')
  expect((await reach('available', uuid))['power_state']).toBe('power on')
  expect(did()).toEqual(['boot device pxe', 'power on', 'metadata erased'])
  await api.provision(uuid, 'active')
  await reach('active', uuid)
  expect(did()).toEqual(['image an image', 'boot device disk', 'power off', 'power on'])

  await api.provision(uuid, 'deleted')
  await reach('available', uuid)
  did()
  machine.power = 'power off' // somebody pulled the plug, and nobody has noticed
  await api.provision(uuid, 'active')
  await reach('active', uuid)
  expect(did().slice(0, 3)).toEqual(['boot device pxe', 'power on', 'image an image'])
})

test('a cleaning has its children do their steps, one after the other, between its own', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach, fail } = story
  const parent = await enrolled(story, 'parent')
  const children: string[] = []
  for (const name of ['card-a', 'card-b']) {
    const body = { name, driver: 'fake-hardware', parent_node: parent.uuid }
    children.push(((await api.call('POST', '/nodes', body)) as { uuid: string }).uuid)
  }
  await api.provision(parent.uuid, 'manage')
  await reach('manageable', parent.uuid)
  const factory = { interface: 'bios', step: 'factory_reset' }
  const on = { interface: 'power', step: 'power_on', execute_on_child_nodes: true }
  await api.provision(parent.uuid, 'clean', {
    clean_steps: [factory, on, { ...factory, execute_on_child_nodes: true }],
  })
  await reach('manageable', parent.uuid)
  expect(parent.did()).toEqual(['bios reset'])
  for (const uuid of children) {
    expect(fakeMachine(uuid).log).toEqual(['power on', 'bios reset'])
    const settled = (await api.timeline(uuid)).filter(({ type }) => type === 'task.done')
    expect(settled).toHaveLength(2)
  }
  await api.call('PATCH', `/nodes/${children[1]}`, [
    { op: 'add', path: '/driver_info/fake_fail', value: { 'bios.factory_reset': 'power.timeout' } },
  ])
  await api.provision(parent.uuid, 'clean', { clean_steps: [{ ...factory, execute_on_child_nodes: true }, factory] })
  expect((await fail('clean failed', parent.uuid)).last_error).toContain(`child node ${children[1]}`)
  expect(parent.did()).toEqual([])
})

const isStep = (node: Record<string, unknown>, step: string) => (node['clean_step'] as { step?: string }).step === step

test('the machine of a node answers for its parts, and does what it is told', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach, until } = story
  const { uuid, machine, did } = await enrolled(story, 'parts')
  const path = `/nodes/${uuid}`
  const get = (of: string) => api.call('GET', `${path}/${of}`)
  const put = (of: string, body: unknown) => api.call('PUT', `${path}/${of}`, body)
  const shows = (field: string, value: unknown) =>
    until(`${field} ${String(value)}`, async () => {
      const node = await api.node(uuid)
      return node[field] === value && node.reservation === null
    })
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)

  await put('states/boot_mode', { target: 'bios' })
  await shows('boot_mode', 'bios')
  await put('states/secure_boot', { target: true })
  await shows('secure_boot', true)
  expect(await get('states/console')).toEqual({ console_enabled: false, console_info: null })
  await put('states/console', { enabled: true })
  await shows('console_enabled', true)
  expect(await get('states/console')).toMatchObject({ console_enabled: true, console_info: { type: 'fake' } })
  await put('management/inject_nmi', {})
  expect(did()).toEqual(['boot mode bios', 'secure boot on', 'console on', 'nmi'])

  const { indicators } = (await get('management/indicators')) as { indicators: Record<string, unknown>[] }
  expect(indicators).toMatchObject([
    { name: 'led-0@chassis', component: 'chassis', readonly: true },
    { name: 'led@system', component: 'system', readonly: false, states: ['blinking', 'off', 'on'] },
  ])
  await put('management/indicators/led@system', { state: 'blinking' })
  expect(await get('management/indicators/led@system')).toEqual({ state: 'blinking' })
  expect(await status(put('management/indicators/led-0@chassis', { state: 'on' }))).toBe(400)
  expect(await status(get('management/indicators/nothing@system'))).toBe(400)

  await api.call('POST', `${path}/vmedia`, { device_type: 'cdrom', image_url: 'http://images/x.iso' })
  expect(await get('vmedia')).toMatchObject([{ device_type: 'cdrom', image_url: 'http://images/x.iso' }])
  expect(await status(api.call('POST', `${path}/vmedia`, { device_type: 'cdrom', image_url: 'ftp://x' }))).toBe(400)
  await api.call('DELETE', `${path}/vmedia?device_types=cdrom,floppy`)
  expect(await get('vmedia')).toEqual([])

  expect(await get('bios')).toMatchObject({ bios: [{ name: 'BootMode', value: 'Uefi' }, {}, {}] })
  expect(await get('bios?detail=true')).toMatchObject({ bios: [{ attribute_type: 'String' }, {}, {}] })
  expect(await status(get('bios/Nothing'))).toBe(404)
  expect(await status(get('inventory'))).toBe(404)
  for (const wrong of [
    { logical_disks: [] },
    { logical_disks: [{ size_gb: 1, raid_level: '7' }] },
    { logical_disks: [{ size_gb: 1, raid_level: '0', controller: 'software' }] },
  ])
    expect(await status(put('states/raid', wrong)), JSON.stringify(wrong)).toBe(400)

  expect(await get('vendor_passthru/methods')).toMatchObject({
    second_method: { async: true, http_methods: ['POST'] },
    third_method_sync: { async: false, require_exclusive_lock: true },
  })
  const call = (method: string, body: unknown) => api.call('POST', `${path}/vendor_passthru/${method}`, body)
  expect(await call('third_method_sync', { bar: 'meow' })).toBe(true)
  expect(await call('third_method_sync', { bar: 'woof' })).toBe(false)
  expect(await status(call('second_method', {})), 'checked before it is accepted').toBe(400)
  expect(await status(get('vendor_passthru/second_method'))).toBe(400)
  expect(await status(call('nothing', {}))).toBe(400)
  did()
  await api.call('POST', `${path}/vendor_passthru?method=second_method`, { bar: 'kazoo' })
  await until('the vendor method', () => machine.log.includes('vendor second_method'))

  const driver = (of: string) => api.call('GET', `/drivers/fake-hardware/${of}`)
  expect(Object.keys((await driver('raid/logical_disk_properties')) as object)).toContain('raid_level')
  expect(await driver('vendor_passthru/methods')).toEqual({})
  expect(await status(api.call('GET', '/drivers/nobody/vendor_passthru/methods'))).toBe(404)
})
