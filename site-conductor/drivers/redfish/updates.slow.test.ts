// An update is told to a BMC once, also when whoever told it did not live to write that down: judged by the simulated BMC's log.
import { expect, test } from 'vitest'
import { refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()

const told = () => rig.bmc.log.of('UpdateService.SimpleUpdate').map(({ detail }) => detail)

const IMAGES = {
  firmware_images: [{ url: 'http://192.0.2.1/bmc-2.11.3.bin' }, { url: 'http://192.0.2.1/bios-1.5.0.bin' }],
}
const SETTINGS = { settings: [{ component: 'bmc', url: 'http://192.0.2.1/bmc-2.11.3.bin' }] }
const STEPS = [
  { kind: 'management', step: 'update_firmware', args: IMAGES, all: ['BMC 2.11.3', 'BIOS 1.5.0'] },
  { kind: 'firmware', step: 'update', args: SETTINGS, all: ['BMC 2.11.3'] },
] as const
const CHECK = { update_firmware: 'check_firmware_update', update: 'check_update' }

/** What a step has on record that is ended when the BMC has been told, before it writes that down. */
async function endedWhenTold({ kind, step, args }: (typeof STEPS)[number]) {
  const context = await rig.made(args)
  const { keep } = context
  context.keep = async (patch) => {
    if (told().length > 0) throw new Error('the conductor is gone')
    await keep(patch)
  }
  await expect(rig.stepOf(kind, step, context)).rejects.toThrow('the conductor is gone')
  expect(told()).toEqual(['BMC 2.11.3'])
  return context.kept
}

test.each(STEPS)(
  '$kind.$step: an update whose telling is not on record is found among the BMC’s tasks',
  async (given) => {
    const { kind, step, args, all } = given
    const kept = await endedWhenTold(given)
    // It does its work meanwhile.
    rig.bmc.machine.firmware.set('BMC', '2.11.3')
    const { context } = await rig.step(kind, step, args, kept)
    expect(told()).toEqual(all)
    rig.startAgain()
    const { facts } = await rig.step(kind, CHECK[step], args, context.kept)
    expect(facts['firmware_components']).toContainEqual(
      expect.objectContaining({ component: 'bmc', current_version: '2.11.3' }),
    )
  },
)

test.each(STEPS)(
  '$kind.$step: where nothing shows whether the BMC has heard of it, a person decides',
  async (given) => {
    const { kind, step, args } = given
    const kept = await endedWhenTold(given)
    rig.bmc.quirks.hidesTasks = true
    expect(await refusal(rig.step(kind, step, args, kept))).toMatchObject({
      code: 'bmc.refused',
      message: expect.stringContaining('it is not known whether the BMC was told of http://192.0.2.1/bmc-2.11.3.bin'),
      hint: expect.stringContaining('compare the versions'),
    })
    expect(told()).toEqual(['BMC 2.11.3'])
  },
)

test.each(STEPS)('$kind.$step: an update that the BMC refuses is not one that it may have heard of', async (given) => {
  const { kind, step, args } = given
  const wrong = JSON.parse(JSON.stringify(args).replaceAll(/bmc-2[^"]*/g, 'nothing')) as Record<string, unknown>
  const context = await rig.made(wrong)
  expect((await refusal(rig.stepOf(kind, step, context)))?.message).toContain('nothing to be updated')
  await rig.step(kind, step, args, context.kept)
  expect(told().at(0)).toBe('BMC 2.11.3')
})
