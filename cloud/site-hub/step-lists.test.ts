// Lists of steps: chosen, shown, aborted, parked at a hold and continued, over a real database; the test plays the conductor.
import { expect, test } from 'vitest'
import { deployTemplates, nodeTraits, runbooks } from '../schema/organisation-resources.ts'
import { insert } from '../schema/rows.ts'
import { driver, OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { cancelled, change, fault, path, put, row, state, verb, wait, work } = one

test('provide cleans with every step that has a priority; without any there is nothing to do', async () => {
  await change('automated_clean = NULL')
  await put('manageable')
  await verb('provide')
  const done = await work()
  expect(done.filter((name) => name.startsWith('deploy.'))).toEqual([
    ...['deploy.wait_agent', 'deploy.erase', 'deploy.burn', 'deploy.tear_down_agent'],
  ])
  expect(await state()).toBe('available')
  await put('manageable')
  await one.bench.disconnect(one.peer)
  await one.bench.connect('a', [{ ...driver, steps: { clean: [] } }], null, 'run-2')
  await verb('provide')
  expect(await row('provision_state', 'task')).toEqual({ provision_state: 'available', task: null })
})

test('a conductor that tells no steps gets the plans as they always were', async () => {
  await one.bench.disconnect(one.peer)
  const { steps: _, ...old } = driver
  one.peer = await one.bench.connect('a', [old], null, 'run-2')
  await change('automated_clean = NULL')
  await put('manageable')
  await verb('provide')
  expect(await work()).toContain('deploy.erase_devices_metadata')
  expect(await state()).toBe('available')
})

/** A runbook for nodes with the trait of its name. */
const book = (name: string, ...names: string[]) =>
  insert(runbooks, { uuid: crypto.randomUUID(), name, steps: steps(...names), disable_ramdisk: false, created_at: 'x' })

test('automated cleaning is what the runbook of the node says, by provide and behind an instance', async () => {
  await change(`automated_clean = NULL, driver_info = '{"cleaning_runbook": "CUSTOM_WIPE"}'`)
  await one.bench.sql.batch([
    book('CUSTOM_WIPE', 'raid.delete', 'deploy.burn'),
    insert(nodeTraits, { node: one.node, trait: 'CUSTOM_WIPE' }),
  ])
  for (const [from, name] of [
    ['manageable', 'provide'],
    ['error', 'deleted'],
  ] as const) {
    await put(from)
    await verb(name)
    if (name === 'deleted') await work()
    const done = await work()
    expect(done.filter((step) => /^(raid|deploy)\./.test(step))).toEqual([
      ...['deploy.wait_agent', 'raid.delete', 'deploy.burn', 'deploy.tear_down_agent'],
    ])
    expect(await state()).toBe('available')
  }
})

test.each([
  ['CUSTOM_NONE', 'Runbook CUSTOM_NONE could not be found.'],
  ['CUSTOM_OTHER', 'the node has none of its traits'],
])(
  'a cleaning runbook that the node cannot have (%s) fails its cleaning, by provide and behind an instance',
  async (name, why) => {
    await change(`automated_clean = NULL, driver_info = '{"cleaning_runbook": "${name}"}'`)
    await one.bench.sql.batch([book('CUSTOM_OTHER', 'raid.delete')])
    await put('manageable')
    expect(await fault(verb('provide'))).toBeUndefined()
    expect(await state()).toBe('clean failed')
    await put('error')
    await verb('deleted')
    await work()
    expect(await row('provision_state', 'task')).toEqual({ provision_state: 'clean failed', task: null })
    expect((await row('last_error'))['last_error']).toContain(why)
  },
)

test('clean does the list in its order and ends in manageable; the node shows the step and the list', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('raid.delete', 'deploy.burn') })
  expect(await row('provision_state', 'target_provision_state')).toEqual({
    provision_state: 'cleaning',
    target_provision_state: 'manageable',
  })
  await wait('deploy.burn')
  const { clean_step: step, driver_internal_info: internal } = await row('clean_step', 'driver_internal_info')
  expect(JSON.parse(String(step))).toEqual({
    interface: 'deploy',
    step: 'burn',
    args: {},
    priority: 10,
    abortable: false,
    argsinfo: null,
    requires_ramdisk: true,
  })
  const { clean_steps: list, clean_step_index: index } = JSON.parse(String(internal))
  expect(list[index]).toMatchObject({ interface: 'deploy', step: 'burn' })
  await work()
  expect(await row('provision_state', 'clean_step', 'driver_internal_info')).toEqual({
    provision_state: 'manageable',
    clean_step: '{}',
    driver_internal_info: '{}',
  })
})

test.each([
  ['clean', 'manageable', 'clean_step'],
  ['service', 'active', 'service_step'],
])('a step that a person listed for %s is shown with all that its driver says of it', async (name, from, column) => {
  const settings = [{ name: 'ProcVirtualization', value: 'Enabled' }]
  const asked = { interface: 'bios', step: 'apply_configuration', args: { settings } }
  await put(from)
  await verb(name, { steps: [asked] })
  await wait('bios.apply_configuration')
  expect(JSON.parse(String((await row(column))[column]))).toEqual({
    ...asked,
    priority: 0,
    abortable: false,
    argsinfo: { settings: { description: 'what', required: true } },
    requires_ramdisk: false,
  })
})

test('steps of the plan around those that were chosen have the same fields', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  const shown = async () => JSON.parse(String((await row('clean_step'))['clean_step']))
  await wait('deploy.wait_agent')
  const plan = { priority: 0, argsinfo: null, requires_ramdisk: false }
  expect(await shown()).toMatchObject({ interface: 'deploy', step: 'wait_agent', abortable: true, ...plan })
  await wait('deploy.erase')
  expect(await shown()).toMatchObject({ step: 'erase', priority: 99, abortable: true, requires_ramdisk: true })
})

test('a step that the driver does not have, or cannot do so, is accepted and fails before anything is done', async () => {
  for (const [asked, why] of [
    [{ steps: steps('raid.delete', 'deploy.dance') }, /does not have the steps deploy.dance/],
    [{ steps: steps('deploy.burn'), disableRamdisk: true }, /cannot be done without a ramdisk/],
    [{ steps: steps('bios.apply_configuration') }, /needs settings/],
  ] as const) {
    await put('manageable')
    await path()
    expect((await verb('clean', asked)).ok).toBe(true)
    expect(await path()).toEqual(['cleaning', 'clean failed'])
    const failed = await row('last_error', 'task', 'target_provision_state')
    expect(failed).toMatchObject({
      task: null,
      target_provision_state: 'manageable',
      last_error: expect.stringMatching(why),
    })
    expect((await verb('manage')).ok).toBe(true)
  }
})

test('a runbook has the steps, for nodes with its trait', async () => {
  await put('manageable')
  const uuid = '11111111-2222-4333-8444-555555555555'
  const book = { uuid, name: 'CUSTOM_BOOK', steps: steps('raid.delete'), disable_ramdisk: true, created_at: 'x' }
  await one.bench.sql.batch([insert(runbooks, book)])
  expect(await fault(verb('clean', { runbook: 'CUSTOM_NONE' }))).toBe('not_found')
  expect(await fault(verb('clean', { runbook: 'CUSTOM_BOOK' }))).toBe('request.invalid')
  await one.bench.sql.batch([insert(nodeTraits, { node: one.node, trait: 'CUSTOM_BOOK' })])
  expect((await verb('clean', { runbook: uuid })).ok).toBe(true)
  expect(await work()).toEqual(['raid.delete'])
  expect(await state()).toBe('manageable')
})

test('an abort ends an abortable step at once, and the machine is switched off', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  const task = await wait('deploy.erase')
  expect(await state()).toBe('clean wait')
  expect((await verb('abort')).ok).toBe(true)
  expect(one.peer.last('cancel').id).toBe(task.id)
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'clean failed',
    last_error: 'clean wait was aborted by tester',
  })
  await cancelled(task)
  expect(await work()).toContain('power.power_off')
})

test('an abort of a step that may not be interrupted counts when the step has ended', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.burn') })
  const task = await wait('deploy.burn')
  expect((await verb('abort')).ok).toBe(true)
  expect(await state()).toBe('clean wait')
  await cancelled(task)
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'clean failed',
    last_error: 'clean was aborted at step deploy.burn',
  })
  expect(await work()).toContain('power.power_off')
})

for (const [kind, from, begin, waiting, end] of [
  ['clean', 'manageable', 'clean', 'clean wait', 'manageable'],
  ['service', 'active', 'service', 'service wait', 'active'],
] as const) {
  test(`a hold parks ${kind} with nobody at work, and unhold goes on behind it with what was known`, async () => {
    await put(from)
    await verb(begin, { steps: steps('deploy.burn', 'deploy.hold', 'deploy.burn') })
    const first = one.peer.last('task')
    const done = await work()
    expect(done.at(-1)).toBe('deploy.burn')
    expect(await row('provision_state', 'task', 'reservation')).toEqual({
      provision_state: `${kind} hold`,
      task: null,
      reservation: null,
    })
    expect(JSON.parse(String((await row(`${kind}_step`))[`${kind}_step`]))).toMatchObject({ step: 'hold' })
    await path()
    expect((await verb('unhold')).ok).toBe(true)
    const second = one.peer.last('task')
    expect(second).toMatchObject({ kind, doneSteps: first.steps.length + 1, context: { last: 'deploy.burn' } })
    expect(second.id).not.toBe(first.id)
    expect(await work()).toEqual(second.steps.slice(second.doneSteps).map((s) => `${s.interface}.${s.step}`))
    expect((await path())[0]).toBe(waiting)
    expect(await state()).toBe(end)
  })

  test(`an abort of ${kind} at a hold undoes what the part before it began`, async () => {
    await put(from)
    await verb(begin, { steps: steps('deploy.burn', 'deploy.hold') })
    await work()
    expect((await verb('abort')).ok).toBe(true)
    expect(await row('provision_state', 'last_error')).toEqual({
      provision_state: `${kind} failed`,
      last_error: `${kind} hold was aborted by tester`,
    })
    expect(await work()).toEqual(['power.power_off', 'boot.clean_up_ramdisk', 'management.set_boot_device'])
  })
}

test('a list of nothing but a hold, and a hold at its end', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('bios.hold') })
  expect(await row('provision_state', 'task')).toEqual({ provision_state: 'clean hold', task: null })
  await verb('unhold')
  expect(await path()).toEqual(['cleaning', 'clean hold', 'clean wait', 'cleaning', 'manageable'])
})

test('a list that begins with a hold goes on with what is known now, not with what an older list knew', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.burn') })
  await work()
  await change(`instance_info = '{"image_source":"new"}'`)
  await verb('clean', { steps: steps('bios.hold', 'raid.delete'), disableRamdisk: true })
  expect(await state()).toBe('clean hold')
  await verb('unhold')
  expect(one.peer.last('task').context).toEqual({ instance_info: { image_source: 'new' } })
  await work()
  expect(await state()).toBe('manageable')
})

test('deploy takes steps of the request, holds among them, and templates that the instance’s traits name', async () => {
  await put('available')
  const template = { uuid: 'u', name: 'CUSTOM_T', created_at: 'x', extra: {} }
  await one.bench.sql.batch([
    insert(deployTemplates, {
      ...template,
      steps: [{ interface: 'deploy', step: 'inject', args: { files: [1] }, priority: 70 }],
    }),
  ])
  await change(`instance_info = '{"traits":["CUSTOM_T"]}'`)
  expect(await fault(verb('active'))).toBe('request.invalid')
  await one.bench.sql.batch([insert(nodeTraits, { node: one.node, trait: 'CUSTOM_T' })])
  const asked = [{ interface: 'deploy', step: 'hold', args: {}, priority: 50 }]
  expect((await verb('active', { steps: asked })).ok).toBe(true)
  const done = await work()
  expect(done.at(-1)).toBe('deploy.prepare_instance_boot')
  expect(one.peer.last('task').steps.find(({ step }) => step === 'inject')).toMatchObject({
    args: { files: [1] },
    waits: true,
  })
  expect(await state()).toBe('deploy hold')
  await verb('unhold')
  expect(await state()).toBe('wait call-back')
  await work({ stopAt: 'power.power_off' })
  expect(await state(), 'a step that waits for nobody is under way').toBe('deploying')
  expect(await work()).toEqual([
    ...['deploy.tear_down_agent', 'power.power_off', 'boot.clean_up_ramdisk', 'power.power_on'],
  ])
  expect(await state()).toBe('active')
})

test('a deployment with steps that cannot be is refused before anything changes', async () => {
  await put('available')
  expect(await fault(verb('active', { steps: [{ interface: 'deploy', step: 'deploy', priority: 50 }] }))).toBe(
    'request.invalid',
  )
  expect(await state()).toBe('available')
})

test('an abort that waits for a step is not forgotten when its conductor is lost', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.burn') })
  await wait('deploy.burn')
  expect((await verb('abort')).ok).toBe(true)
  await one.bench.disconnect(one.peer)
  await one.bench.pass(50 * 60_000) // the tenure of the only conductor
  one.peer = await one.bench.connect('b', [driver])
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'clean failed',
    last_error: 'clean was aborted',
  })
  expect(await work()).toContain('power.power_off')
})
