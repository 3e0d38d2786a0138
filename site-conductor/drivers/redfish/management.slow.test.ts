// What the Redfish driver does to a machine beside power and boot device, judged by the simulated BMC's state and log.
import { expect, test } from 'vitest'
import type { Step } from '../../../shared/protocol.ts'
import driver from '../redfish.ts'
import { implementation, type Kind, refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()

test('boot mode and secure boot are the BMC’s afterwards, and set once', async () => {
  for (let i = 0; i < 2; i++) {
    expect((await rig.step('management', 'set_boot_mode', { mode: 'bios' })).facts).toEqual({ boot_mode: 'bios' })
    expect((await rig.step('management', 'set_secure_boot', { enabled: true })).facts).toEqual({ secure_boot: true })
  }
  expect([rig.bmc.machine.efi, rig.bmc.machine.secureBootEnable]).toEqual([false, true])
  expect(rig.changes().map(({ what }) => what)).toEqual(['PATCH ComputerSystem', 'PATCH SecureBoot'])
  expect(await rig.call('management', 'get_boot_mode')).toBe('bios')
  expect(await rig.call('management', 'get_secure_boot_state')).toBe(true)
})

test('the keys of secure boot are reset or deleted', async () => {
  await rig.step('management', 'clear_secure_boot_keys')
  expect(rig.bmc.machine.secureBootKeys).toBe('none')
  await rig.step('management', 'reset_secure_boot_keys_to_default')
  expect(rig.bmc.machine.secureBootKeys).toBe('default')
  expect(rig.changes().map(({ detail }) => detail)).toEqual(['DeleteAllKeys', 'ResetAllKeysToDefault'])
})

test('a machine that is in its self-test gets its boot device afterwards', async () => {
  rig.bmc.quirks.postChanges = 2
  const context = await rig.made({ boot_device: 'pxe' })
  const env = { ...context.env, setTimer: (ms: number, run: () => void) => context.env.setTimer(ms / 1000, run) }
  await implementation('management').steps!['set_boot_device']!({ ...context, before: context.before, env })
  expect(rig.bmc.machine.chassis.boot()).toMatchObject({ valid: true, device: 1 })
  expect(context.notes.map(({ stage }) => stage)).toEqual(['boot_device.during_post', 'boot_device.during_post'])
})

test('a BMC that forgets a target without the word for how long is told it each time', async () => {
  await rig.stop()
  await rig.start({ facts: { manufacturer: 'Supermicro' } })
  for (const boot_device of ['pxe', 'disk'] as const) await rig.step('management', 'set_boot_device', { boot_device })
  expect(rig.bmc.machine.chassis.boot()).toMatchObject({ valid: true, device: 2, persistent: false })
})

test('an interrupt is one reset of type Nmi, behind the last-moment check', async () => {
  const context = await rig.made()
  context.refused = true
  const inject = implementation('management').methods!['inject_nmi']!
  expect(await refusal(inject(context, {}))).toMatchObject({ code: 'fenced' })
  expect(rig.bmc.machine.nmis).toBe(0)
  context.refused = false
  await inject(context, {})
  expect(rig.bmc.machine.nmis).toBe(1)
})

test('lights of system and chassis are found by their names and set', async () => {
  const found = (await rig.call('management', 'get_supported_indicators')) as { name: string; states: string[] }[]
  const [system, chassis] = found.map(({ name }) => name)
  expect(found).toEqual(
    [`${rig.bmc.machine.facts.uuid}@system`, '1@chassis'].map((name) => ({
      name,
      readonly: false,
      states: ['blinking', 'off', 'on'],
      state: 'off',
    })),
  )
  await rig.call('management', 'set_indicator_state', { indicator: system, state: 'blinking' })
  await rig.call('management', 'set_indicator_state', { indicator: chassis, state: 'on' })
  expect(Object.fromEntries(rig.bmc.machine.indicators)).toEqual({ system: 'Blinking', chassis: 'Lit' })
  expect(await rig.call('management', 'get_indicator_state', { indicator: chassis })).toBe('on')
  for (const args of [
    { indicator: 'nobody@system', state: 'on' },
    { indicator: system, state: 'unknown' },
  ])
    expect(await refusal(rig.call('management', 'set_indicator_state', args))).toMatchObject({
      code: 'request.invalid',
    })
})

test('virtual media go in and out, one image takes the place of another, and the same stays', async () => {
  const attach = (device_type: string, image_url: string) =>
    rig.call('management', 'attach_virtual_media', { device_type, image_url })
  await attach('cdrom', 'http://192.0.2.1/a.iso')
  await attach('cdrom', 'http://192.0.2.1/b.iso')
  await attach('cdrom', 'http://192.0.2.1/b.iso')
  await attach('floppy', 'http://192.0.2.1/c.img')
  const media = (device_type: string, image: string, type: string) => {
    return { device_type, image_url: image, image, media_types: expect.arrayContaining([type]), inserted: true }
  }
  expect(await rig.call('management', 'get_virtual_media')).toEqual([
    media('cdrom', 'http://192.0.2.1/b.iso', 'CD'),
    media('floppy', 'http://192.0.2.1/c.img', 'Floppy'),
  ])
  expect(rig.bmc.log.of('VirtualMedia.InsertMedia')).toHaveLength(3)
  await rig.call('management', 'detach_virtual_media', { device_types: ['cdrom'] })
  expect(rig.bmc.machine.media.map(({ image }) => image)).toEqual([null, 'http://192.0.2.1/c.img'])
  await rig.call('management', 'detach_virtual_media')
  expect(rig.bmc.machine.media.map(({ image }) => image)).toEqual([null, null])
  expect(rig.bmc.log.refused()).toEqual([])
})

test('the vendor method ejects one device or all, and takes no other', async () => {
  for (const medium of rig.bmc.machine.media) medium.image = 'http://192.0.2.1/x'
  await rig.step('vendor', 'eject_vmedia', { boot_device: 'cd' })
  expect(rig.bmc.machine.media.map(({ image }) => image)).toEqual([null, 'http://192.0.2.1/x'])
  await rig.step('vendor', 'eject_vmedia')
  expect(rig.bmc.machine.media.map(({ image }) => image)).toEqual([null, null])
  const { validate } = implementation('vendor').vendor!['eject_vmedia']!
  expect(() => validate!({ boot_device: 'tape' })).toThrow(/cd, dvd, usb, floppy/)
})

test('sensors come in Ironic’s groups', async () => {
  rig.bmc.machine.chassis.control('on')
  expect(await rig.call('management', 'get_sensors_data')).toEqual({
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

test('every step that changes the machine is fenced', () => {
  const looks = [
    'power.verify',
    'bios.check_configuration',
    'bios.cache_bios_settings',
    'raid.check_configuration',
    'firmware.check_update',
    'management.check_firmware_update',
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
