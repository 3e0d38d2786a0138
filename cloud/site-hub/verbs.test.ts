// Every verb, from the states that it is allowed in, over a real database; the test plays the conductor.
import { expect, test } from 'vitest'
import { OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { cancelled, change, fault, path, put, row, state, verb, wait, work } = one

test('manage verifies, with the steps that the driver has for it', async () => {
  await verb('manage')
  expect(await work()).toEqual(['power.verify', 'management.check_clock'])
  expect(await path()).toEqual(['verifying', 'manageable'])
})

test('inspect stores what was found, with properties; of its times the beginning is known while it goes on, the end when it went well', async () => {
  await put('manageable')
  await verb('inspect')
  await wait('inspect.inspect_hardware')
  const times = ['inspection_started_at', 'inspection_finished_at']
  expect(await row('provision_state', ...times)).toEqual({
    provision_state: 'inspect wait',
    inspection_started_at: expect.any(String),
    inspection_finished_at: null,
  })
  await verb('abort')
  expect(await row('provision_state', 'last_error', ...times)).toEqual({
    provision_state: 'inspect failed',
    last_error: 'inspect wait was aborted by tester',
    inspection_started_at: null,
    inspection_finished_at: null,
  })
  const first = one.peer.last('task')
  await cancelled(first, 0)
  expect((await verb('inspect')).ok).toBe(true)
  const task = one.peer.last('task')
  const facts = { inventory: { cpu: { count: 8 } }, plugin_data: { a: 1 }, properties: { cpu_arch: 'x86_64' } }
  const about = { id: task.id, epoch: task.epoch }
  await one.bench.say(one.peer, {
    type: 'event',
    ...about,
    events: [{ n: 1, at: one.bench.now, step: 0, kind: 'finished', facts }],
  })
  await one.bench.say(one.peer, { type: 'result', ...about, outcome: { ok: true } })
  const found = await row('provision_state', 'properties', ...times)
  expect(found).toEqual({
    provision_state: 'manageable',
    properties: '{"cpu_arch":"x86_64"}',
    inspection_started_at: null,
    inspection_finished_at: expect.any(String),
  })
  const [keys] = await one.bench.sql.all('SELECT inventory_blob, plugin_data_blob FROM inventories WHERE node = ?', [
    one.node,
  ])
  expect(keys!.map((key) => JSON.parse(one.bench.blobs.get(String(key))!))).toEqual([{ cpu: { count: 8 } }, { a: 1 }])
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
  expect(await work()).toEqual(['power.verify'])
  expect(await path()).toEqual(['adopting', 'active'])
  await put('manageable')
  await verb('adopt')
  await work({ failAt: 'power.verify' })
  expect(await row('provision_state', 'power_state')).toEqual({ provision_state: 'adopt failed', power_state: null })
  expect((await verb('adopt')).ok).toBe(true)
})

test('rescue has the password sealed, and it is gone afterwards; unrescue boots the instance', async () => {
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  expect(one.peer.last('task').context).toMatchObject({ instance_info: { rescue_password: 'sealed:x' } })
  expect((await row('instance_info')).instance_info).toBe('{"rescue_password":"******"}')
  await work()
  expect(await path()).toEqual(['rescuing', 'rescue wait', 'rescuing', 'rescue'])
  expect(await row('instance_info', 'secrets')).toEqual({ instance_info: '{}', secrets: '{}' })
  await verb('unrescue')
  expect(await work()).toEqual([
    ...['power.power_off', 'rescue.unrescue', 'boot.clean_up_ramdisk', 'management.set_boot_device', 'power.power_on'],
  ])
  expect(await path()).toEqual(['unrescuing', 'active'])
})

test('a rescue that fails or is aborted leaves no password', async () => {
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  await work({ failAt: 'rescue.rescue' })
  await work()
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
  expect(await work()).toEqual(['bios.apply_configuration', 'power.power_on'])
  expect(await path()).toEqual(['servicing', 'active'])
  await verb('service', asked)
  await work({ failAt: 'power.power_on' })
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
    await work()
    expect(await state(), from).toBe('available')
  }
})

test('a deployment and a rebuild have the networks that the node describes; a cleaning has not', async () => {
  const networks = { links: [], networks: [] }
  await change(`network_data = '${JSON.stringify(networks)}'`)
  for (const [from, name] of [
    ['available', 'active'],
    ['active', 'rebuild'],
  ] as const) {
    await put(from)
    await verb(name)
    expect(one.peer.last('task').context['network_data'], name).toEqual(networks)
    await work()
  }
  await put('manageable')
  await verb('clean', { steps: steps('raid.delete') })
  expect(one.peer.last('task').context).not.toHaveProperty('network_data')
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
    one.bench.command('node.step', {
      node: one.node,
      task: 'settings',
      interface: 'management',
      step: 'set_boot_mode',
      args: { mode: 'bios' },
    })
  expect((await set()).ok).toBe(true)
  expect(await fault(set())).toBe('node.locked')
  expect(await work()).toEqual(['management.set_boot_mode'])
  await set()
  await work({ failAt: 'management.set_boot_mode' })
  expect(await row('provision_state', 'last_error', 'task')).toEqual({
    provision_state: 'active',
    task: null,
    last_error: 'management.set_boot_mode failed: sha256 differs. Next: correct it',
  })
})

test('BIOS settings and firmware are rows that follow what the conductor says', async () => {
  await verb('manage')
  const task = one.peer.last('task')
  const about = { id: task.id, epoch: task.epoch }
  const say = (n: number, facts: Record<string, unknown>) =>
    one.bench.say(one.peer, {
      type: 'event',
      ...about,
      events: [{ n, at: one.bench.now, step: 0, kind: 'finished', facts }],
    })
  const firmware = [{ component: 'bios', initial_version: '1', current_version: '1' }]
  await say(1, {
    bios_settings: [
      { name: 'A', value: 1, unique: true },
      { name: 'B', value: 'x' },
    ],
    firmware_components: firmware,
  })
  one.bench.now += 1000
  await say(2, {
    bios_settings: [{ name: 'A', value: 2, unique: true }],
    firmware_components: [{ ...firmware[0], current_version: '2' }],
  })
  const settings = await one.bench.sql.all('SELECT name, value, facts, created_at < updated_at FROM bios_settings')
  expect(settings).toEqual([['A', '2', '{"unique":true}', 1]])
  expect(
    await one.bench.sql.all('SELECT component, initial_version, current_version FROM firmware_components'),
  ).toEqual([['bios', '1', '2']])
  await say(3, { bios_settings: 'nonsense' })
  expect(await one.bench.sql.all('SELECT count(*) FROM bios_settings')).toEqual([[1]])
})

test('an active node can still be patched when its driver has got more interfaces', async () => {
  await put('active')
  await change(`interfaces = '{"power":"fake"}'`)
  const patch = (path: string, value: string) =>
    one.bench.command('node.patch', { node: one.node, patch: [{ op: 'add', path, value }] })
  expect((await patch('/extra/a', 'b')).ok).toBe(true)
  expect(JSON.parse(String((await row('interfaces')).interfaces))).toMatchObject({ power: 'fake', rescue: 'fake' })
  expect(await fault(patch('/rescue_interface', 'no-rescue'))).toBe('conflict')
})
