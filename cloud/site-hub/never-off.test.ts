// A node with disable_power_off: a cycle is off and on here, so what would need one is refused; nothing switches the machine off behind that.
import { expect, test } from 'vitest'
import { OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { change, fault, put, state, verb, work } = one

const inBand = { steps: steps('deploy.burn') }
const outOfBand = { steps: steps('raid.delete') }

test.each([
  ['available', 'active', {}],
  ['active', 'rebuild', {}],
  ['active', 'deleted', {}],
  ['active', 'rescue', { rescuePassword: 'sealed' }],
  ['rescue', 'unrescue', {}],
  ['active', 'service', inBand],
  ['manageable', 'clean', inBand],
  ['manageable', 'clean', { steps: steps('power.reboot') }],
  ['manageable', 'clean', { steps: steps('power.power_off') }],
] as const)('from %s, %s is refused', async (from, name, args) => {
  await change('disable_power_off = 1')
  await put(from)
  expect(await fault(verb(name, args))).toBe('conflict')
  expect(await state()).toBe(from)
})

test.each([
  ['enroll', 'manage', {}],
  ['manageable', 'inspect', {}],
  ['manageable', 'adopt', {}],
  ['manageable', 'clean', outOfBand],
  ['manageable', 'provide', {}],
] as const)('from %s, %s is carried out, and the power stays on', async (from, name, args) => {
  await change('disable_power_off = 1')
  await put(from)
  expect(await fault(verb(name, args))).toBeUndefined()
  if (name !== 'provide') expect((await work()).filter((step) => step.includes('power_off'))).toEqual([])
})

test('automated cleaning, which boots a ramdisk, is refused, too', async () => {
  await change('disable_power_off = 1, automated_clean = NULL')
  await put('manageable')
  expect(await fault(verb('provide'))).toBe('conflict')
})

test.each(['power off', 'soft power off', 'rebooting', 'soft rebooting'] as const)('%s is refused', async (target) => {
  await change('disable_power_off = 1')
  expect(await fault(one.bench.command('node.power', { node: one.node, target }))).toBe('conflict')
})

const set = () =>
  one.bench.command('node.patch', { node: one.node, patch: [{ op: 'add', path: '/disable_power_off', value: true }] })

test('it is set while a service is on hold: what would switch off is not gone on with', async () => {
  await put('active')
  await verb('service', { steps: [...steps('raid.hold'), ...steps('power.reboot')] })
  expect(await state()).toBe('service hold')
  expect(await fault(set())).toBeUndefined()
  expect(await fault(verb('unhold'))).toBe('conflict')
  expect(await state()).toBe('service hold')
  expect(await fault(verb('abort'))).toBeUndefined()
})

test('it is set behind a ramdisk: what undoes that leaves the power alone', async () => {
  await put('active')
  await verb('service', { steps: [...steps('deploy.burn'), ...steps('raid.hold')] })
  await work()
  expect(await state()).toBe('service hold')
  await set()
  await verb('abort')
  expect(await work()).toEqual(['boot.clean_up_ramdisk', 'management.set_boot_device'])
})
