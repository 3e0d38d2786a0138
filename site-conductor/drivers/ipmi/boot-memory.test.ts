// ipmi_force_boot_device: the rules for a BMC that keeps no boot device, judged by what the machine finds at each of its starts.
import { expect, test } from 'vitest'
import type { StepResult } from '../../driver.ts'
import { Rig } from './testdata/rig.ts'

const rig = new Rig()
const [PXE, DISK, CDROM] = [1, 2, 5]
const info = { ipmi_force_boot_device: 'true' }

type Planned = readonly [kind: 'power' | 'management', step: string, args?: object]

/** Steps of one task, each of which sees what those before it have left. */
async function task(steps: readonly Planned[], given: Record<string, unknown> = info) {
  const kept: Record<string, unknown> = {}
  const facts: Record<string, unknown> = {}
  for (const [kind, step, args = {}] of steps) {
    const { result } = await rig.step(kind, step, { ...args }, { info: given, kept: { ...kept } })
    const { context, facts: told } = result as StepResult
    Object.assign(kept, context)
    Object.assign(facts, told?.['driver_internal_info'])
  }
  return facts
}
const set = (boot_device: string, persistent: boolean): Planned => [
  'management',
  'set_boot_device',
  { boot_device, persistent },
]
const on: Planned = ['power', 'power_on']
const cycle: readonly Planned[] = [['power', 'power_off'], on]

const devices = () => rig.chassis.starts.map(({ device }) => device)

test('what is set to stay is told again at each start, and for that start only', async () => {
  const facts = await task([set('disk', true), on, ...cycle, ...cycle])
  expect(rig.chassis.starts).toEqual(
    Array.from({ length: 3 }, () => ({ valid: true, persistent: false, efi: true, device: DISK })),
  )
  expect(facts).toEqual({ persistent_boot_device: 'disk', is_next_boot_persistent: true })
})

test('what is set for once is for one start, and then it is again what was set to stay', async () => {
  const facts = await task([set('disk', true), set('pxe', false), on, ...cycle, ...cycle])
  expect(devices()).toEqual([PXE, DISK, DISK])
  expect(facts).toEqual({ persistent_boot_device: 'disk', is_next_boot_persistent: true })
})

test('a reset is a start, too', async () => {
  await task([set('cdrom', true), on, ['power', 'reset']])
  expect(devices()).toEqual([CDROM, CDROM])
})

test('a start that was already is not told again, but the word about it has been heard', async () => {
  rig.chassis.control('on')
  const facts = await task([set('pxe', false), on])
  expect(rig.told('Set System Boot Options').filter((detail) => detail.startsWith('boot device'))).toEqual([
    'boot device 1 efi',
  ])
  expect(facts).toEqual({ is_next_boot_persistent: true })
})

test('without it the BMC keeps what is set to stay, and is told once', async () => {
  const steps = [set('disk', true), on, ...cycle]
  expect(await task(steps, {})).toEqual({})
  expect(devices()).toEqual([DISK, DISK])
  expect(rig.told('Set System Boot Options').filter((detail) => detail.startsWith('boot device'))).toHaveLength(1)
})

test('a node that is granted anew brings what is remembered along', async () => {
  const bootMemory = { persistent_boot_device: 'cdrom' }
  expect(await rig.call('management', 'get_boot_device', {}, { info, bootMemory })).toEqual({
    boot_device: 'cdrom',
    persistent: true,
  })
  await rig.step('power', 'power_on', {}, { info, bootMemory })
  expect(devices()).toEqual([CDROM])
})

test('while the next start is another’s the BMC is asked what it is', async () => {
  await rig.step('management', 'set_boot_device', { boot_device: 'pxe', persistent: false }, { info })
  const bootMemory = { persistent_boot_device: 'disk', is_next_boot_persistent: false }
  expect(await rig.call('management', 'get_boot_device', {}, { info, bootMemory })).toEqual({
    boot_device: 'pxe',
    persistent: false,
  })
})

test('a person’s call tells the node what is to be remembered', async () => {
  const told: unknown[] = []
  const tell = (facts: unknown) => void told.push(facts)
  await rig.call('management', 'set_boot_device', { boot_device: 'disk', persistent: true }, { info, tell })
  await rig.call('management', 'set_boot_device', { boot_device: 'disk', persistent: true }, { tell })
  expect(told).toEqual([{ driver_internal_info: { persistent_boot_device: 'disk', is_next_boot_persistent: true } }])
})
