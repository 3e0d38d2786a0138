// The clock of a BMC, and firmware that it fetches and finds the component for: judged by the simulated BMC's state and log.
import { expect, test } from 'vitest'
import { refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()
const HOUR_MS = 60 * 60_000

const ahead = () => Math.round(rig.bmc.machine.clock.aheadMs / 1000)
const told = () => rig.changes().map(({ what, detail }) => `${what} ${detail}`)

test('a clock that is right is left alone, and one that is not is set to the time of the conductor', async () => {
  await rig.step('management', 'verify_bmc_clock')
  expect(told()).toEqual([])
  rig.bmc.machine.clock = { aheadMs: -3 * HOUR_MS, offset: '-05:30' }
  const { context } = await rig.step('management', 'verify_bmc_clock')
  expect(Math.abs(ahead())).toBeLessThanOrEqual(2)
  expect(rig.bmc.machine.clock.offset).toBe('-05:30')
  expect(told()).toEqual(['PATCH Manager offset -05:30'])
  expect(context.notes).toContainEqual({ stage: 'bmc.clock_set', body: { off_ms: expect.any(Number) } })
})

test('a time and an offset of one’s own', async () => {
  const target_datetime = new Date(Date.now() + 24 * HOUR_MS).toISOString().replace(/\.\d+Z/, '+00:00')
  await rig.step('management', 'set_bmc_clock', { target_datetime, datetime_local_offset: '+01:00' })
  expect(Math.abs(ahead() - 24 * 3600)).toBeLessThanOrEqual(3)
  expect(rig.bmc.machine.clock.offset).toBe('+01:00')
  await rig.step('management', 'set_bmc_clock')
  expect(Math.abs(ahead())).toBeLessThanOrEqual(2)
})

test('a BMC whose offset cannot be set is not told one that nobody asked for', async () => {
  rig.bmc.quirks.fixedClock = 'offset'
  rig.bmc.machine.clock = { aheadMs: HOUR_MS, offset: '+02:00' }
  await rig.step('management', 'verify_bmc_clock')
  expect(Math.abs(ahead())).toBeLessThanOrEqual(2)
  const fault = await refusal(rig.step('management', 'set_bmc_clock', { datetime_local_offset: '+00:00' }))
  expect(fault).toMatchObject({ code: 'bmc.refused', message: expect.stringContaining('read only') })
})

test('a clock that is somebody else’s fails the step with the BMC’s words', async () => {
  rig.bmc.quirks.fixedClock = 'clock'
  rig.bmc.machine.clock = { aheadMs: HOUR_MS, offset: '+00:00' }
  const fault = await refusal(rig.step('management', 'verify_bmc_clock'))
  expect(fault).toMatchObject({ code: 'bmc.refused', message: expect.stringContaining('read only') })
})

const firmware_images = [
  { url: 'http://192.0.2.1/bmc-2.11.3.bin', checksum: 'a'.repeat(40) },
  { url: 'http://192.0.2.1/bios-1.5.0.bin', wait: 0 },
]

test('firmware images are told one after another, each once, and what has changed is said after the start', async () => {
  const { context } = await rig.step('management', 'update_firmware', { firmware_images })
  await rig.step('management', 'update_firmware', { firmware_images }, context.kept)
  expect(rig.bmc.log.of('UpdateService.SimpleUpdate').map(({ detail }) => detail)).toEqual(['BMC 2.11.3', 'BIOS 1.5.0'])
  rig.startAgain()
  const after = await rig.step('management', 'check_firmware_update', { firmware_images }, context.kept)
  expect(after.facts['firmware_components']).toContainEqual(
    expect.objectContaining({ component: 'bios', current_version: '1.5.0' }),
  )
  expect(after.context.notes).toContainEqual({
    stage: 'firmware.changed',
    body: { BIOS: '1.4.2 → 1.5.0', BMC: '2.10.0 → 2.11.3' },
  })
})

test('a successor waits for the update that was begun, and tells the BMC of the others only', async () => {
  const first = await rig.made({ firmware_images })
  // It dies when the first image has been told.
  const { promise: dead, reject } = Promise.withResolvers<never>()
  const { keep } = first
  first.keep = async (context) => {
    await keep(context)
    reject(new Error('the conductor is gone'))
    await dead
  }
  await expect(rig.stepOf('management', 'update_firmware', first)).rejects.toThrow('the conductor is gone')
  expect(rig.bmc.machine.firmware.get('BMC'), 'still under way').toBe('2.10.0')
  await rig.step('management', 'update_firmware', { firmware_images }, first.kept)
  expect(rig.bmc.log.of('UpdateService.SimpleUpdate').map(({ detail }) => detail)).toEqual(['BMC 2.11.3', 'BIOS 1.5.0'])
  expect(rig.bmc.machine.firmware.get('BMC')).toBe('2.11.3')
})

test('an update that fails is a fault with the BMC’s words, and the next one is not begun', async () => {
  rig.bmc.quirks.updatesFail = true
  expect(await refusal(rig.step('management', 'update_firmware', { firmware_images }))).toMatchObject({
    code: 'bmc.refused',
    message: expect.stringContaining('The work could not be done'),
  })
  expect(rig.bmc.log.of('UpdateService.SimpleUpdate')).toHaveLength(1)
})

test.each([
  ['update_firmware', {}, 'firmware_images'],
  ['update_firmware', { firmware_images: [{ url: 'file:///etc/passwd' }] }, 'http'],
  ['set_bmc_clock', { target_datetime: 'noon' }, 'ISO 8601'],
])('%s %j is refused before the BMC is told', async (step, args, words) => {
  expect(await refusal(rig.step('management', step, args))).toMatchObject({
    code: 'request.invalid',
    message: expect.stringContaining(words),
  })
  expect(rig.changes()).toEqual([])
})
