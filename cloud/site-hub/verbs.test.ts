// Every verb, from the states that it is allowed in, over a real database; the test plays the conductor.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DriverFacts, OfferedStep } from '../../shared/protocol.ts'
import { deployTemplates, nodeTraits, runbooks } from '../schema/organisation-resources.ts'
import { insert } from '../schema/rows.ts'
import type { ProvisionArgs } from './commands.ts'
import { fakeDriver, HubBench, type TestPeer } from './testdata/hub-bench.ts'

const offer = (iface: string, step: string, priority: number, more: Partial<OfferedStep> = {}): OfferedStep => ({
  interface: iface,
  of: 'fake',
  step,
  priority,
  ...more,
})
const bios = offer('bios', 'apply_configuration', 0, {
  requires_ramdisk: false,
  argsinfo: { settings: { description: 'what', required: true } },
})
const kinds = ['power', 'management', 'boot', 'deploy', 'bios', 'raid', 'inspect', 'rescue', 'vendor']
const driver: DriverFacts = {
  ...fakeDriver,
  interfaces: Object.fromEntries(kinds.map((kind) => [kind, ['fake', `no-${kind}`]])),
  steps: {
    verify: [offer('management', 'check_clock', 1, { requires_ramdisk: false })],
    clean: [
      offer('deploy', 'erase', 99, { abortable: true }),
      offer('deploy', 'burn', 10),
      offer('raid', 'delete', 0, { requires_ramdisk: false }),
      bios,
    ],
    deploy: [offer('deploy', 'inject', 0, { argsinfo: { files: { description: 'which' } } })],
    service: [bios, offer('deploy', 'burn', 0)],
  },
}

let bench: HubBench
let peer: TestPeer
let node: string
beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver])
  node = await bench.newNode({ name: 'n1', automated_clean: false })
})
afterEach(() => bench.close())

const verb = (name: string, args: ProvisionArgs = {}) =>
  bench.command('node.provision', { node, verb: name as 'manage', args })
const steps = (...names: string[]) =>
  names.map((name) => ({ interface: name.split('.')[0]!, step: name.split('.')[1]! }))
const change = (text: string) => bench.sql.batch([{ sql: `UPDATE nodes SET ${text} WHERE uuid = ?`, args: [node] }])
const put = (state: string, target: string | null = null) =>
  bench.sql.batch([
    {
      sql: 'UPDATE nodes SET provision_state = ?, target_provision_state = ? WHERE uuid = ?',
      args: [state, target, node],
    },
  ])
const row = async (...columns: string[]) => {
  const [found] = await bench.sql.all(`SELECT ${columns.join(', ')} FROM nodes WHERE uuid = ?`, [node])
  return Object.fromEntries(columns.map((column, i) => [column, found?.[i]]))
}
const state = async () => (await row('provision_state')).provision_state
/** Each state that it came to since the last call. */
let seen = 0
const path = async () => {
  const rows = await bench.sql.all(
    "SELECT id, json_extract(body, '$.to') FROM events WHERE type = 'node.provision_state' AND id > ? ORDER BY id",
    [seen],
  )
  seen = Number(rows.at(-1)?.[0] ?? seen)
  return rows.map(([, to]) => to)
}
beforeEach(() => void (seen = 0))
const fault = async (wanted: ReturnType<typeof verb>) => {
  const result = await wanted
  return result.ok ? undefined : result.fault.code
}
/** Says that the step under way waits, as a conductor at work on it does. */
const wait = async (at: string) => {
  await bench.work(peer, { stopAt: at })
  const task = peer.last('task')
  const step = task.steps.findIndex((each) => `${each.interface}.${each.step}` === at)
  const n = 1000
  await bench.say(peer, {
    type: 'event',
    id: task.id,
    epoch: task.epoch,
    events: [
      { n, at: bench.now, step, kind: 'started' },
      { n: n + 1, at: bench.now, step, kind: 'waiting' },
    ],
  })
  return task
}

test('manage verifies, with the steps that the driver has for it', async () => {
  await verb('manage')
  expect(await bench.work(peer)).toEqual(['power.verify', 'management.check_clock'])
  expect(await path()).toEqual(['verifying', 'manageable'])
})

test('provide cleans with every step that has a priority; without any there is nothing to do', async () => {
  await change('automated_clean = NULL')
  await put('manageable')
  await verb('provide')
  const done = await bench.work(peer)
  expect(done.filter((name) => name.startsWith('deploy.'))).toEqual([
    ...['deploy.wait_agent', 'deploy.erase', 'deploy.burn', 'deploy.tear_down_agent'],
  ])
  expect(await state()).toBe('available')
  await put('manageable')
  await bench.disconnect(peer)
  await bench.connect('a', [{ ...driver, steps: { clean: [] } }], null, 'run-2')
  await verb('provide')
  expect(await row('provision_state', 'task')).toEqual({ provision_state: 'available', task: null })
})

test('a conductor that tells no steps gets the plans as they always were', async () => {
  await bench.disconnect(peer)
  const { steps: _, ...old } = driver
  peer = await bench.connect('a', [old], null, 'run-2')
  await change('automated_clean = NULL')
  await put('manageable')
  await verb('provide')
  expect(await bench.work(peer)).toContain('deploy.erase_devices_metadata')
  expect(await state()).toBe('available')
})

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
  })
  const { clean_steps: list, clean_step_index: index } = JSON.parse(String(internal))
  expect(list[index]).toMatchObject({ interface: 'deploy', step: 'burn' })
  await bench.work(peer)
  expect(await row('provision_state', 'clean_step', 'driver_internal_info')).toEqual({
    provision_state: 'manageable',
    clean_step: '{}',
    driver_internal_info: '{}',
  })
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
  await bench.sql.batch([insert(runbooks, book)])
  expect(await fault(verb('clean', { runbook: 'CUSTOM_NONE' }))).toBe('not_found')
  expect(await fault(verb('clean', { runbook: 'CUSTOM_BOOK' }))).toBe('request.invalid')
  await bench.sql.batch([insert(nodeTraits, { node, trait: 'CUSTOM_BOOK' })])
  expect((await verb('clean', { runbook: uuid })).ok).toBe(true)
  expect(await bench.work(peer)).toEqual(['raid.delete'])
  expect(await state()).toBe('manageable')
})

test('an abort ends an abortable step at once, and the machine is switched off', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  const task = await wait('deploy.erase')
  expect(await state()).toBe('clean wait')
  expect((await verb('abort')).ok).toBe(true)
  expect(peer.last('cancel').id).toBe(task.id)
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'clean failed',
    last_error: 'clean wait was aborted by tester',
  })
  const why = { code: 'task.cancelled' as const, message: 'x', hint: 'x' }
  await bench.say(peer, { type: 'result', id: task.id, epoch: task.epoch, outcome: { ok: false, fault: why, step: 5 } })
  expect(await bench.work(peer)).toContain('power.power_off')
})

test('an abort of a step that may not be interrupted counts when the step has ended', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.burn') })
  const task = await wait('deploy.burn')
  expect((await verb('abort')).ok).toBe(true)
  expect(await state()).toBe('clean wait')
  const why = { code: 'task.cancelled' as const, message: 'x', hint: 'x' }
  await bench.say(peer, { type: 'result', id: task.id, epoch: task.epoch, outcome: { ok: false, fault: why, step: 5 } })
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'clean failed',
    last_error: 'clean was aborted at step deploy.burn',
  })
  expect(await bench.work(peer)).toContain('power.power_off')
})

for (const [kind, from, begin, waiting, end] of [
  ['clean', 'manageable', 'clean', 'clean wait', 'manageable'],
  ['service', 'active', 'service', 'service wait', 'active'],
] as const) {
  test(`a hold parks ${kind} with nobody at work, and unhold goes on behind it with what was known`, async () => {
    await put(from)
    await verb(begin, { steps: steps('deploy.burn', 'deploy.hold', 'deploy.burn') })
    const first = peer.last('task')
    const done = await bench.work(peer)
    expect(done.at(-1)).toBe('deploy.burn')
    expect(await row('provision_state', 'task', 'reservation')).toEqual({
      provision_state: `${kind} hold`,
      task: null,
      reservation: null,
    })
    expect(JSON.parse(String((await row(`${kind}_step`))[`${kind}_step`]))).toMatchObject({ step: 'hold' })
    await path()
    expect((await verb('unhold')).ok).toBe(true)
    const second = peer.last('task')
    expect(second).toMatchObject({ kind, doneSteps: first.steps.length + 1, context: { last: 'deploy.burn' } })
    expect(second.id).not.toBe(first.id)
    expect(await bench.work(peer)).toEqual(second.steps.slice(second.doneSteps).map((s) => `${s.interface}.${s.step}`))
    expect((await path())[0]).toBe(waiting)
    expect(await state()).toBe(end)
  })

  test(`an abort of ${kind} at a hold undoes what the part before it began`, async () => {
    await put(from)
    await verb(begin, { steps: steps('deploy.burn', 'deploy.hold') })
    await bench.work(peer)
    expect((await verb('abort')).ok).toBe(true)
    expect(await row('provision_state', 'last_error')).toEqual({
      provision_state: `${kind} failed`,
      last_error: `${kind} hold was aborted by tester`,
    })
    expect(await bench.work(peer)).toEqual(['boot.clean_up_ramdisk', 'power.power_off', 'management.set_boot_device'])
  })
}

test('a list of nothing but a hold, and a hold at its end', async () => {
  await put('manageable')
  await verb('clean', { steps: steps('bios.hold') })
  expect(await row('provision_state', 'task')).toEqual({ provision_state: 'clean hold', task: null })
  await verb('unhold')
  expect(await path()).toEqual(['cleaning', 'clean hold', 'clean wait', 'cleaning', 'manageable'])
})

test('deploy takes steps of the request, holds among them, and templates that the instance’s traits name', async () => {
  await put('available')
  const template = { uuid: 'u', name: 'CUSTOM_T', created_at: 'x', extra: {} }
  await bench.sql.batch([
    insert(deployTemplates, {
      ...template,
      steps: [{ interface: 'deploy', step: 'inject', args: { files: [1] }, priority: 70 }],
    }),
  ])
  await change(`instance_info = '{"traits":["CUSTOM_T"]}'`)
  expect(await fault(verb('active'))).toBe('request.invalid')
  await bench.sql.batch([insert(nodeTraits, { node, trait: 'CUSTOM_T' })])
  const asked = [{ interface: 'deploy', step: 'hold', args: {}, priority: 50 }]
  expect((await verb('active', { steps: asked })).ok).toBe(true)
  const done = await bench.work(peer)
  expect(done.at(-1)).toBe('deploy.prepare_instance_boot')
  expect(peer.last('task').steps.find(({ step }) => step === 'inject')).toMatchObject({
    args: { files: [1] },
    waits: true,
  })
  expect(await state()).toBe('deploy hold')
  await verb('unhold')
  expect(await bench.work(peer)).toEqual([
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

test('inspect stores what was found, with times and properties; an abort says so', async () => {
  await put('manageable')
  await verb('inspect')
  await wait('inspect.inspect_hardware')
  expect(await state()).toBe('inspect wait')
  await verb('abort')
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'inspect failed',
    last_error: 'inspect wait was aborted by tester',
  })
  const first = peer.last('task')
  const cancelled = { code: 'task.cancelled' as const, message: 'x', hint: 'x' }
  await bench.say(peer, { type: 'result', id: first.id, epoch: first.epoch, outcome: { ok: false, fault: cancelled } })
  expect((await verb('inspect')).ok).toBe(true)
  const task = peer.last('task')
  const facts = { inventory: { cpu: { count: 8 } }, plugin_data: { a: 1 }, properties: { cpu_arch: 'x86_64' } }
  const about = { id: task.id, epoch: task.epoch }
  await bench.say(peer, {
    type: 'event',
    ...about,
    events: [{ n: 1, at: bench.now, step: 0, kind: 'finished', facts }],
  })
  await bench.say(peer, { type: 'result', ...about, outcome: { ok: true } })
  const found = await row('provision_state', 'properties', 'inspection_started_at', 'inspection_finished_at')
  expect(found).toEqual({
    provision_state: 'manageable',
    properties: '{"cpu_arch":"x86_64"}',
    inspection_started_at: expect.any(String),
    inspection_finished_at: expect.any(String),
  })
  const [keys] = await bench.sql.all('SELECT inventory_blob, plugin_data_blob FROM inventories WHERE node = ?', [node])
  expect(keys!.map((key) => JSON.parse(bench.blobs.get(String(key))!))).toEqual([{ cpu: { count: 8 } }, { a: 1 }])
})

test('a driver that cannot inspect or rescue says so at once', async () => {
  await change(`interfaces = '{"inspect":"no-inspect"}'`)
  await put('manageable')
  expect(await fault(verb('inspect'))).toBe('driver.unsupported')
  await put('active')
  expect(await fault(verb('rescue', { rescuePassword: 'sealed' }))).toBe('driver.unsupported')
})

test('adopt takes a machine over as it runs; when that fails its power is not known', async () => {
  await put('manageable')
  await change(`power_state = 'power on'`)
  await verb('adopt')
  expect(await bench.work(peer)).toEqual(['power.verify'])
  expect(await path()).toEqual(['adopting', 'active'])
  await put('manageable')
  await verb('adopt')
  await bench.work(peer, { failAt: 'power.verify' })
  expect(await row('provision_state', 'power_state')).toEqual({ provision_state: 'adopt failed', power_state: null })
  expect((await verb('adopt')).ok).toBe(true)
})

test('rescue has the password sealed, and it is gone afterwards; unrescue boots the instance', async () => {
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  expect(peer.last('task').context).toMatchObject({ instance_info: { rescue_password: 'sealed:x' } })
  expect((await row('instance_info')).instance_info).toBe('{"rescue_password":"******"}')
  await bench.work(peer)
  expect(await path()).toEqual(['rescuing', 'rescue wait', 'rescuing', 'rescue'])
  expect(await row('instance_info', 'secrets')).toEqual({ instance_info: '{}', secrets: '{}' })
  await verb('unrescue')
  expect(await bench.work(peer)).toEqual([
    ...['power.power_off', 'rescue.unrescue', 'management.set_boot_device', 'power.power_on'],
  ])
  expect(await path()).toEqual(['unrescuing', 'active'])
})

test('a rescue that fails or is aborted leaves no password', async () => {
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  await bench.work(peer, { failAt: 'rescue.rescue' })
  await bench.work(peer)
  expect(await row('provision_state', 'secrets')).toEqual({ provision_state: 'rescue failed', secrets: '{}' })
  await verb('rescue', { rescuePassword: 'sealed:y' })
  await wait('deploy.wait_agent')
  await verb('abort')
  expect(await row('provision_state', 'secrets')).toEqual({ provision_state: 'rescue failed', secrets: '{}' })
})

test('service without a ramdisk leaves the machine as it is, also when it fails', async () => {
  await put('active')
  const asked = { steps: [{ interface: 'bios', step: 'apply_configuration', args: { settings: [] } }] }
  await verb('service', asked)
  expect(await bench.work(peer)).toEqual(['bios.apply_configuration', 'power.power_on'])
  expect(await path()).toEqual(['servicing', 'active'])
  await verb('service', asked)
  await bench.work(peer, { failAt: 'bios.apply_configuration' })
  expect(await row('provision_state', 'task')).toEqual({ provision_state: 'service failed', task: null })
  expect((await verb('abort')).ok).toBe(true)
  expect(await row('provision_state', 'last_error')).toEqual({ provision_state: 'active', last_error: null })
})

test('deleted is possible from every state that the table names, and ends the work under way', async () => {
  for (const from of [
    'wait call-back',
    'deploy failed',
    'active',
    'error',
    'rescue wait',
    'rescue',
    'rescue failed',
    'unrescue failed',
    'service wait',
    'service failed',
  ]) {
    await put(from)
    await change('task = NULL')
    expect((await verb('deleted')).ok, from).toBe(true)
    await bench.work(peer)
    expect(await state(), from).toBe('available')
  }
})

test('a node whose power must not go off is not asked to', async () => {
  await change('disable_power_off = 1')
  await put('available')
  expect(await fault(verb('active'))).toBe('conflict')
  expect(await state()).toBe('available')
  const power = (target: 'power off' | 'rebooting' | 'power on') => bench.command('node.power', { node, target })
  expect(await fault(power('power off') as never)).toBe('conflict')
  expect(await fault(power('rebooting') as never)).toBe('conflict')
  expect((await power('power on')).ok).toBe(true)
})

test('verbs that touch an instance are refused in maintenance; provide and inspect are not', async () => {
  await change('maintenance = 1')
  for (const [from, name] of [
    ['available', 'active'],
    ['active', 'rebuild'],
    ['active', 'rescue'],
    ['rescue', 'unrescue'],
    ['active', 'service'],
    ['manageable', 'clean'],
  ] as const) {
    await put(from)
    expect(await fault(verb(name, { steps: steps('raid.delete') })), name).toBe('node.maintenance')
  }
  await put('manageable')
  expect((await verb('inspect')).ok).toBe(true)
})

test('a setting of the machine is a task of one step; its failure is in last_error and moves no state', async () => {
  await put('active')
  const set = () =>
    bench.command('node.step', {
      node,
      task: 'settings',
      interface: 'management',
      step: 'set_boot_mode',
      args: { mode: 'bios' },
    })
  expect((await set()).ok).toBe(true)
  expect(await fault(set() as never)).toBe('node.locked')
  expect(await bench.work(peer)).toEqual(['management.set_boot_mode'])
  await set()
  await bench.work(peer, { failAt: 'management.set_boot_mode' })
  expect(await row('provision_state', 'last_error', 'task')).toEqual({
    provision_state: 'active',
    task: null,
    last_error: 'management.set_boot_mode failed: sha256 differs Next: correct it',
  })
})

test('BIOS settings and firmware are rows that follow what the conductor says', async () => {
  await verb('manage')
  const task = peer.last('task')
  const about = { id: task.id, epoch: task.epoch }
  const say = (n: number, facts: Record<string, unknown>) =>
    bench.say(peer, { type: 'event', ...about, events: [{ n, at: bench.now, step: 0, kind: 'finished', facts }] })
  const firmware = [{ component: 'bios', initial_version: '1', current_version: '1' }]
  await say(1, {
    bios_settings: [
      { name: 'A', value: 1, unique: true },
      { name: 'B', value: 'x' },
    ],
    firmware_components: firmware,
  })
  bench.now += 1000
  await say(2, {
    bios_settings: [{ name: 'A', value: 2, unique: true }],
    firmware_components: [{ ...firmware[0], current_version: '2' }],
  })
  const settings = await bench.sql.all('SELECT name, value, facts, created_at < updated_at FROM bios_settings')
  expect(settings).toEqual([['A', '2', '{"unique":true}', 1]])
  expect(await bench.sql.all('SELECT component, initial_version, current_version FROM firmware_components')).toEqual([
    ['bios', '1', '2'],
  ])
  await say(3, { bios_settings: 'nonsense' })
  expect(await bench.sql.all('SELECT count(*) FROM bios_settings')).toEqual([[1]])
})
