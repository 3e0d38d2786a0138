// Raw bytes and resets of the BMC, judged by its log: what arrives, with what right, and how often.
import { expect, test } from 'vitest'
import driver from '../ipmi.ts'
import { implementation, refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()
const { vendor } = implementation('vendor')

test('raw bytes arrive as they are, and the timeline has the answer', async () => {
  const { context, result } = await rig.step('vendor', 'send_raw', { raw_bytes: '0x00 0x08 3 0x08' })
  expect(rig.told('Set System Boot Options')).toEqual(['flag clearing 0x8'])
  expect(result).toEqual({ context: { raw_begun: null } })
  expect(context.notes.at(-1)).toEqual({ stage: 'bmc.raw', body: { answer: '' } })
  const read = await rig.step('vendor', 'send_raw', { raw_bytes: '0x00 0x01' })
  expect(read.context.notes.at(-1)).toEqual({ stage: 'bmc.raw', body: { answer: '600040' } })
})

test('what changes the BMC is a step within a fence, as Administrator', async () => {
  expect(driver.fencing!.steps).toEqual(expect.arrayContaining(['vendor.send_raw', 'vendor.bmc_reset']))
  await rig.step('vendor', 'send_raw', { raw_bytes: '0x00 0x02 0x01' })
  expect(rig.bmc.log.of('Chassis Control')).toMatchObject([{ detail: 'on', privilege: 4 }])
})

test('without a fence, too, nobody is kept from what the user may do', async () => {
  const context = await rig.made({ warm: true }, { hurries: true })
  await implementation('vendor').steps!['bmc_reset']!(context)
  expect(rig.bmc.log.of('Warm Reset')).toMatchObject([{ privilege: 4 }])
})

test.each([
  ['no', undefined, /raw_bytes is needed/],
  ['numbers as', 7, /raw_bytes is needed/],
  ['empty', '', /bytes with spaces/],
  ['too few', '0x00', /2 to 256 bytes/],
  ['too many', `0x00 0x01${' 0x00'.repeat(255)}`, /2 to 256 bytes/],
  ['words as', '0x00 zero', /bytes with spaces/],
  ['too large', '0x00 256', /bytes with spaces/],
  ['ambiguous', '0x00 010', /bytes with spaces/],
  ["an answer's", '0x01 0x01', /network function 0x1 /],
  ['nobody’s', '0x40 0x01', /network function 0x40 /],
])('%s raw_bytes are refused before anything is sent', async (_, raw_bytes, why) => {
  const args = { raw_bytes }
  expect(() => vendor!['send_raw']!.validate!(args)).toThrow(why)
  const context = await rig.made(args)
  const send = implementation('vendor').steps!['send_raw']!
  expect(await refusal(send(context) as Promise<unknown>)).toMatchObject({ code: 'request.invalid' })
  expect([context.checks, rig.bmc.log.entries]).toEqual([0, []])
})

test('raw bytes whose answer got lost are not sent again, by this run or the next', async () => {
  const context = await rig.made({ raw_bytes: '0x00 0x02 0x03' }, { hurries: true })
  rig.bmc.chassis.control('on')
  const fence = await driver.fencing!.open(context, undefined)
  rig.bmc.firmware.loseAnswers = 1
  const send = implementation('vendor').steps!['send_raw']!
  expect(await refusal(send({ ...context, before: context.before, fence }))).toMatchObject({ code: 'bmc.session_lost' })
  await fence.close()
  const again = await refusal(rig.stepIn(context, 'vendor', 'send_raw'))
  expect(again).toMatchObject({ code: 'bmc.unreachable', message: expect.stringContaining('not sent again') })
  expect(rig.told('Chassis Control')).toEqual(['reset'])
})

test('the last-moment check stops raw bytes and resets', async () => {
  const context = await rig.made({ raw_bytes: '0x00 0x02 0x01' })
  context.refused = true
  for (const name of ['send_raw', 'bmc_reset']) {
    const step = implementation('vendor').steps![name]!
    expect(await refusal(step({ ...context, before: context.before }) as Promise<unknown>)).toMatchObject({
      code: 'fenced',
    })
  }
  expect([rig.told('Chassis Control'), rig.told('Warm Reset')]).toEqual([[], []])
})

test.each([
  [{}, 'Warm Reset'],
  [{ warm: true }, 'Warm Reset'],
  [{ warm: false }, 'Cold Reset'],
])('a reset of the BMC with %j is one %s, the machine is left alone', async (args, command) => {
  await rig.step('vendor', 'bmc_reset', args, { hurries: true })
  expect([...rig.told('Warm Reset'), ...rig.told('Cold Reset')]).toEqual([''])
  expect(rig.told(command)).toEqual([''])
  expect(rig.told('Chassis Control')).toEqual([])
  expect(rig.bmc.activeSessions()).toBe(0)
})

test('a BMC that starts anew before it answers has done what it was told', async () => {
  const context = await rig.made({}, { hurries: true })
  const fence = await driver.fencing!.open(context, undefined)
  // Of what is asked in the session only the reset is behind the last-moment check.
  const before = () => void (rig.bmc.firmware.loseAnswers = 1)
  await implementation('vendor').steps!['bmc_reset']!({ ...context, fence, before })
  expect(rig.told('Warm Reset')).toEqual([''])
  await fence.close()
})

test('a BMC that was silent before the reset was not reset', async () => {
  const context = await rig.made({}, { hurries: true })
  const fence = await driver.fencing!.open(context, undefined)
  rig.bmc.network.silent = true
  const step = implementation('vendor').steps!['bmc_reset']!
  expect(await refusal(step({ ...context, before: context.before, fence }) as Promise<unknown>)).toMatchObject({
    code: 'bmc.session_lost',
  })
  await fence.close()
})

test('warm is true or false, and a reset is not offered as a step', async () => {
  expect(() => vendor!['bmc_reset']!.validate!({ warm: 'yes' })).toThrow(/true or false/)
  expect(Object.keys(implementation('vendor').offers!)).toEqual(['send_raw'])
})
