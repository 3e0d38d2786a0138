// The Redfish driver against a simulated BMC: the contract, what the BMC's log saw, and each failure as a fault that says what to do.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { PLANS, POWER_PLANS } from '../../cloud/plans.ts'
import { startRedfishBmc } from '../../sim/bmc/redfish/start.ts'
import { toFault } from '../../shared/faults.ts'
import { implementationOf } from '../driver.ts'
import { describeDriver } from '../driver-contract.ts'
import { issueServer, newSiteCa } from '../site/site-ca.ts'
import { Rig } from './redfish/testdata/rig.ts'
import driver from './redfish.ts'

const rig = new Rig()

const context = (
  info: Record<string, unknown> = {},
  { args = {}, properties = {} }: { args?: Record<string, unknown>; properties?: Record<string, unknown> } = {},
) => rig.made(args, {}, { info, properties })

const power = driver.interfaces.power['redfish']!
const management = driver.interfaces.management['redfish']!
const resets = () => rig.bmc.log.of('ComputerSystem.Reset').map(({ detail }) => detail)

describeDriver(driver, {
  driverInfo: () => rig.login(),
  powerChanges: resets,
  wrongInfo: { redfish_address: 'ftp://bmc', redfish_password: 'hunter2' },
  test,
})

const verify = async (info: Record<string, unknown>) =>
  toFault(await power.steps!['verify']!(await context(info)).catch((error: unknown) => error))

test('the health of the machine comes with its power: the worst of its parts, where the BMC sums them up', async () => {
  const read = async () => {
    const told: Record<string, unknown>[] = []
    const reading = { ...(await context()), tell: (facts: Record<string, unknown>) => void told.push(facts) }
    expect(await power.methods!['get_power_state']!(reading, {})).toBe('power off')
    return told
  }
  expect(await read()).toEqual([{ health: 'OK' }])
  rig.bmc.machine.health = { Health: 'OK', HealthRollup: 'Critical' }
  expect(await read()).toEqual([{ health: 'Critical' }])
  rig.bmc.machine.health = { Health: 'Warning' }
  expect(await read()).toEqual([{ health: 'Warning' }])
  for (const unknown of [{}, { Health: 'Fine' }, { Health: null }]) {
    rig.bmc.machine.health = unknown
    expect(await read()).toEqual([{ health: null }])
  }
})

test('verify tells what there is to be known, and how a successor shuts this conductor out', async () => {
  const { facts } = (await power.steps!['verify']!(await context())) as { facts: Record<string, unknown> }
  expect(facts).toMatchObject({
    power_state: 'power off',
    health: 'OK',
    boot_mode: 'uefi',
    secure_boot: false,
    driver_internal_info: { fence: 'session' },
  })
  expect(facts['bios_settings']).toContainEqual({
    name: 'ProcTurboMode',
    value: 'Enabled',
    attribute_type: 'Enumeration',
    allowable_values: ['Enabled', 'Disabled'],
    read_only: false,
    reset_required: true,
    unique: false,
  })
  expect(facts['firmware_components']).toEqual(
    [
      ['bios', '1.4.2', 'BIOS firmware'],
      ['bmc', '2.10.0', 'BMC firmware'],
      ['NIC.1', '22.31.6', 'NIC.1 firmware'],
    ].map(([component, version, model]) => ({
      component,
      initial_version: version,
      current_version: version,
      vendor: 'Ferrule',
      model,
    })),
  )
})

test.each([
  ['a wrong password', { redfish_password: 'wrong' }, 'bmc.authentication', 'redfish_password'],
  ['an unknown user', { redfish_username: 'nobody' }, 'bmc.authentication', 'redfish_username'],
  ['a name that does not resolve', { redfish_address: 'bmc.invalid' }, 'bmc.unreachable', 'redfish_address'],
  ['a port that nobody listens at', { redfish_address: 'http://127.0.0.1:9' }, 'bmc.unreachable', 'redfish_address'],
  ['a system that is not there', { redfish_system_id: '/redfish/v1/Systems/9' }, 'driver.unsupported', ''],
])('%s is a fault with the next action', async (_, info, code, hint) => {
  const fault = await verify(info)
  expect(fault.code).toBe(code)
  expect(fault.hint).toContain(hint)
  expect(JSON.stringify(fault)).not.toMatch(/"wrong"|view"|secret/)
})

test('a certificate that nobody vouches for is a fault with the next action', async () => {
  const { certificate: cert, privateKey: key } = await issueServer(
    await newSiteCa(new Date()),
    ['127.0.0.1'],
    new Date(),
  )
  const secured = await startRedfishBmc({ tls: { cert, key } })
  try {
    const fault = await verify({ redfish_address: secured.url })
    expect(fault).toMatchObject({ code: 'bmc.unreachable', hint: expect.stringContaining('redfish_verify_ca') })
    expect(fault.message).toContain('not trusted')
    expect(await verify({ redfish_address: secured.url, redfish_verify_ca: '/nowhere.pem' })).toMatchObject({
      code: 'driver.invalid_info',
      message: expect.stringContaining('/nowhere.pem'),
    })
    const believing = await context({ redfish_address: secured.url, redfish_verify_ca: 'no' })
    expect(await power.methods!['get_power_state']!(believing, {})).toBe('power off')
  } finally {
    await secured.close()
  }
})

test.each([
  [{ redfish_address: '' }, 'redfish_address'],
  [{ redfish_address: 'https://admin:pw@bmc' }, 'redfish_address'],
  [{ redfish_address: 'http://169.254.169.254/' }, 'redfish_address'],
  [{ redfish_system_id: 'Systems/1' }, 'redfish_system_id'],
  [{ redfish_verify_ca: 'ca.pem' }, 'redfish_verify_ca'],
  [{ redfish_verify_ca: 7 }, 'redfish_verify_ca'],
  [{ redfish_auth_type: 'digest' }, 'redfish_auth_type'],
])('driver_info %o is refused, by the name of the field', async (info, field) => {
  await expect(context(info)).rejects.toMatchObject({
    fault: { code: 'driver.invalid_info', message: expect.stringContaining(field) },
  })
})

test('a user who may only look is a fault with the next action', async () => {
  const made = await context({ redfish_username: 'viewer', redfish_password: 'view' })
  const fault = toFault(await power.steps!['power_on']!(made).catch((error: unknown) => error))
  expect(fault).toMatchObject({ code: 'bmc.privilege', hint: expect.stringContaining('privilege') })
  expect(rig.bmc.machine.chassis.power()).toBe('off')
})

test('soft power off is one graceful shutdown, and waits until the machine is off', async () => {
  const made = await context()
  await power.steps!['power_on']!(made)
  rig.bmc.quirks.powerMs = 50
  await power.steps!['soft_power_off']!(made)
  expect(resets()).toEqual(['On', 'GracefulShutdown'])
  expect(await power.methods!['get_power_state']!(made, {})).toBe('power off')
})

test.each([
  ['pxe', false, {}, { device: 1, persistent: false, efi: true }],
  ['disk', true, {}, { device: 2, persistent: true, efi: true }],
  ['disk', true, { capabilities: 'boot_mode:bios' }, { device: 2, persistent: true, efi: false }],
  ['cdrom', false, { capabilities: { boot_mode: 'uefi' } }, { device: 5, persistent: false, efi: true }],
])(
  'boot device %s (persistent %s, %o) is what the BMC has afterwards, and set once',
  async (device, persistent, properties, expected) => {
    const args = { boot_device: device, persistent }
    for (let i = 0; i < 2; i++) await management.steps!['set_boot_device']!(await context({}, { args, properties }))
    expect(rig.bmc.machine.chassis.boot()).toMatchObject({ valid: true, ...expected })
    expect(await management.methods!['get_boot_device']!(await context(), {})).toEqual({
      boot_device: device,
      persistent,
    })
    expect(rig.bmc.log.of('PATCH ComputerSystem')).toHaveLength(1)
  },
)

test('an unknown boot device is refused before anything is sent', async () => {
  const made = await context({}, { args: { boot_device: 'tape' } })
  await expect(management.steps!['set_boot_device']!(made)).rejects.toMatchObject({
    fault: { code: 'request.invalid' },
  })
  expect(made.checks).toBe(0)
})

test('a BMC without an override that stays gets one for the next start, and the timeline says so', async () => {
  rig.bmc.quirks.knowsContinuous = false
  const made = await context({}, { args: { boot_device: 'disk', persistent: true } })
  await management.steps!['set_boot_device']!(made)
  expect(rig.bmc.machine.chassis.boot()).toMatchObject({ valid: true, device: 2, persistent: false })
  expect(made.notes.map(({ stage }) => stage)).toEqual(['boot_device.once'])
})

const all = [
  ...Object.entries(PLANS),
  ...Object.entries(POWER_PLANS).map(([name, { steps }]) => [name, steps] as const),
]

test.each(all)(
  '%s: the BMC is told On, ForceOff and GracefulShutdown, never to restart, and only by steps that are fenced',
  async (_, steps) => {
    rig.bmc.machine.chassis.control('on')
    for (const { interface: kind, step, args } of steps) {
      if (kind !== 'power' && kind !== 'management') continue
      const name = `${kind}.${step}`
      const made = await context({}, { args })
      const isFenced = driver.fencing!.steps.includes(name)
      const fence = isFenced ? await driver.fencing!.open(made, undefined) : undefined
      const before = rig.bmc.log.entries.length
      await implementationOf(driver, made.node, kind)!.steps![step]!({ ...made, before: made.before, fence })
      const told = rig.bmc.log.entries.slice(before).filter(({ what }) => !/Session/.test(what))
      for (const { session } of told)
        expect([isFenced, `${session}@`], name).toEqual([true, fence!.session!.slice(0, -8)])
      await fence?.close()
    }
    for (const detail of resets()) expect(['On', 'ForceOff', 'GracefulShutdown']).toContain(detail)
    await rig.closeAll()
    expect(rig.bmc.activeSessions()).toBe(0)
  },
)

test('no source of the conductor names a reset that does something else the second time', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.startsWith('node_modules/'),
  )
  expect(files).toContain('drivers/redfish/power.ts')
  const naming = (what: RegExp) => files.filter((path) => what.test(readFileSync(`${root}/${path}`, 'utf8')))
  expect(naming(/['"](GracefulRestart|PowerCycle|PushPowerButton|ForceOn)['"]/)).toEqual([])
  // What a machine is told that may not be off.
  expect(naming(/['"]ForceRestart['"]/).toSorted()).toEqual(['drivers/redfish/power.ts', 'redfish/system.ts'])
})
