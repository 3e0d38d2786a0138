// ipmitool, freeipmi and pyghmi judge the simulated BMC.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { fileURLToPath } from 'node:url'
import { memoryChassis } from './chassis.ts'
import { startBmc, type RunningBmc } from './start.ts'
import { need, run } from './third-party.ts'

let bmc: RunningBmc
const { chassis, starts } = (() => {
  const made = memoryChassis()
  return { chassis: made, starts: made.starts }
})()

const blades = [memoryChassis(), memoryChassis()] as const
const behind = [
  { channel: 0, address: 0x82, chassis: blades[0] },
  { channel: 7, address: 0x72, chassis: memoryChassis(), behind: [{ channel: 6, address: 0x84, chassis: blades[1] }] },
]

beforeAll(async () => {
  need('/usr/bin/ipmitool', '/usr/sbin/ipmipower', '/usr/sbin/ipmi-chassis', '/usr/sbin/bmc-info')
  need('/usr/bin/python3', '/usr/lib/python3/dist-packages/pyghmi/__init__.py')
  // freeipmi and pyghmi leave half-open sessions behind when a login fails.
  bmc = await startBmc({ chassis, sessionLimit: 16, behind })
})
afterAll(() => bmc.close())
beforeEach(() => chassis.control('off'))

function ipmitool(suite: string[], ...args: string[]) {
  const place = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(bmc.port), '-U', 'admin', '-P', 'secret']
  return run('/usr/bin/ipmitool', [...place, ...suite, ...args])
}

function freeipmi(program: string, suite: number, ...args: string[]) {
  const login = ['-h', `127.0.0.1:${bmc.port}`, '-u', 'admin', '-p', 'secret', '-D', 'LAN_2_0', '-I', String(suite)]
  return run(`/usr/sbin/${program}`, [...login, ...args])
}

test.each([[['-C', '3']], [['-C', '17']], [[]]])('ipmitool %j: power, boot device, device id', async (suite) => {
  expect(await ipmitool(suite, 'power', 'status')).toEqual({ code: 0, text: 'Chassis Power is off\n' })
  expect((await ipmitool(suite, 'power', 'on')).code).toBe(0)
  expect(await ipmitool(suite, 'power', 'status')).toEqual({ code: 0, text: 'Chassis Power is on\n' })
  expect((await ipmitool(suite, 'power', 'off')).code).toBe(0)
  expect(chassis.power()).toBe('off')
  expect((await ipmitool(suite, 'chassis', 'bootdev', 'pxe', 'options=persistent,efiboot')).code).toBe(0)
  const flags = await ipmitool(suite, 'chassis', 'bootparam', 'get', '5')
  expect(flags.text).toContain('Boot parameter data: e004000000')
  expect(flags.text).toContain('Options apply to all future boots')
  expect((await ipmitool(suite, 'chassis', 'bootdev', 'disk')).code).toBe(0)
  expect((await ipmitool(suite, 'chassis', 'bootparam', 'get', '5')).text).toContain('data: 8008000000')
  const info = await ipmitool(suite, 'mc', 'info')
  expect(info.text).toMatch(/Firmware Revision +: 1\.05\nIPMI Version +: 2\.0\nManufacturer ID +: 343/)
  expect((await ipmitool(suite, 'session', 'info', 'active')).text).toMatch(/session type +: IPMIv2\/RMCP\+/)
})

test('ipmitool: the boot flags reach the machine', async () => {
  await ipmitool([], 'raw', '0x00', '0x08', '0x03', '0x08')
  await ipmitool([], 'chassis', 'bootdev', 'cdrom', 'options=efiboot')
  const before = starts.length
  await ipmitool([], 'power', 'on')
  expect(starts.slice(before)).toEqual([{ valid: true, persistent: false, efi: true, device: 5 }])
})

test('ipmitool: a wrong password and a low privilege are refused', async () => {
  const before = bmc.log.of('Chassis Control').length
  const wrong = await ipmitool([], '-P', 'wrong', 'power', 'on')
  expect(wrong.code).not.toBe(0)
  const viewer = await ipmitool([], '-U', 'viewer', '-P', 'view', '-L', 'USER', 'power', 'on')
  expect(viewer.text).toContain('Insufficient privilege level')
  const tooMuch = await ipmitool([], '-U', 'viewer', '-P', 'view', '-L', 'ADMINISTRATOR', 'power', 'on')
  expect(tooMuch.code).not.toBe(0)
  const refused = bmc.log.of('Chassis Control').slice(before)
  expect(refused).toMatchObject([{ user: 'viewer', privilege: 2, detail: 'refused 0xd4' }])
  expect(chassis.power()).toBe('off')
})

test('ipmitool: there is no cipher suite 0', async () => {
  expect((await ipmitool(['-C', '0'], 'power', 'on')).code).not.toBe(0)
  expect(chassis.power()).toBe('off')
})

test.each([3, 17])('freeipmi with suite %i: power, chassis, device', async (suite) => {
  expect((await freeipmi('ipmipower', suite, '--stat')).text).toBe('127.0.0.1: off\n')
  expect((await freeipmi('ipmipower', suite, '--on')).text).toBe('127.0.0.1: ok\n')
  expect((await freeipmi('ipmipower', suite, '--stat')).text).toBe('127.0.0.1: on\n')
  expect((await freeipmi('ipmi-chassis', suite, '--get-chassis-status')).text).toMatch(/System Power +: on/)
  expect((await freeipmi('ipmipower', suite, '--off')).text).toBe('127.0.0.1: ok\n')
  chassis.setBoot({ valid: true, persistent: true, efi: true, device: 1 })
  const flags = await freeipmi('ipmi-chassis', suite, '--get-boot-flags')
  expect(flags.text).toMatch(/Boot device selector +: Force PXE/i)
  expect(flags.text).toMatch(/BIOS boot type +: Extensible Firmware Interface/i)
  expect((await freeipmi('bmc-info', suite, '--get-device-id')).text).toMatch(/Firmware Revision +: 1\.05/)
  expect((await freeipmi('ipmipower', suite, '--stat', '-p', 'wrong')).text).toBe('127.0.0.1: password invalid\n')
})

test.each(['inside', 'after'] as const)('ipmitool: controllers behind it, their answers %s', async (bridging) => {
  bmc.firmware.bridging = bridging
  const single = ['-b', '0', '-t', '0x82']
  const dual = ['-B', '7', '-T', '0x72', '-b', '6', '-t', '0x84']
  // Over two buses ipmitool understands only answers that come by themselves.
  const ways = [[single, blades[0]] as const, ...(bridging === 'after' ? [[dual, blades[1]] as const] : [])]
  for (const [bridge, blade] of ways) {
    expect((await ipmitool([], ...bridge, 'power', 'on')).code).toBe(0)
    expect([blade.power(), chassis.power()]).toEqual(['on', 'off'])
    expect((await ipmitool([], ...bridge, 'power', 'status')).text).toBe('Chassis Power is on\n')
    expect((await ipmitool([], ...bridge, 'power', 'off')).code).toBe(0)
    expect(blade.power()).toBe('off')
  }
  expect((await ipmitool([], '-b', '0', '-t', '0x86', 'power', 'status')).code).not.toBe(0)
})

test('ipmitool: the console, both ways', async () => {
  const script = fileURLToPath(new URL('testdata/ipmitool-console.py', import.meta.url))
  const { serial } = bmc
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\r\n`).join('')
  serial.onTyped = () => serial.typed.includes('root') && serial.say(`${lines}done.`)
  const { code, text } = await run('/usr/bin/python3', [script, String(bmc.port), 'root', 'done.'])
  expect({ code, typed: serial.typed }).toMatchObject({ code: 0, typed: expect.stringMatching(/^root/) })
  expect(text.replaceAll('\r', '')).toContain(lines.replaceAll('\r', ''))
  expect(serial.isActive).toBe(false)
})

test("pyghmi's client: power, persistent EFI boot, wrong password", async () => {
  const script = fileURLToPath(new URL('testdata/pyghmi-client.py', import.meta.url))
  const found = await run('/usr/bin/python3', [script, String(bmc.port), 'secret'])
  expect(JSON.parse(found.text)).toEqual({
    power: ['off', 'on', 'off'],
    boot: { bootdev: 'network', persistent: true, uefimode: true },
  })
  const wrong = await run('/usr/bin/python3', [script, String(bmc.port), 'wrong'])
  expect(JSON.parse(wrong.text)).toMatchObject({ error: expect.stringMatching(/password/i) })
})
