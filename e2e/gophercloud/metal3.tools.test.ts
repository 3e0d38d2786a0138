// Metal3's baremetal-operator, as metal3_*.go has it, takes hosts of fake hardware through their lives. Judges: the node, its timeline, and what was done to
// the machine.
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest'
import { fakeMachine } from '../../site-conductor/drivers/fake/machine.ts'
import { startStory } from '../story.ts'
import { type Compiled, compile, startGopher } from './gophercloud.ts'
import { type Host, Metal3 } from './metal3.ts'

let compiled: Compiled
beforeAll(async () => {
  compiled = await compile()
}, 120_000)
afterAll(() => compiled?.remove())

const FAKE = { boot: 'fake', deploy: 'fake', inspect: 'fake', management: 'fake', power: 'fake', raid: 'fake', bios: 'fake', firmware: 'fake' } // prettier-ignore
const UID = '0d5b6a3c-5d57-4f0c-8f43-0f6f4c1f7a11'
const MAC = '52:54:00:00:00:01'

async function start(context: TestContext, more: Partial<Host> = {}, options: { lockWaitMs?: number } = {}) {
  const conductorConfig = { boot: false, drivers: ['fake-hardware'] }
  const story = await startStory(context, { machines: 0, conductorConfig, ...options })
  const gopher = await startGopher(compiled, { endpoint: `${story.cloud.url}/v1`, user: 'bmo', password: story.cloud.token }) // prettier-ignore
  const host: Host = {
    Namespace: 'metal3',
    Name: 'host-0',
    UID,
    MAC,
    Driver: 'fake-hardware',
    Interfaces: Object.fromEntries(Object.entries(FAKE).map(([name, value]) => [`${name}_interface`, value])),
    DriverInfo: { fake_password: 'hunter2' },
    BootMode: 'UEFI',
    Arch: 'x86_64',
    DeployImage: { deploy_kernel: 'file:///ramdisk/kernel', deploy_ramdisk: 'file:///ramdisk/initrd', deploy_iso: null, kernel_append_params: null }, // prettier-ignore
    AutomatedClean: true,
    ...more,
  }
  const metal3 = new Metal3(gopher, host)
  expect(await gopher.call('metal3.ready')).toEqual({ microversion: '1.110', drivers: 1 })
  const node = () => story.api.node(host.ID!)
  const steps = async () =>
    (await story.api.timeline(host.ID!)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  const stop = async () => {
    await gopher.stop()
    await story[Symbol.asyncDispose]()
  }
  return { story, gopher, metal3, host, node, steps, [Symbol.asyncDispose]: stop }
}

const IMAGE = { URL: 'http://images/a.qcow2', Checksum: 'ab'.repeat(32), ChecksumType: 'sha256', Format: 'qcow2' }

it(
  'a host is registered, inspected, prepared, provisioned, serviced, deprovisioned and deleted',
  { timeout: 180_000 },
  async (context) => {
    await using site = await start(context)
    const { metal3, gopher, host, node, steps, story } = site
    expect(await gopher.call('metal3.inspectInterface', 'fake-hardware')).toBe('agent')
    await metal3.done('register')
    const machine = fakeMachine(host.ID!)
    expect(await node()).toMatchObject({
      name: 'metal3~host-0',
      provision_state: 'manageable',
      automated_clean: true,
      disable_power_off: false,
      properties: { capabilities: 'boot_mode:uefi', cpu_arch: 'x86_64' },
      driver_info: { fake_password: '******', deploy_kernel: 'file:///ramdisk/kernel' },
    })
    expect(await steps()).toEqual(['power.verify'])
    const { ports } = (await story.api.call('GET', `/ports?address=${MAC}&detail=true`)) as { ports: unknown[] }
    expect(ports).toMatchObject([{ node_uuid: host.ID, pxe_enabled: true }])
    // What is as it should be is not written again: neither with the ID, nor without.
    const { updated_at } = await node()
    await metal3.done('register')
    const { ID, ...unknown } = host
    expect(await new Metal3(gopher, { ...unknown }).done('register')).toMatchObject({ id: ID })
    expect((await node())['updated_at']).toBe(updated_at)
    await expect(new Metal3(gopher, { ...unknown, Name: 'other' }).turn('register')).rejects.toThrow(/MAC address .* conflicts with existing node metal3~host-0/) // prettier-ignore

    const { started, details } = await metal3.done('inspect')
    expect([started, (await steps()).at(-1)]).toEqual([true, 'inspect.inspect_hardware'])
    expect(details).toMatchObject({ inventory: { cpu: { architecture: 'x86_64' }, memory: { physical_mb: expect.any(Number) } } }) // prettier-ignore
    expect(await gopher.call('metal3.settings', host.ID)).toContainEqual(expect.objectContaining({ name: 'BootMode', value: 'Uefi', attribute_type: 'String', read_only: false })) // prettier-ignore
    expect(await gopher.call('metal3.firmware', host.ID)).toContainEqual(expect.objectContaining({ component: 'bios', initial_version: expect.any(String) })) // prettier-ignore

    machine.log.splice(0)
    const prepared = await metal3.prepare('prepare', {
      RAIDInterface: 'fake',
      LogicalDisks: [{ raid_level: '1', volume_name: 'root', is_root_volume: true }],
      Settings: [{ name: 'ProcVirtualization', value: 'Disabled' }],
      Updates: [{ component: 'bios', url: 'http://firmware/bios-2.3.4.bin' }],
    })
    expect(prepared.started).toBe(true)
    expect(machine.log.splice(0).filter((each) => /raid|bios|firmware/.test(each))).toEqual([
      'raid deleted',
      'raid 1',
      'bios ProcVirtualization=Disabled',
      'firmware bios 2.3.4',
    ])

    const ConfigDrive = { meta_data: { 'metal3-name': 'host-0', name: 'host-0' }, user_data: '#cloud-config\n', network_data: { links: [] } } // prettier-ignore
    await metal3.done('provision', () => ({ Image: IMAGE, RootDevice: { name: 's== /dev/sda' }, ConfigDrive }))
    expect(await node()).toMatchObject({
      provision_state: 'active',
      instance_uuid: UID,
      instance_info: { image_source: IMAGE.URL, image_os_hash_algo: 'sha256', root_device: { name: 's== /dev/sda' } },
      driver_info: { force_persistent_boot_device: 'Default' },
    })
    expect(await steps()).toContain('deploy.write_image')
    expect(await gopher.call('metal3.busyHosts')).toEqual([])

    for (const [verb, args, power] of [
      ['powerOff', { Soft: true }, 'power off'],
      ['powerOn', {}, 'power on'],
      ['powerOff', { Soft: true, Force: true }, 'power off'],
      ['powerOn', { Force: true }, 'power on'],
    ] as const) {
      await metal3.done(verb, () => args)
      expect([machine.power, (await node()).power_state]).toEqual([power, power])
    }
    expect((await steps()).filter((step) => step?.includes('soft'))).toEqual(['power.soft_power_off'])

    machine.log.splice(0)
    await metal3.prepare('service', { Settings: [{ name: 'SriovGlobalEnable', value: 'Enabled' }], KernelParams: '%default% debug' }) // prettier-ignore
    expect(machine.log).toContain('bios SriovGlobalEnable=Enabled')
    expect(await node()).toMatchObject({ provision_state: 'active', driver_info: { kernel_append_params: '%default% debug' } }) // prettier-ignore

    await gopher.call('metal3.attach', { ID: host.ID, URL: 'http://images/data.iso' })
    expect(await gopher.call('metal3.isDataImageIn', { Host: host })).toBe(true)
    expect(await gopher.call('metal3.media', host.ID)).toEqual([{ image: 'http://images/data.iso', inserted: true, media_types: ['CD', 'DVD'] }]) // prettier-ignore
    await gopher.call('metal3.detach', host.ID)
    expect(await gopher.call('metal3.isDataImageIn', { Host: host })).toBe(false)
    expect(machine.log.slice(-2)).toEqual(['virtual media cdrom in', 'virtual media cdrom out'])

    await metal3.done('deprovision')
    expect(await node()).toMatchObject({ provision_state: 'available', instance_uuid: null, instance_info: {} })
    expect((await steps()).filter((step) => step === 'deploy.erase_devices_metadata')).not.toHaveLength(0)
    await metal3.done('delete')
    await expect(node()).rejects.toThrow('404')
  },
)

it('a deployment that fails is told in words, and another image is tried', async (context) => {
  await using site = await start(context, { DriverInfo: { fake_fail: { 'deploy.write_image': 'image.digest' }, fake_agent_steps: ['install_coreos'] } }) // prettier-ignore
  const { metal3, host, node, story } = site
  await metal3.done('register')
  const { problem } = await metal3.until('provision', () => ({ Image: IMAGE }))
  expect(problem).toMatch(/^Image provisioning failed: .*deploy\.write_image/)
  await story.fail('deploy failed', host.ID)
  await story.api.patchNode(host.ID!, { 'driver_info/fake_fail': {} })
  await metal3.done('provision', () => ({ Image: { ...IMAGE, URL: 'http://images/b.qcow2' } }))
  expect(await node()).toMatchObject({ provision_state: 'active', instance_info: { image_source: 'http://images/b.qcow2' } }) // prettier-ignore
  // A deploy step of the operator's own ramdisk next; then an image again, for which the interface is the driver's own.
  await metal3.done('deprovision')
  await metal3.done('provision', () => ({ CustomDeploy: 'install_coreos' }))
  expect(await node()).toMatchObject({ provision_state: 'active', deploy_interface: 'custom-agent', instance_info: {} })
  expect(fakeMachine(host.ID!).log).toContain('agent install_coreos')
  await metal3.done('deprovision')
  await metal3.done('provision', () => ({ Image: IMAGE }))
  expect(await node()).toMatchObject({ provision_state: 'active', deploy_interface: 'fake' })
})

it('a host that runs already is adopted, and leaves without being deprovisioned', async (context) => {
  await using site = await start(context)
  const { metal3, host, node, story, steps } = site
  await metal3.done('register')
  const { instance_info } = await story.api.patchNode(host.ID!, { instance_info: { image_source: IMAGE.URL, image_checksum: IMAGE.Checksum } }) // prettier-ignore
  await metal3.done('adopt')
  expect(await node()).toMatchObject({ provision_state: 'active', instance_info })
  expect(await steps()).not.toContain('deploy.write_image')
  await story.api.call('PUT', `/nodes/${host.ID}/maintenance`, { reason: 'fan' })
  await metal3.done('adopt')
  expect(await node()).toMatchObject({ maintenance: false })
  // An instance is there: maintenance comes first, and the node goes with it.
  expect(await metal3.turn('delete')).toMatchObject({ dirty: true })
  expect(await node()).toMatchObject({
    maintenance: true,
    maintenance_reason: 'forcing deletion in baremetal-operator',
  })
  await metal3.done('delete')
  await expect(node()).rejects.toThrow('404')
  expect(fakeMachine(host.ID!).log, 'the machine was left alone').not.toContain('power off')
})

it('a host that may not be switched off is restarted instead', async (context) => {
  await using site = await start(context, { DisablePowerOff: true })
  const { metal3, host, node, story, gopher } = site
  await metal3.done('register')
  const machine = fakeMachine(host.ID!)
  await metal3.done('powerOn')
  // The power is on before its task has ended.
  await story.until('rest', async () => (await node()).reservation === null)
  machine.log.splice(0)
  // What needs an off is refused, as by Ironic (docs/adr/0015), which the operator takes for a host that is busy.
  expect(await metal3.turn('powerOff', { Soft: true })).toMatchObject({ dirty: true, delay: 10 })
  expect(machine.log).toEqual([])
  expect(await metal3.turn('powerOff')).toMatchObject({ dirty: true, delay: 0 })
  await story.until('restart', async () => (await node()).target_power_state === null)
  expect([machine.power, machine.log]).toEqual(['power on', ['reset']])
  const off = gopher.call('nodes.ChangePowerState', { Node: host.ID, With: { target: 'power off' } })
  expect(await metal3.refused(off)).toMatchObject({ class: 'ErrDefault409' })
})

it('a machine that does not listen is switched off hard where somebody insists', async (context) => {
  await using site = await start(context, { DriverInfo: { fake_fail: { 'power.soft_power_off': 'bmc.refused' } } })
  const { metal3, host, node, story } = site
  await metal3.done('register')
  await metal3.done('powerOn')
  await story.until('rest', async () => (await node()).reservation === null)
  const { problem } = await metal3.until('powerOff', () => ({ Soft: true }))
  expect(problem).toMatch(/power\.soft_power_off/)
  await story.until('rest', async () => (await node()).reservation === null)
  const machine = fakeMachine(host.ID!)
  expect(machine.power).toBe('power on')
  await metal3.done('powerOff', () => ({ Soft: true, Force: true }))
  expect([machine.power, (await node()).power_state]).toEqual(['power off', 'power off'])
})

it('what is refused while a host is busy is tried again', async (context) => {
  await using site = await start(context, { DriverInfo: { fake_delays: { deploy: 400 } } }, { lockWaitMs: 0 })
  const { metal3, host, story, gopher } = site
  await metal3.done('register')
  await metal3.turn('provision', { Image: IMAGE })
  await story.until('lock', async () => (await story.api.node(host.ID!)).reservation !== null)
  expect(await gopher.call('metal3.busyHosts')).toEqual(['metal3~host-0'])
  const add = { op: 'add', path: '/extra/a', value: 1 }
  expect(await metal3.refused(gopher.call('nodes.Update', { Node: host.ID, With: [add] }))).toMatchObject({
    class: 'ErrDefault409',
    fault: expect.stringContaining('is locked by host'),
  })
  expect(await metal3.turn('register', { NewCredentials: true })).toMatchObject({ dirty: true, delay: 10 })
  expect(await metal3.turn('delete')).toMatchObject({ dirty: true })
  await expect(gopher.call('metal3.isDataImageIn', { Host: host })).rejects.toThrow('is busy')
  // The maintenance that the deletion has set is unset by the next verb.
  await metal3.done('provision', () => ({ Image: IMAGE }))
  expect(await story.reach('active', host.ID)).toMatchObject({ maintenance: false })
})
