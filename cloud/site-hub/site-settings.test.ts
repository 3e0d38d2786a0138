// What a site says of the work on its nodes: automated cleaning, how long agents are waited for, how much is under way at once, and what stays on.
import { expect, test } from 'vitest'
import { OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { cancelled, change, fault, put, row, state, verb, wait, work } = one

const set = async (columns: string) => {
  await one.bench.sql.batch([{ sql: `UPDATE sites SET ${columns}`, args: [] }])
  await one.bench.command('site.refresh', { addresses: false })
}
const planned = () => one.peer.last('task').steps.map(({ interface: iface, step }) => `${iface}.${step}`)
const awaiting = () => one.peer.last('task').steps.find(({ step }) => step === 'wait_agent')!
const another = async () => {
  const node = await one.bench.newNode({ automated_clean: false })
  return async (from: string, name: string, args = {}) => {
    const sql = 'UPDATE nodes SET provision_state = ?, target_provision_state = NULL WHERE uuid = ?'
    await one.bench.sql.batch([{ sql, args: [from, node] }])
    return fault(one.bench.command('node.provision', { node, verb: name as 'manage', args }))
  }
}

test.each([
  [1, 'NULL', 'cleaning'],
  [0, 'NULL', 'available'],
  [0, '1', 'cleaning'],
  [1, '0', 'available'],
])('automated_clean of the site (%i) holds for nodes that have none (%s)', async (ofSite, ofNode, to) => {
  await set(`automated_clean = ${ofSite}`)
  await change(`automated_clean = ${ofNode}`)
  await put('manageable')
  await verb('provide')
  expect(await state()).toBe(to)
})

test('where automated cleaning is off, a tear-down ends in available', async () => {
  await set('automated_clean = 0')
  await change('automated_clean = NULL')
  await put('active')
  await verb('deleted')
  await work()
  expect(await state()).toBe('available')
})

test.each([
  ['deploy', 'available', 'active', {}],
  ['deploy', 'active', 'rebuild', {}],
  ['clean', 'manageable', 'clean', { steps: steps('deploy.burn') }],
  ['service', 'active', 'service', { steps: steps('deploy.burn') }],
  ['rescue', 'active', 'rescue', { rescuePassword: 'sealed' }],
])('an agent of work %s (from %s by %s) is awaited as long as the site says', async (kind, from, name, args) => {
  await put(from)
  await verb(name, args)
  expect(awaiting()).toMatchObject({ args: { callback_timeout: 1800 }, timeoutMs: 1_860_000 })
  const usual = one.peer.last('task').deadline
  const sooner = await another()
  await set(`callback_timeouts_s = '{"${kind}": 120}'`)
  expect(await sooner(from, name, args)).toBeUndefined()
  expect(awaiting()).toMatchObject({ args: { callback_timeout: 120 }, timeoutMs: 180_000 })
  expect(one.peer.last('task').deadline).toBe(usual - 1_680_000)
})

test('0 switches a callback timeout off: the task has time for a person to come', async () => {
  await set(`callback_timeouts_s = '{"deploy": 0}'`)
  await put('available')
  await verb('active')
  const { args, timeoutMs } = awaiting()
  expect([args, timeoutMs]).toEqual([{ callback_timeout: 0 }, 20 * 24 * 3_600_000])
  expect(one.peer.last('task').deadline).toBeGreaterThan(one.bench.now + timeoutMs!)
})

test('a boot that is silent begins again after the time that the site says, where it says one', async () => {
  await set('boot_retry_s = 300')
  await put('available')
  await verb('active')
  expect(awaiting().args).toEqual({ callback_timeout: 1800, boot_retry: 300 })
})

test('no more deployments at once than the site allows', async () => {
  await set('max_concurrent_deploy = 1')
  await put('available')
  expect(await fault(verb('active'))).toBeUndefined()
  expect(await (await another())('available', 'active')).toBe('site.busy')
  expect(await (await another())('active', 'rebuild')).toBe('site.busy')
  await wait('deploy.wait_agent')
  expect(await state()).toBe('wait call-back')
  const patient = await another()
  expect(await patient('available', 'active')).toBe('site.busy')
  await work()
  expect(await state()).toBe('active')
  expect(await patient('available', 'active')).toBeUndefined()
})

test.each([
  ['manageable', 'clean', { steps: steps('deploy.burn') }],
  ['active', 'deleted', {}],
])('nor cleanings: from %s by %s', async (from, name, args) => {
  await set('max_concurrent_clean = 1')
  await put('manageable')
  expect(await fault(verb('clean', { steps: steps('deploy.burn') }))).toBeUndefined()
  expect(await (await another())(from, name, args)).toBe('site.busy')
  expect(await (await another())('available', 'active')).toBeUndefined()
  expect(await (await another())('manageable', 'provide'), 'as in Ironic, which does not count for it').toBeUndefined()
})

test('two that are asked for in the same turn count as two', async () => {
  await set('max_concurrent_deploy = 1')
  const [first, second] = [await another(), await another()]
  const both = await Promise.all([first('available', 'active'), second('available', 'active')])
  expect(both.toSorted()).toEqual(['site.busy', undefined])
})

test.each([
  [0, ['boot.clean_up_ramdisk', 'management.set_boot_device']],
  [1, ['power.power_off', 'boot.clean_up_ramdisk', 'management.set_boot_device']],
])('a machine whose cleaning step failed stays on, or not (poweroff_in_cleanfail %i)', async (off, undoing) => {
  await set(`poweroff_in_cleanfail = ${off}`)
  await put('manageable')
  await verb('clean', { steps: steps('deploy.burn') })
  await work({ failAt: 'deploy.burn' })
  expect(await row('provision_state', 'fault')).toEqual({ provision_state: 'clean failed', fault: 'clean failure' })
  expect(planned()).toEqual(undoing)
})

test.each([
  ['failed before a step of it began', false],
  ['was aborted', true],
])('one whose cleaning %s is switched off', async (_, isAborted) => {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  if (!isAborted) await work({ failAt: 'deploy.wait_agent' })
  else {
    const task = await wait('deploy.erase')
    await verb('abort')
    await cancelled(task)
  }
  expect(planned()[0]).toBe('power.power_off')
})

test.each([
  [1, 'power.power_off'],
  [0, 'boot.clean_up_ramdisk'],
])('a failed deployment leaves its machine off, or not (power_off_after_deploy_failure %i)', async (off, first) => {
  await set(`power_off_after_deploy_failure = ${off}`)
  await put('available')
  await verb('active')
  await work({ failAt: 'deploy.write_image' })
  expect(await state()).toBe('deploy failed')
  expect(planned()[0]).toBe(first)
})
