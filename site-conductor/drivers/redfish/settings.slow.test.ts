// BIOS, firmware and inspection by the Redfish driver, judged by the simulated BMC's state and log.
import { expect, test } from 'vitest'
import { refusal, Rig } from './testdata/rig.ts'

const rig = new Rig({ facts: { macs: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'] } })

const SETTINGS = [
  { name: 'ProcTurboMode', value: 'Disabled' },
  { name: 'QuietBootSeconds', value: '7' },
  { name: 'NumLock', value: 'false' },
]

test('BIOS settings wait for a start, are sent once, and are looked at afterwards', async () => {
  for (let i = 0; i < 2; i++) await rig.step('bios', 'apply_configuration', { settings: SETTINGS })
  expect(rig.bmc.log.of('PATCH BiosSettings').map(({ detail }) => detail)).toEqual([
    'ProcTurboMode=Disabled QuietBootSeconds=7 NumLock=false',
  ])
  expect(rig.bmc.machine.bios()).toMatchObject({ ProcTurboMode: 'Enabled' })
  const check = rig.step('bios', 'check_configuration', { settings: SETTINGS })
  rig.startAgain()
  const { facts } = await check
  expect(rig.bmc.machine.bios()).toMatchObject({ ProcTurboMode: 'Disabled', QuietBootSeconds: 7, NumLock: false })
  expect(facts['bios_settings']).toContainEqual(expect.objectContaining({ name: 'QuietBootSeconds', value: 7 }))
})

test('a factory reset is in force after a start', async () => {
  rig.bmc.machine.setBios({ ProcTurboMode: 'Disabled' })
  rig.startAgain()
  await rig.step('bios', 'factory_reset')
  rig.startAgain()
  const { facts } = await rig.step('bios', 'cache_bios_settings')
  expect(facts['bios_settings']).toContainEqual(expect.objectContaining({ name: 'ProcTurboMode', value: 'Enabled' }))
})

test.each([
  ['a setting that there is not', [{ name: 'Turbo', value: 1 }], 'request.invalid', 'Turbo'],
  ['a value that it cannot have', [{ name: 'ProcTurboMode', value: 'Sometimes' }], 'bmc.refused', 'Sometimes'],
  ['no list', 'ProcTurboMode', 'request.invalid', 'list'],
  ['nothing', [], 'request.invalid', 'list'],
])('BIOS: %s is refused', async (_, settings, code, words) => {
  const fault = await refusal(rig.step('bios', 'apply_configuration', { settings }))
  expect(fault).toMatchObject({ code, message: expect.stringContaining(words) })
  expect(rig.bmc.machine.pendingBios()).toEqual(rig.bmc.machine.bios())
})

test('firmware: the BMC is told once, and the new version is seen after the start', async () => {
  const settings = [
    { component: 'bmc', url: 'http://192.0.2.1/bmc-2.11.3.bin' },
    { component: 'bios', url: 'http://192.0.2.1/bios-1.5.0.bin' },
  ]
  const { context } = await rig.step('firmware', 'update', { settings })
  await rig.step('firmware', 'update', { settings }, context.kept)
  expect(rig.bmc.log.of('UpdateService.SimpleUpdate').map(({ detail }) => detail)).toEqual(['BMC 2.11.3', 'BIOS 1.5.0'])
  rig.startAgain()
  const { facts } = await rig.step('firmware', 'check_update', { settings }, context.kept)
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
  rig.bmc.quirks.updatesFail = true
  const settings = [{ component: 'bmc', url: 'http://192.0.2.1/bmc-2.11.3.bin' }]
  expect(await refusal(rig.step('firmware', 'update', { settings }))).toMatchObject({
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
  const fault = await refusal(rig.step('firmware', 'update', { settings }))
  expect(fault).toMatchObject({ code: 'request.invalid', message: expect.stringContaining(words) })
  expect(rig.changes()).toEqual([])
})

test('inspection finds processors, memory, disks, cards and who made it', async () => {
  const { facts } = await rig.step('inspect', 'inspect_hardware')
  expect(facts['properties']).toEqual({ cpu_arch: 'x86_64', cpus: 64, memory_mb: 65_536, local_gb: 479 })
  expect(facts['boot_mode']).toBe('uefi')
  expect(facts['inventory']).toMatchObject({
    cpu: { architecture: 'x86_64', count: 64, model_name: 'Simulated CPU', frequency: '3200' },
    memory: { physical_mb: 65_536 },
    interfaces: [
      { name: '1', mac_address: '52:54:00:aa:00:01', has_carrier: true },
      { name: '2', mac_address: '52:54:00:aa:00:02', has_carrier: true },
    ],
    system_vendor: { manufacturer: 'Ferrule', product_name: 'Simulated', system_uuid: rig.bmc.machine.facts.uuid },
  })
  expect((facts['inventory'] as { disks: unknown[] }).disks).toHaveLength(4)
  // Nobody says which NIC boots: all of them are to have ports, and ports that are there stay as they are.
  const nic = (last: string) => ({ address: `52:54:00:aa:00:${last}`, pxe_enabled: true, add: true })
  expect(facts['ports']).toEqual({ nics: [nic('01'), nic('02')], keep: 'all', update_pxe_enabled: false })
  expect(facts['plugin_data']).toMatchObject({ macs: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'] })
  expect(rig.changes()).toEqual([])
})
