// Everything that the API does to a machine behind a Redfish BMC, beside deploying it: the BMC's state and log are the judge of each.
import { expect, test } from 'vitest'
import { commonInfo } from '../site-conductor/drivers/common-info.ts'
import { redfishInfo } from '../site-conductor/drivers/redfish/info.ts'
import { startStory, type Story } from './story.ts'

/** Managed, and what a test wants of the machine's BMC. */
async function managed(story: Story) {
  const { api, node, machine } = story
  await api.provision(node, 'manage')
  await story.reach('manageable')
  const bmc = machine.redfish!
  const told = () => bmc.log.entries.filter(({ path }) => !path.includes('/Sessions')).map(({ what }) => what)
  const settled = (what: string, check: () => unknown) =>
    story.until(what, async () => (await api.node(node)).reservation === null && Boolean(check()))
  return { bmc, told, settled, path: `/nodes/${node}` }
}

test.concurrent('what the driver can do is shown, and every interface of a node is valid', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, node } = story
  expect(await api.call('GET', '/drivers/redfish')).toMatchObject({
    name: 'redfish',
    enabled_power_interfaces: ['redfish'],
    enabled_management_interfaces: ['redfish', 'noop'],
    enabled_boot_interfaces: ['ipxe', 'pxe', 'http-ipxe', 'http', 'redfish-virtual-media', 'redfish-https'],
    default_boot_interface: 'ipxe',
    enabled_bios_interfaces: ['redfish', 'no-bios'],
    enabled_raid_interfaces: ['redfish', 'no-raid', 'agent'],
    default_bios_interface: 'redfish',
    default_raid_interface: 'redfish',
    default_firmware_interface: 'redfish',
    default_inspect_interface: 'redfish',
    default_vendor_interface: 'redfish',
  })
  const properties = (await api.call('GET', '/drivers/redfish/properties')) as Record<string, string>
  expect(Object.keys(properties)).toEqual([
    ...Object.keys(commonInfo),
    ...Object.keys(redfishInfo.shape).filter((name) => !Object.hasOwn(commonInfo, name)),
  ])
  await api.patchNode(node, { instance_info: story.site.instanceInfo() })
  const valid = (await api.call('GET', `/nodes/${node}/validate`)) as Record<string, { result: boolean }>
  for (const kind of ['power', 'management', 'boot', 'deploy', 'bios', 'raid', 'firmware', 'inspect'])
    expect([kind, valid[kind]]).toEqual([kind, { result: true }])
  expect(((await api.node(node)).driver_info as { redfish_password: string }).redfish_password).toBe('******')
  await api.patchNode(node, { 'driver_info/redfish_address': 'ftp://bmc' })
  const invalid = (await api.call('GET', `/nodes/${node}/validate`)) as Record<
    string,
    { result: boolean; reason: string }
  >
  expect(invalid['power']).toMatchObject({ result: false, reason: expect.stringContaining('redfish_address') })
})

test.concurrent('boot device, boot mode, secure boot, lights, interrupt and virtual media', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api } = story
  const { bmc, told, settled, path } = await managed(story)
  const { machine } = bmc

  await api.call('PUT', `${path}/management/boot_device`, { boot_device: 'cdrom', persistent: true })
  expect(machine.chassis.boot()).toMatchObject({ valid: true, device: 5, persistent: true })
  expect(await api.call('GET', `${path}/management/boot_device`)).toEqual({ boot_device: 'cdrom', persistent: true })
  expect(await api.call('GET', `${path}/management/boot_device/supported`)).toEqual({
    supported_boot_devices: ['pxe', 'disk', 'cdrom', 'bios', 'uefihttp'],
  })

  await api.call('PUT', `${path}/states/boot_mode`, { target: 'bios' })
  await settled('boot mode', () => !machine.efi)
  await api.call('PUT', `${path}/states/secure_boot`, { target: true })
  await settled('secure boot', () => machine.secureBootEnable)
  expect(await api.node(story.node)).toMatchObject({ boot_mode: 'bios', secure_boot: true, health: 'OK' })

  const { indicators } = (await api.call('GET', `${path}/management/indicators`)) as { indicators: { name: string }[] }
  const [system] = indicators.map(({ name }) => name)
  expect(system).toBe(`${machine.facts.uuid}@system`)
  await api.call('PUT', `${path}/management/indicators/${system}`, { state: 'blinking' })
  expect(machine.indicators.get('system')).toBe('Blinking')
  expect(await api.call('GET', `${path}/management/indicators/${system}`)).toEqual({ state: 'blinking' })

  await api.call('PUT', `${path}/management/inject_nmi`, {})
  expect(machine.nmis).toBe(1)

  const image = 'http://192.0.2.1/rescue.iso'
  await api.call('POST', `${path}/vmedia`, { device_type: 'cdrom', image_url: image })
  expect(machine.media[0]!.image).toBe(image)
  expect(await api.call('GET', `${path}/vmedia`)).toMatchObject([{ device_type: 'cdrom', image_url: image }])
  expect(await api.call('GET', `${path}/vendor_passthru/methods`)).toMatchObject({
    eject_vmedia: { http_methods: ['POST'], async: true },
  })
  await api.call('POST', `${path}/vendor_passthru/eject_vmedia`, { boot_device: 'cd' })
  await settled('an empty drive', () => machine.media[0]!.image === null)

  expect(bmc.log.refused().filter(({ path: at }) => !at.includes('/Sessions/'))).toEqual([])
  expect(told()).toEqual([
    'PATCH ComputerSystem',
    'PATCH ComputerSystem',
    'PATCH SecureBoot',
    'PATCH ComputerSystem',
    'ComputerSystem.Reset',
    'VirtualMedia.InsertMedia',
    'VirtualMedia.EjectMedia',
  ])
})

test.concurrent('BIOS settings and firmware, without a ramdisk', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, node, machine } = story
  const { bmc, path } = await managed(story)
  const settings = [{ name: 'ProcTurboMode', value: 'Disabled' }]
  await api.provision(node, 'clean', {
    clean_steps: [
      { interface: 'bios', step: 'apply_configuration', args: { settings } },
      {
        interface: 'firmware',
        step: 'update',
        args: { settings: [{ component: 'bios', url: 'http://192.0.2.1/bios-1.5.0.bin' }] },
      },
    ],
  })
  await story.reach('manageable')
  expect(bmc.machine.bios()['ProcTurboMode']).toBe('Disabled')
  expect(await api.call('GET', `${path}/bios/ProcTurboMode`)).toMatchObject({
    ProcTurboMode: { name: 'ProcTurboMode', value: 'Disabled' },
  })
  const { firmware } = (await api.call('GET', `${path}/firmware`)) as { firmware: { component: string }[] }
  expect(firmware.find(({ component }) => component === 'bios')).toMatchObject({
    initial_version: '1.4.2',
    current_version: '1.5.0',
    last_version_flashed: '1.5.0',
  })
  expect(
    machine.transitions.map(({ kind }) => kind),
    'one start for each, none of them over the network',
  ).not.toContain('network boot')
  expect(machine.offToOn()).toBe(2)
})

test.concurrent('RAID on a controller that works at the next start: the ramdisk is booted again, and goes on', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, node, machine } = story
  const { bmc, path } = await managed(story)
  bmc.quirks.raidApplies = 'at the next start'
  const target = { logical_disks: [{ size_gb: 100, raid_level: '1', volume_name: 'root' }] }
  await api.call('PUT', `${path}/states/raid`, target)
  await api.provision(node, 'clean', {
    clean_steps: [
      { interface: 'raid', step: 'create_configuration' },
      { interface: 'deploy', step: 'erase_devices_metadata' },
    ],
  })
  expect(await story.reach('manageable')).toMatchObject({
    raid_config: { logical_disks: [{ raid_level: '1', size_gb: 100, volume_name: 'root' }] },
    power_state: 'power off',
  })
  expect(bmc.machine.volumes).toMatchObject([{ name: 'root', raidType: 'RAID1' }])
  expect(machine.transitions.filter(({ kind }) => kind === 'ramdisk')).toHaveLength(2)
  const finished = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  expect(finished.filter((step) => /^(raid|deploy\.erase)/.test(step ?? ''))).toEqual([
    'raid.create_configuration',
    'raid.check_configuration',
    'deploy.erase_devices_metadata',
  ])
})

test.concurrent('inspection by the BMC', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, node, machine } = story
  const { path } = await managed(story)
  await api.provision(node, 'inspect')
  expect(await story.reach('manageable')).toMatchObject({
    properties: { cpu_arch: 'x86_64', cpus: 64, memory_mb: 65_536, local_gb: 479, capabilities: 'boot_mode:uefi' },
    boot_mode: 'uefi',
  })
  expect(await api.call('GET', `${path}/inventory`)).toMatchObject({
    inventory: {
      interfaces: [{ mac_address: machine.options.mac }],
      system_vendor: { manufacturer: 'Ferrule', serial_number: machine.options.name },
    },
  })
  expect(machine.offToOn(), 'nothing was booted').toBe(0)
})

test.concurrent('a BMC that loses answers, is busy and takes its time: each change is made once', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, node, machine } = story
  const { bmc } = await managed(story)
  Object.assign(bmc.quirks, { loseAnswers: 2, busy: 3, powerMs: 300, conflicts: true, needsEtag: true })
  const power = async (target: string, state: string) => {
    await api.call('PUT', `/nodes/${node}/states/power`, { target })
    await story.until(state, async () => {
      const now = await api.node(node)
      expect(now.last_error).toBeNull()
      return now.power_state === state && now.reservation === null
    })
  }
  await power('power on', 'power on')
  bmc.quirks.loseAnswers = 1
  await power('rebooting', 'power on')
  await power('power off', 'power off')
  expect(machine.offToOn()).toBe(2)
  expect(bmc.log.of('ComputerSystem.Reset').map(({ detail }) => detail)).toEqual(['On', 'ForceOff', 'On', 'ForceOff'])
})

test.concurrent('firmware images and the clock of the BMC, without a ramdisk', async (context) => {
  const stepPriorities = ['verify.management.verify_bmc_clock=1']
  await using story = await startStory(context, { driver: 'redfish', conductorConfig: { stepPriorities } })
  const { api, node, machine } = story
  const bmc = machine.redfish!
  bmc.machine.clock = { aheadMs: 3_600_000, offset: '+00:00' }
  await managed(story)
  expect(Math.abs(bmc.machine.clock.aheadMs), 'set while the machine was verified').toBeLessThan(3_000)
  const step = (name: string, args: object) => ({ interface: 'management', step: name, args })
  const firmware_images = [{ url: 'http://192.0.2.1/bios-1.5.0.bin', checksum: 'a'.repeat(64) }]
  await expect(
    api.provision(node, 'clean', { clean_steps: [step('update_firmware', { firmware_images: ['bios'] })] }),
  ).rejects.toThrow('400')
  const clean_steps = [
    step('set_bmc_clock', { datetime_local_offset: '+01:00' }),
    step('update_firmware', { firmware_images }),
  ]
  await api.provision(node, 'clean', { clean_steps })
  await story.reach('manageable')
  expect(bmc.machine.clock.offset).toBe('+01:00')
  expect(bmc.machine.firmware.get('BIOS')).toBe('1.5.0')
  expect(bmc.log.of('UpdateService.SimpleUpdate')).toHaveLength(1)
  expect(machine.transitions.map(({ kind }) => kind)).not.toContain('ramdisk')
})
