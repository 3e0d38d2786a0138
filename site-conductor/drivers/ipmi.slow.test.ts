// The IPMI driver against a simulated BMC: the contract, what the BMC's log saw, and each failure as a fault that says what to do.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { PLANS, POWER_PLANS } from '../../cloud/plans.ts'
import { toFault } from '../../shared/faults.ts'
import { implementationOf } from '../driver.ts'
import { describeDriver } from '../driver-contract.ts'
import { nodeEnv } from '../ipmi/env.ts'
import { openPool } from '../ipmi/pool.ts'
import { Rig } from './ipmi/testdata/rig.ts'
import driver from './ipmi.ts'

const rig = new Rig({ logReads: false })

const context = (
  info: Record<string, unknown> = {},
  { args = {}, properties = {} }: { args?: Record<string, unknown>; properties?: Record<string, unknown> } = {},
) => rig.made(args, { info, properties })

const power = driver.interfaces.power['ipmitool']!
const management = driver.interfaces.management['ipmitool']!
const mutations = () => rig.bmc.log.of('Chassis Control').map((entry) => entry.detail)

describeDriver(driver, {
  driverInfo: () => rig.login(),
  powerChanges: mutations,
  wrongInfo: { ipmi_address: '', ipmi_password: 'a password of more than twenty bytes' },
  test,
})

const verify = async (info: Record<string, unknown>) =>
  toFault(await power.steps!['verify']!(await context(info)).catch((error: unknown) => error))

test('verify tells the power state, and how a successor shuts this conductor out', async () => {
  await expect(power.steps!['verify']!(await context())).resolves.toEqual({
    facts: {
      power_state: 'power off',
      properties: { vendor: 'intel corporation' },
      driver_internal_info: { fence: 'session' },
    },
  })
})

test('a vendor that somebody has set stays', async () => {
  const info = { ipmi_priv_level: 'OPERATOR' }
  const told = await power.steps!['verify']!(await context(info, { properties: { vendor: 'ours' } }))
  expect(told).toMatchObject({ facts: { power_state: 'power off' } })
  expect(told).not.toHaveProperty('facts.properties')
})

test.each([
  ['a wrong password', { ipmi_password: 'wrong' }, 'bmc.authentication', 'ipmi_password'],
  ['an unknown user', { ipmi_username: 'nobody' }, 'bmc.authentication', 'ipmi_username'],
  ['a user who may only look', { ipmi_username: 'viewer', ipmi_password: 'view' }, 'bmc.privilege', 'privilege'],
  ['a name that does not resolve', { ipmi_address: 'bmc.invalid' }, 'bmc.unreachable', 'ipmi_address'],
])('%s is a fault with the next action', async (_, info, code, hint) => {
  const fault = await verify(info)
  expect(fault.code).toBe(code)
  expect(fault.hint).toContain(hint)
  expect(JSON.stringify(fault)).not.toMatch(/"wrong"|view"/)
})

test('a BMC that does not offer suites 17 and 3 is a cipher fault', async () => {
  await rig.stop()
  await rig.start({ suites: [3] })
  expect((await verify({ ipmi_cipher_suite: 17 })).code).toBe('bmc.cipher')
})

test('soft power off is one soft command, and waits until the machine is off', async () => {
  const made = await context()
  await power.steps!['power_on']!(made)
  await power.steps!['soft_power_off']!(made)
  expect(mutations()).toEqual(['on', 'soft'])
  expect(await power.methods!['get_power_state']!(made, {})).toBe('power off')
})

test.each([
  ['pxe', false, {}, { device: 1, persistent: false, efi: true }],
  ['disk', true, {}, { device: 2, persistent: true, efi: true }],
  ['disk', true, { capabilities: 'boot_mode:bios' }, { device: 2, persistent: true, efi: false }],
  ['cdrom', false, { capabilities: { boot_mode: 'uefi' } }, { device: 5, persistent: false, efi: true }],
  ['disk', true, { vendor: 'Supermicro' }, { device: 9, persistent: true, efi: true }],
  ['disk', true, { vendor: 'Supermicro', capabilities: 'boot_mode:bios' }, { device: 2, persistent: true, efi: false }],
])(
  'boot device %s (persistent %s, %o) is what the BMC has afterwards',
  async (device, persistent, properties, expected) => {
    const args = { boot_device: device, persistent }
    await management.steps!['set_boot_device']!(await context({}, { args, properties }))
    expect(rig.bmc.chassis.boot()).toMatchObject({ valid: true, ...expected })
    expect(await management.methods!['get_boot_device']!(await context({}, { properties }), {})).toEqual({
      boot_device: device,
      persistent,
    })
  },
)

test.each([
  [[0x57, 0x01, 0x00], 'intel corporation'],
  [[0x7c, 0x2a, 0x00], 'supermicro'],
  [[0xff, 0xff, 0x00], null],
])('a BMC of manufacturer %j is one of %s', async (manufacturer, vendor) => {
  rig.bmc.firmware.manufacturer = manufacturer
  expect(await management.methods!['detect_vendor']!(await context(), {})).toBe(vendor)
})

test('the BMC is told not to forget the boot device before it is told the device', async () => {
  await management.steps!['set_boot_device']!(await context({}, { args: { boot_device: 'pxe', persistent: false } }))
  const settings = rig.bmc.log.of('Set System Boot Options').map((entry) => entry.detail)
  expect(settings).toHaveLength(2)
  expect(settings[0]).toMatch(/parameter 3|clear/i)
})

test('HTTP boot is a network boot to IPMI, and is asked for as such by plans alone', async () => {
  const args = { boot_device: 'pxe', persistent: false }
  const made = await context({}, { args })
  await management.steps!['set_boot_device']!({
    ...made,
    task: { ...made.task, context: { ramdisk_device: 'uefihttp' } },
  })
  expect(rig.bmc.chassis.boot()).toMatchObject({ valid: true, device: 1 })
  await expect(
    management.methods!['set_boot_device']!(await context(), { boot_device: 'uefihttp' }),
  ).rejects.toMatchObject({
    fault: { code: 'request.invalid' },
  })
})

test('an unknown boot device is refused before anything is sent', async () => {
  const made = await context({}, { args: { boot_device: 'tape' } })
  await expect(management.steps!['set_boot_device']!(made)).rejects.toMatchObject({
    fault: { code: 'request.invalid' },
  })
  expect(made.checks).toBe(0)
})

test('a BMC that falls silent is unreachable', async () => {
  rig.bmc.network.silent = true
  const made = await context()
  const { setTimer, ...env } = nodeEnv()
  const hasty = openPool({ env: { ...env, setTimer: (run, delayMs) => setTimer(run, delayMs / 100) } })
  made.site.resource = <T>() => hasty as T
  await expect(power.steps!['verify']!(made)).rejects.toMatchObject({ fault: { code: 'bmc.unreachable' } })
  await hasty.close()
})

const all = [
  ...Object.entries(PLANS),
  ...Object.entries(POWER_PLANS).map(([name, { steps }]) => [name, steps] as const),
]

test.each(all)(
  '%s: the BMC is told on, off and soft, never to cycle or reset, and only by steps that are fenced',
  async (_, steps) => {
    rig.bmc.chassis.control('on')
    for (const { interface: kind, step, args } of steps) {
      if (kind !== 'power' && kind !== 'management') continue
      const name = `${kind}.${step}`
      const made = await context({}, { args })
      const before = rig.bmc.log.entries.length
      const isFenced = driver.fencing!.steps.includes(name)
      const fence = isFenced ? await driver.fencing!.open(made, undefined) : undefined
      await implementationOf(driver, made.node, kind)!.steps![step]!({ ...made, before: made.before, fence })
      const told = rig.bmc.log.entries.slice(before).filter(({ command }) => /Control|Boot Options/.test(command))
      for (const { privilege } of told) expect([isFenced, privilege], name).toEqual([true, 4])
      await fence?.close()
    }
    for (const detail of mutations()) expect(['on', 'off', 'soft']).toContain(detail)
  },
)

test('no source of the conductor but the IPMI client itself names a command that does something else the second time', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !/^(ipmi|node_modules)\//.test(path),
  )
  expect(files).toContain('drivers/ipmi/power.ts')
  const breaches = files.filter((path) =>
    /controlChassis\([^)]*['"](cycle|reset|diag)['"]/.test(readFileSync(`${root}/${path}`, 'utf8')),
  )
  // A person's call, which nothing repeats.
  // What a machine is told that may not be off.
  expect(breaches).toEqual(['drivers/ipmi/nmi.ts', 'drivers/ipmi/power.ts'])
})

test('an interrupt is one packet of the BMC’s log, behind the last-moment check', async () => {
  const made = await context()
  const inject = implementationOf(driver, made.node, 'management')!.methods!['inject_nmi']!
  made.refused = true
  await expect(inject(made, {})).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(mutations()).toEqual([])
  made.refused = false
  await inject(made, {})
  expect(mutations()).toEqual(['diag'])
})
