// A node with disable_power_off (docs/adr/0015): what would be off and on is a reset, off itself is refused, and nothing switches the machine off.
import { expect, test } from 'vitest'
import { OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { change, fault, put, state, verb, work } = one

const inBand = { steps: steps('deploy.burn') }
const outOfBand = { steps: steps('raid.delete') }
const boot = ['boot.prepare_ramdisk', 'management.set_boot_device', 'power.reset', 'deploy.wait_agent']
const write = ['deploy.write_image', 'deploy.write_configdrive', 'deploy.prepare_instance_boot']
const end = ['deploy.tear_down_agent', 'boot.clean_up_ramdisk']
const toDisk = 'management.set_boot_device'

test.each([
  ['available', 'active', {}, [...boot, ...write, ...end, 'power.reset']],
  ['active', 'rebuild', {}, [...boot, ...write, ...end, 'power.reset']],
  ['active', 'deleted', {}, ['boot.clean_up_instance']],
  ['active', 'rescue', { rescuePassword: 'sealed' }, [...boot, 'rescue.rescue']],
  ['rescue', 'unrescue', {}, ['rescue.unrescue', 'boot.clean_up_ramdisk', toDisk, 'power.reset']],
  ['active', 'service', inBand, [...boot, 'deploy.burn', ...end, 'power.reset']],
  ['manageable', 'clean', inBand, [...boot, 'deploy.burn', ...end]],
  ['manageable', 'clean', { steps: steps('power.reboot') }, ['power.reset']],
  ['manageable', 'clean', { steps: steps('power.power_on') }, ['power.power_on']],
] as const)(
  'from %s, %s resets the machine where others are switched off and on: %o',
  async (from, name, args, plan) => {
    await change('disable_power_off = 1')
    await put(from)
    expect(await fault(verb(name, args))).toBeUndefined()
    expect(await work()).toEqual(plan)
  },
)

test.each(['active', 'rebuild'] as const)('%s with a step that switches off is refused', async (name) => {
  await change('disable_power_off = 1')
  const from = name === 'active' ? 'available' : 'active'
  await put(from)
  const args = { steps: [{ interface: 'power', step: 'power_off', priority: 30 }] }
  expect(await fault(verb(name, args))).toBe('conflict')
  expect(await state()).toBe(from)
})

test('a cleaning that switches off is refused', async () => {
  await change('disable_power_off = 1')
  await put('manageable')
  expect(await fault(verb('clean', { steps: steps('power.power_off') }))).toBe('conflict')
  expect(await state()).toBe('manageable')
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

test('automated cleaning boots its ramdisk by a reset, and the agent that it ends leaves the machine on', async () => {
  await change('disable_power_off = 1, automated_clean = NULL')
  await put('manageable')
  expect(await fault(verb('provide'))).toBeUndefined()
  const given = one.peer.last('task').steps
  expect(await work()).toEqual([...boot, 'deploy.erase', 'deploy.burn', ...end])
  expect(given.find(({ step }) => step === 'tear_down_agent')?.args).toEqual({ power_off: false })
})

const power = (target: string) =>
  fault(one.bench.command('node.power', { node: one.node, target: target as 'power on' }))

test.each(['power off', 'soft power off', 'soft rebooting'])('%s is refused', async (target) => {
  await change('disable_power_off = 1')
  expect(await power(target)).toBe('conflict')
})

test('rebooting is a reset, and power on is what it is', async () => {
  await change('disable_power_off = 1')
  expect(await power('rebooting')).toBeUndefined()
  expect(await work()).toEqual(['power.reset'])
  expect(await power('power on')).toBeUndefined()
  expect(await work()).toEqual(['power.power_on'])
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
