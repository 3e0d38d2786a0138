import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BOOT_FLAGS_TIMEOUT_MS, Chassis, bootOrder } from './chassis.ts'
import type { Power } from './chassis.ts'

function chassis() {
  const calls: string[] = []
  const clock = { nowMs: 1_000 }
  const power: Power & { isOn: boolean } = {
    isOn: false,
    on: () => void calls.push('on'),
    off: () => void calls.push('off'),
    cycle: () => void calls.push('cycle'),
    reset: () => void calls.push('reset'),
    soft: () => void calls.push('soft'),
    interrupt: () => void calls.push('interrupt'),
  }
  const it = new Chassis(power, () => clock.nowMs)
  const ipmi = (command: number, ...data: number[]) =>
    Buffer.from(it.ipmi(command, Uint8Array.from(data))).toString('hex')
  return { it, ipmi, power, calls, clock }
}

const [SET, GET] = [0x08, 0x09]
const PXE_ONCE = [5, 0x80, 0x04, 0, 0, 0] as const
const PXE_ALWAYS_EFI = [5, 0xe0, 0x04, 0, 0, 0] as const

test('status tells the power of this moment', () => {
  const { ipmi, power } = chassis()
  expect(ipmi(0x01)).toBe('00600000')
  power.isOn = true
  expect(ipmi(0x01)).toBe('00610000')
})

test.each([
  [0, 'off'],
  [1, 'on'],
  [2, 'cycle'],
  [3, 'reset'],
  [4, 'interrupt'],
  [5, 'soft'],
])('chassis control %i is %s', (action, name) => {
  const { ipmi, power, calls } = chassis()
  power.isOn = true
  expect(ipmi(0x02, action)).toBe('00')
  expect(calls).toEqual([name])
})

test.each([2, 3])('chassis control %i of a machine that is off is refused in this state', (action) => {
  const { ipmi, calls } = chassis()
  expect(ipmi(0x02, action)).toBe('d5')
  expect(calls).toEqual([])
})

test('all five boot flag bytes read back as written', () => {
  const { ipmi } = chassis()
  expect(ipmi(SET, 5, 0xe0, 0x04, 0x12, 0x34, 0x56)).toBe('00')
  expect(ipmi(GET, 5, 0, 0)).toBe('000105e004123456')
})

test('a one-time request is for exactly one start', () => {
  const { it, ipmi } = chassis()
  ipmi(SET, ...PXE_ONCE)
  expect(it.takeBootRequest()).toEqual({ device: 'net', persistent: false, efi: false })
  expect(ipmi(GET, 5, 0, 0)).toBe('0001050000000000')
  expect(it.takeBootRequest()).toEqual({ device: null, persistent: false, efi: false })
})

test('a persistent request is for every start, until it is replaced', () => {
  const { it, ipmi, clock } = chassis()
  ipmi(SET, ...PXE_ALWAYS_EFI)
  for (let start = 0; start < 3; start += 1) {
    clock.nowMs += BOOT_FLAGS_TIMEOUT_MS * 2
    expect(it.takeBootRequest()).toEqual({ device: 'net', persistent: true, efi: true })
  }
  ipmi(SET, 5, 0x80, 0x08, 0, 0, 0)
  expect(it.takeBootRequest()).toMatchObject({ device: 'disk', persistent: false })
  expect(it.takeBootRequest()).toMatchObject({ device: null })
})

test('flags without the valid bit ask for nothing', () => {
  const { it, ipmi } = chassis()
  ipmi(SET, 5, 0x40, 0x04, 0, 0, 0)
  expect(it.takeBootRequest().device).toBeNull()
})

test('a one-time request expires after a minute, unless parameter 3 says to keep it', () => {
  const { it, ipmi, clock } = chassis()
  ipmi(SET, ...PXE_ONCE)
  clock.nowMs += BOOT_FLAGS_TIMEOUT_MS + 1
  expect(ipmi(GET, 5, 0, 0)).toBe('0001050004000000')
  expect(it.takeBootRequest().device).toBeNull()

  ipmi(SET, 3, 0x08)
  ipmi(SET, ...PXE_ONCE)
  clock.nowMs += BOOT_FLAGS_TIMEOUT_MS + 1
  expect(it.takeBootRequest().device).toBe('net')
})

test.each<[string, number, number[], string]>([
  ['no action', 0x02, [], 'c7'],
  ['an unknown action', 0x02, [9], 'cc'],
  ['no parameter', SET, [], 'c7'],
  ['four flag bytes', SET, [5, 0x80, 4, 0, 0], 'c7'],
  ['an unknown device', SET, [5, 0x80, 0x3c, 0, 0, 0], 'cc'],
  ['an unknown parameter', SET, [99, 1], '80'],
  ['a short question', GET, [5], 'c7'],
  ['an unknown parameter asked', GET, [99, 0, 0], '80'],
  ['an unknown command', 0x33, [], 'c1'],
])('%s is refused', (_, command, data, code) => {
  expect(chassis().ipmi(command, ...data)).toBe(code)
})

test('any bytes give an answer that begins with a completion code', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 12 }))), (commands) => {
      const { it } = chassis()
      for (const [command, data] of commands) expect(it.ipmi(command, data).length).toBeGreaterThan(0)
    }),
  )
})

test('the requested device comes first, the rest keeps its order', () => {
  const request = (device: 'net' | 'disk' | 'cdrom' | null) => ({ device, persistent: false, efi: false })
  expect(bootOrder(request('net'), ['disk', 'net'])).toEqual(['net', 'disk'])
  expect(bootOrder(request('cdrom'), ['disk', 'net'])).toEqual(['cdrom', 'disk', 'net'])
  expect(bootOrder(request(null), ['disk'])).toEqual(['disk'])
})
