// What the Redfish driver does to a machine beside power and boot: each is judged by the simulated BMC's state and log.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningRedfish, startRedfishBmc } from '../../../sim/bmc/redfish/start.ts'
import type { Step } from '../../../shared/protocol.ts'
import { toFault } from '../../../shared/faults.ts'
import { type FakeContext, fakeContext } from '../../fake-context.ts'
import { fakeGrant } from '../../fake-hub.ts'
import driver from '../redfish.ts'

let bmc: RunningRedfish
let contexts: FakeContext[]

beforeEach(async () => {
  bmc = await startRedfishBmc({ facts: { macs: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'] } })
  contexts = []
})
afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()))
  await bmc.close()
})

type Kind = 'management' | 'bios' | 'raid' | 'firmware' | 'inspect' | 'vendor'
type Args = Record<string, unknown>

async function made(args: Args = {}, kept: Args = {}): Promise<FakeContext> {
  const login = { redfish_address: bmc.url, redfish_username: 'admin', redfish_password: 'secret' }
  const node = fakeGrant('n', { driver: 'redfish', driverInfo: login })
  const context = await fakeContext(driver, { node, args, context: kept })
  contexts.push(context)
  return context
}

const implementation = (kind: Kind) => driver.interfaces[kind]!['redfish']!
const step = async (kind: Kind, name: string, args: Args = {}, kept: Args = {}) => {
  const context = await made(args, kept)
  const result = await implementation(kind).steps![name]!(context)
  return { context, facts: (result?.facts ?? {}) as Record<string, unknown> }
}
const call = async (kind: Kind, name: string, args: Args = {}) =>
  implementation(kind).methods![name]!(await made(), args) as Promise<unknown>
const refusal = (work: Promise<unknown>) => work.then(() => undefined, toFault)
const startAgain = () => {
  bmc.machine.chassis.control('off')
  bmc.machine.chassis.control('on')
}
const changes = () => bmc.log.entries.filter(({ what }) => !what.includes('Session'))

test('boot mode and secure boot are the BMC’s afterwards, and set once', async () => {
  for (let i = 0; i < 2; i++) {
    expect((await step('management', 'set_boot_mode', { mode: 'bios' })).facts).toEqual({ boot_mode: 'bios' })
    expect((await step('management', 'set_secure_boot', { enabled: true })).facts).toEqual({ secure_boot: true })
  }
  expect([bmc.machine.efi, bmc.machine.secureBootEnable]).toEqual([false, true])
  expect(changes().map(({ what }) => what)).toEqual(['PATCH ComputerSystem', 'PATCH SecureBoot'])
  expect(await call('management', 'get_boot_mode')).toBe('bios')
  expect(await call('management', 'get_secure_boot_state')).toBe(true)
})

test('the keys of secure boot are reset or deleted', async () => {
  await step('management', 'clear_secure_boot_keys')
  expect(bmc.machine.secureBootKeys).toBe('none')
  await step('management', 'reset_secure_boot_keys_to_default')
  expect(bmc.machine.secureBootKeys).toBe('default')
  expect(changes().map(({ detail }) => detail)).toEqual(['DeleteAllKeys', 'ResetAllKeysToDefault'])
})

test('a machine that is in its self-test gets its boot device afterwards', async () => {
  bmc.quirks.postChanges = 2
  const context = await made({ boot_device: 'pxe' })
  const env = { ...context.env, setTimer: (ms: number, run: () => void) => context.env.setTimer(ms / 1000, run) }
  await implementation('management').steps!['set_boot_device']!({ ...context, before: context.before, env })
  expect(bmc.machine.chassis.boot()).toMatchObject({ valid: true, device: 1 })
  expect(context.notes.map(({ stage }) => stage)).toEqual(['boot_device.during_post', 'boot_device.during_post'])
})

test('a BMC that forgets a target without the word for how long is told it each time', async () => {
  await bmc.close()
  bmc = await startRedfishBmc({ facts: { manufacturer: 'Supermicro' } })
  for (const boot_device of ['pxe', 'disk'] as const) await step('management', 'set_boot_device', { boot_device })
  expect(bmc.machine.chassis.boot()).toMatchObject({ valid: true, device: 2, persistent: false })
})

test('an interrupt is one reset of type Nmi, behind the last-moment check', async () => {
  const context = await made()
  context.refused = true
  const inject = implementation('management').methods!['inject_nmi']!
  expect(await refusal(inject(context, {}))).toMatchObject({ code: 'fenced' })
  expect(bmc.machine.nmis).toBe(0)
  context.refused = false
  await inject(context, {})
  expect(bmc.machine.nmis).toBe(1)
})

test('lights of system and chassis are found by their names and set', async () => {
  const found = (await call('management', 'get_supported_indicators')) as { name: string; states: string[] }[]
  const [system, chassis] = found.map(({ name }) => name)
  expect(found).toEqual(
    [`${bmc.machine.facts.uuid}@system`, '1@chassis'].map((name) => ({
      name,
      readonly: false,
      states: ['blinking', 'off', 'on'],
      state: 'off',
    })),
  )
  await call('management', 'set_indicator_state', { indicator: system, state: 'blinking' })
  await call('management', 'set_indicator_state', { indicator: chassis, state: 'on' })
  expect(Object.fromEntries(bmc.machine.indicators)).toEqual({ system: 'Blinking', chassis: 'Lit' })
  expect(await call('management', 'get_indicator_state', { indicator: chassis })).toBe('on')
  for (const args of [
    { indicator: 'nobody@system', state: 'on' },
    { indicator: system, state: 'unknown' },
  ])
    expect(await refusal(call('management', 'set_indicator_state', args))).toMatchObject({ code: 'request.invalid' })
})

test('virtual media go in and out, one image takes the place of another, and the same stays', async () => {
  const attach = (device_type: string, image_url: string) =>
    call('management', 'attach_virtual_media', { device_type, image_url })
  await attach('cdrom', 'http://192.0.2.1/a.iso')
  await attach('cdrom', 'http://192.0.2.1/b.iso')
  await attach('cdrom', 'http://192.0.2.1/b.iso')
  await attach('floppy', 'http://192.0.2.1/c.img')
  expect(await call('management', 'get_virtual_media')).toEqual([
    { device_type: 'cdrom', image_url: 'http://192.0.2.1/b.iso', inserted: true },
    { device_type: 'floppy', image_url: 'http://192.0.2.1/c.img', inserted: true },
  ])
  expect(bmc.log.of('VirtualMedia.InsertMedia')).toHaveLength(3)
  await call('management', 'detach_virtual_media', { device_types: ['cdrom'] })
  expect(bmc.machine.media.map(({ image }) => image)).toEqual([null, 'http://192.0.2.1/c.img'])
  await call('management', 'detach_virtual_media')
  expect(bmc.machine.media.map(({ image }) => image)).toEqual([null, null])
  expect(bmc.log.refused()).toEqual([])
})

test('the vendor method ejects one device or all, and takes no other', async () => {
  for (const medium of bmc.machine.media) medium.image = 'http://192.0.2.1/x'
  await step('vendor', 'eject_vmedia', { boot_device: 'cd' })
  expect(bmc.machine.media.map(({ image }) => image)).toEqual([null, 'http://192.0.2.1/x'])
  await step('vendor', 'eject_vmedia')
  expect(bmc.machine.media.map(({ image }) => image)).toEqual([null, null])
  const { validate } = implementation('vendor').vendor!['eject_vmedia']!
  expect(() => validate!({ boot_device: 'tape' })).toThrow(/cd, dvd, usb, floppy/)
})

test('sensors come in Ironic’s groups', async () => {
  bmc.machine.chassis.control('on')
  expect(await call('management', 'get_sensors_data')).toEqual({
    Fan: { 'Fan.1@1': { identity: 'Fan.1', reading: 6000, reading_units: 'RPM', state: 'Enabled', health: 'OK' } },
    Temperature: { 'Inlet@1': { identity: 'Inlet', reading_celsius: 24, state: 'Enabled', health: 'OK' } },
    Power: {
      'PSU.1@1': {
        identity: 'PSU.1',
        line_input_voltage: 230,
        last_power_output_watts: null,
        power_capacity_watts: 750,
        state: 'Enabled',
        health: 'OK',
      },
    },
  })
})

const SETTINGS = [
  { name: 'ProcTurboMode', value: 'Disabled' },
  { name: 'QuietBootSeconds', value: '7' },
  { name: 'NumLock', value: 'false' },
]

test('BIOS settings wait for a start, are sent once, and are looked at afterwards', async () => {
  for (let i = 0; i < 2; i++) await step('bios', 'apply_configuration', { settings: SETTINGS })
  expect(bmc.log.of('PATCH BiosSettings').map(({ detail }) => detail)).toEqual([
    'ProcTurboMode=Disabled QuietBootSeconds=7 NumLock=false',
  ])
  expect(bmc.machine.bios()).toMatchObject({ ProcTurboMode: 'Enabled' })
  const check = step('bios', 'check_configuration', { settings: SETTINGS })
  startAgain()
  const { facts } = await check
  expect(bmc.machine.bios()).toMatchObject({ ProcTurboMode: 'Disabled', QuietBootSeconds: 7, NumLock: false })
  expect(facts['bios_settings']).toContainEqual(expect.objectContaining({ name: 'QuietBootSeconds', value: 7 }))
})

test('a factory reset is in force after a start', async () => {
  bmc.machine.setBios({ ProcTurboMode: 'Disabled' })
  startAgain()
  await step('bios', 'factory_reset')
  startAgain()
  const { facts } = await step('bios', 'cache_bios_settings')
  expect(facts['bios_settings']).toContainEqual(expect.objectContaining({ name: 'ProcTurboMode', value: 'Enabled' }))
})

test.each([
  ['a setting that there is not', [{ name: 'Turbo', value: 1 }], 'request.invalid', 'Turbo'],
  ['a value that it cannot have', [{ name: 'ProcTurboMode', value: 'Sometimes' }], 'bmc.refused', 'Sometimes'],
  ['no list', 'ProcTurboMode', 'request.invalid', 'list'],
  ['nothing', [], 'request.invalid', 'list'],
])('BIOS: %s is refused', async (_, settings, code, words) => {
  const fault = await refusal(step('bios', 'apply_configuration', { settings }))
  expect(fault).toMatchObject({ code, message: expect.stringContaining(words) })
  expect(bmc.machine.pendingBios()).toEqual(bmc.machine.bios())
})

const MIRROR = { logical_disks: [{ size_gb: 100, raid_level: '1', volume_name: 'root', is_root_volume: true }] }

test.each(['at once', 'by a task', 'at the next start'] as const)(
  'RAID made %s: built, seen, and deleted',
  async (when) => {
    bmc.quirks.raidApplies = when
    const { context } = await step('raid', 'apply_configuration', { raid_config: MIRROR })
    if (when === 'at the next start') {
      expect(bmc.machine.volumes).toEqual([])
      expect(context.notes.map(({ stage }) => stage)).toContain('raid.waits_for_start')
    }
    startAgain()
    const { facts } = await step('raid', 'check_configuration', {}, context.kept)
    expect(bmc.machine.volumes).toMatchObject([{ name: 'root', raidType: 'RAID1', drives: ['Disk.0', 'Disk.1'] }])
    expect(facts['raid_config']).toMatchObject({
      logical_disks: [
        {
          raid_level: '1',
          size_gb: 100,
          volume_name: 'root',
          controller: 'RAID.1',
          physical_disks: ['Disk.0', 'Disk.1'],
        },
      ],
    })
    const { context: deleting } = await step('raid', 'delete_configuration')
    startAgain()
    expect((await step('raid', 'check_configuration', {}, deleting.kept)).facts).toEqual({ raid_config: {} })
    expect(bmc.machine.volumes).toEqual([])
  },
)

test('RAID: a step that is begun again makes no second volume, and what is as wanted stays', async () => {
  const { context } = await step('raid', 'apply_configuration', { raid_config: MIRROR })
  await step('raid', 'apply_configuration', { raid_config: MIRROR }, context.kept)
  await step('raid', 'apply_configuration', { raid_config: MIRROR })
  expect(bmc.log.of('VolumeCollection')).toHaveLength(1)
  expect(bmc.log.of('DELETE Volume')).toEqual([])
})

test('RAID: an answer that is lost makes no second volume, for what it made is found', async () => {
  bmc.quirks.loseAnswers = 0
  const context = await made({ raid_config: MIRROR })
  const apply = async () => {
    const fence = await driver.fencing!.open(context, undefined)
    try {
      await implementation('raid').steps!['apply_configuration']!({ ...context, before: context.before, fence })
    } finally {
      await fence.close()
    }
  }
  const fence = await driver.fencing!.open(context, undefined)
  bmc.quirks.loseAnswers = 1
  const first = implementation('raid').steps!['apply_configuration']!({ ...context, before: context.before, fence })
  expect(await refusal(first)).toMatchObject({ code: 'bmc.session_lost' })
  await fence.close()
  await apply()
  expect(bmc.machine.volumes).toHaveLength(1)
  expect(bmc.log.of('VolumeCollection')).toHaveLength(1)
})

test('RAID: other volumes go where that was asked for, and stay where not', async () => {
  await step('raid', 'apply_configuration', { raid_config: MIRROR })
  const more = { logical_disks: [{ size_gb: 'MAX', raid_level: '0', number_of_physical_disks: 2 }] }
  await step('raid', 'apply_configuration', { raid_config: more, delete_existing: false })
  expect(bmc.machine.volumes.map(({ raidType, drives }) => [raidType, drives])).toEqual([
    ['RAID1', ['Disk.0', 'Disk.1']],
    ['RAID0', ['Disk.2', 'Disk.3']],
  ])
  const context = await made(
    { delete_existing: true },
    { target_raid_config: { logical_disks: [{ size_gb: 'MAX', raid_level: '5' }] } },
  )
  await implementation('raid').steps!['create_configuration']!(context)
  expect(bmc.machine.volumes.map(({ raidType }) => raidType)).toEqual(['RAID5'])
})

test('firmware: the BMC is told once, and the new version is seen after the start', async () => {
  const settings = [
    { component: 'bmc', url: 'http://192.0.2.1/bmc-2.11.3.bin' },
    { component: 'bios', url: 'http://192.0.2.1/bios-1.5.0.bin' },
  ]
  const { context } = await step('firmware', 'update', { settings })
  await step('firmware', 'update', { settings }, context.kept)
  expect(bmc.log.of('UpdateService.SimpleUpdate').map(({ detail }) => detail)).toEqual(['BMC 2.11.3', 'BIOS 1.5.0'])
  startAgain()
  const { facts } = await step('firmware', 'check_update', { settings }, context.kept)
  expect(facts['firmware_components']).toEqual([
    expect.objectContaining({
      component: 'bios',
      initial_version: '1.4.2',
      current_version: '1.5.0',
      last_version_flashed: '1.5.0',
    }),
    expect.objectContaining({ component: 'bmc', initial_version: '2.10.0', current_version: '2.11.3' }),
    expect.not.objectContaining({ last_version_flashed: expect.anything() }),
  ])
})

test('firmware: an update that the BMC cannot do is a fault with its words', async () => {
  bmc.quirks.updatesFail = true
  const settings = [{ component: 'bmc', url: 'http://192.0.2.1/bmc-2.11.3.bin' }]
  expect(await refusal(step('firmware', 'update', { settings }))).toMatchObject({
    code: 'bmc.refused',
    message: expect.stringContaining('The work could not be done'),
  })
})

test.each([
  ['an unknown component', [{ component: 'gpu', url: 'http://192.0.2.1/1.0' }], 'gpu'],
  ['one that cannot be updated', [{ component: 'NIC.1', url: 'http://192.0.2.1/1.0' }], 'NIC.1'],
  ['a file of the BMC’s own', [{ component: 'bios', url: 'file:///etc/passwd' }], 'http'],
  ['nothing', [], 'list'],
])('firmware: %s is refused before the BMC is told', async (_, settings, words) => {
  const fault = await refusal(step('firmware', 'update', { settings }))
  expect(fault).toMatchObject({ code: 'request.invalid', message: expect.stringContaining(words) })
  expect(changes()).toEqual([])
})

test('inspection finds processors, memory, disks, cards and who made it', async () => {
  const { facts } = await step('inspect', 'inspect_hardware')
  expect(facts['properties']).toEqual({ cpu_arch: 'x86_64', cpus: 64, memory_mb: 65_536, local_gb: 479 })
  expect(facts['boot_mode']).toBe('uefi')
  expect(facts['inventory']).toMatchObject({
    cpu: { architecture: 'x86_64', count: 64, model_name: 'Simulated CPU' },
    memory: { physical_mb: 65_536 },
    interfaces: [
      { name: '1', mac_address: '52:54:00:aa:00:01', has_carrier: true },
      { name: '2', mac_address: '52:54:00:aa:00:02', has_carrier: true },
    ],
    system_vendor: { manufacturer: 'Ferrule', product_name: 'Simulated', system_uuid: bmc.machine.facts.uuid },
  })
  expect((facts['inventory'] as { disks: unknown[] }).disks).toHaveLength(4)
  expect(changes()).toEqual([])
})

test('every step that changes the machine is fenced', () => {
  const looks = [
    'power.verify',
    'bios.check_configuration',
    'bios.cache_bios_settings',
    'raid.check_configuration',
    'firmware.check_update',
    'inspect.inspect_hardware',
  ]
  const own: Pick<Step, 'interface' | 'step'>[] = [
    'power',
    'management',
    'bios',
    'raid',
    'firmware',
    'inspect',
    'vendor',
  ].flatMap((kind) =>
    Object.keys(driver.interfaces[kind as Kind]!['redfish']!.steps!).map((name) => ({ interface: kind, step: name })),
  )
  const unfenced = own
    .map((each) => `${each.interface}.${each.step}`)
    .filter((name) => !driver.fencing!.steps.includes(name))
  expect(unfenced.sort()).toEqual(looks.sort())
})
