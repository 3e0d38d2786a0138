// Machines whose controllers are behind the BMC: what is theirs reaches them, in both ways in which answers come back, and nothing reaches the BMC's own.
import { expect, test } from 'vitest'
import { memoryChassis } from '../../../sim/bmc/chassis.ts'
import { refusal, Rig } from './testdata/rig.ts'

const single = { ipmi_bridging: 'single', ipmi_target_channel: '0', ipmi_target_address: '0x82' }
const dual = {
  ...single,
  ipmi_bridging: 'dual',
  ipmi_transit_channel: 7,
  ipmi_transit_address: '0x72',
  ipmi_target_channel: 6,
}
const blades = { single: memoryChassis(), dual: memoryChassis() }
const behind = [
  { channel: 0, address: 0x82, chassis: blades.single },
  {
    channel: 7,
    address: 0x72,
    chassis: memoryChassis(),
    behind: [{ channel: 6, address: 0x82, chassis: blades.dual }],
  },
]
const rig = new Rig({ behind })

for (const bridging of ['inside', 'after'] as const) {
  test.each([
    ['single', single, blades.single],
    ['dual', dual, blades.dual],
  ])(
    `a machine behind a %s bridge whose answers come ${bridging} is the one that is switched`,
    async (_, info, blade) => {
      rig.bmc.firmware.bridging = bridging
      await rig.step('power', 'power_on', {}, { info })
      expect([blade.power(), rig.chassis.power()]).toEqual(['on', 'off'])
      expect(await rig.call('power', 'get_power_state', {}, { info })).toBe('power on')
      await rig.step('management', 'set_boot_device', { boot_device: 'cdrom', persistent: true }, { info })
      expect(blade.boot()).toMatchObject({ device: 5, persistent: true })
      expect(await rig.call('management', 'get_boot_device', {}, { info })).toMatchObject({ boot_device: 'cdrom' })
      await rig.step('power', 'power_off', {}, { info })
      expect([blade.power(), rig.chassis.starts]).toEqual(['off', []])
    },
  )
}

test('sessions stay the affair of the BMC: verify finds out whether it can fence', async () => {
  const { result } = await rig.step('power', 'verify', {}, { info: single })
  expect(result).toMatchObject({ facts: { driver_internal_info: { fence: 'session' } } })
  expect(rig.told('Close Session').filter((detail) => detail.startsWith('session'))).toHaveLength(1)
})

test('an address where nobody is fails with what the BMC says of it', async () => {
  const info = { ...single, ipmi_target_address: '0x84' }
  expect(await refusal(rig.call('power', 'get_power_state', {}, { info }))).toMatchObject({
    code: 'bmc.refused',
    message: expect.stringContaining('nobody at that address behind the BMC'),
  })
})

test('what the controller behind refuses is its own refusal, not one of the way there', async () => {
  const context = await rig.made({ raw_bytes: '0x0a 0x99' }, { info: single })
  const fault = await refusal(rig.stepIn(context, 'vendor', 'send_raw'))
  expect(fault?.message).toMatch(/refused raw command 0x0a 0x99: unknown command/)
})

test('a read whose answer from behind got lost is asked again, a mutation is seen to be done', async () => {
  rig.bmc.firmware.bridging = 'after'
  rig.bmc.network.drop = 0.2
  const on = await rig.step('power', 'power_on', {}, { info: single, hurries: true })
  expect(on.result).toMatchObject({ facts: { power_state: 'power on' } })
  expect(blades.single.power()).toBe('on')
})

test.each([
  [{ ipmi_bridging: 'triple' }, /ipmi_bridging: must be no, single, dual/],
  [{ ipmi_bridging: 'single' }, /ipmi_target_channel is missing; ipmi_target_address is missing/],
  [{ ...single, ipmi_bridging: 'dual' }, /ipmi_transit_channel is missing; ipmi_transit_address is missing/],
  [{ ...single, ipmi_target_address: '0x182' }, /ipmi_target_address/],
  [{ ...single, ipmi_target_channel: 'first' }, /ipmi_target_channel/],
  [{ ipmi_protocol_version: '1.5' }, /ipmi_protocol_version: must be 2.0/],
  [{ ipmi_disable_boot_timeout: 'perhaps' }, /ipmi_disable_boot_timeout: must be true or false/],
])('driver_info %j is refused', async (info, why) => {
  const fault = await refusal(rig.made({}, { info }))
  expect(fault).toMatchObject({ code: 'driver.invalid_info', message: expect.stringMatching(why) })
})

test.each([
  { ipmi_protocol_version: 2 },
  { ipmi_protocol_version: '2.0', ipmi_bridging: 'no', ipmi_target_channel: 3 },
])('driver_info %j is taken', async (info) => {
  expect(await rig.call('power', 'get_power_state', {}, { info })).toBe('power off')
  expect(rig.told('Send Message')).toEqual([])
})

test.each([
  ['no', 0],
  ['True', 1],
])('with ipmi_disable_boot_timeout %s parameter 3 is written %i times', async (ipmi_disable_boot_timeout, times) => {
  const info = { ipmi_disable_boot_timeout }
  await rig.step('management', 'set_boot_device', { boot_device: 'pxe' }, { info })
  expect(rig.told('Set System Boot Options').filter((detail) => detail.startsWith('flag clearing'))).toHaveLength(times)
})
