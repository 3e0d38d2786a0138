// Which failures put a node into maintenance with a fault, as Ironic does, and who takes it out again. The test plays the conductor.
import { expect, test } from 'vitest'
import { OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { cancelled, fault, put, row, verb, wait, work } = one

const flags = () => row('provision_state', 'maintenance', 'fault', 'maintenance_reason')
const maintenance = (on: boolean) => one.bench.command('node.maintenance', { node: one.node, on, reason: null })

async function clean(...names: string[]): Promise<void> {
  await put('manageable')
  await verb('clean', { steps: steps(...names) })
}

test('a cleaning that fails in one of its steps leaves the node in maintenance, with the reason; maintenance off ends it', async () => {
  await clean('deploy.erase')
  await work({ failAt: 'deploy.erase' })
  expect(await flags()).toEqual({
    provision_state: 'clean failed',
    maintenance: 1,
    fault: 'clean failure',
    maintenance_reason: expect.stringContaining('clean step deploy.erase failed'),
  })
  const [event] = await one.bench.sql.all("SELECT body FROM events WHERE type = 'node.maintenance'")
  expect(JSON.parse(String(event![0]))).toMatchObject({ on: true, fault: 'clean failure' })
  await work() // undo
  expect(await fault(verb('manage'))).toBeUndefined()
  expect(await flags()).toMatchObject({ maintenance: 1, fault: 'clean failure' })
  await maintenance(false)
  expect(await flags()).toMatchObject({ maintenance: 0, fault: null, maintenance_reason: null })
})

test.each(['deploy.wait_agent', 'power.power_off'])(
  'a cleaning whose ramdisk does not come up (%s) has failed, and no more: none of its steps was running',
  async (step) => {
    await clean('deploy.erase')
    await work({ failAt: step })
    expect(await flags()).toMatchObject({ provision_state: 'clean failed', maintenance: 0, fault: null })
  },
)

test('a cleaning with steps that nobody has fails without maintenance', async () => {
  await clean('deploy.nonsense')
  expect(await flags()).toMatchObject({ provision_state: 'clean failed', maintenance: 0, fault: null })
})

test('a cleaning that runs out of time in a step is a clean failure, too', async () => {
  await clean('deploy.erase')
  await wait('deploy.erase')
  await one.bench.sql.batch([{ sql: 'UPDATE tasks SET deadline_ms = 0', args: [] }])
  one.bench.hub = one.bench.anotherHub()
  await one.bench.hub.onAlarm()
  expect(await flags()).toMatchObject({ provision_state: 'clean failed', maintenance: 1, fault: 'clean failure' })
})

test('a cleaning that is aborted is no fault, also where the step had to be waited for', async () => {
  await clean('deploy.burn')
  const task = await wait('deploy.burn')
  await verb('abort')
  await cancelled(task)
  expect(await flags()).toMatchObject({ provision_state: 'clean failed', maintenance: 0, fault: null })
})

test('the reason that a person gave for a maintenance stays, and the fault is told beside it', async () => {
  await clean('deploy.erase')
  await one.bench.command('node.maintenance', { node: one.node, on: true, reason: 'mine' })
  await work({ failAt: 'deploy.erase' })
  expect(await flags()).toMatchObject({ maintenance: 1, maintenance_reason: 'mine', fault: 'clean failure' })
})

test('a service that fails in one of its steps is a service failure', async () => {
  await put('active')
  await verb('service', { steps: [{ interface: 'bios', step: 'apply_configuration', args: { settings: [] } }] })
  await work({ failAt: 'bios.apply_configuration' })
  expect(await flags()).toMatchObject({
    provision_state: 'service failed',
    maintenance: 1,
    fault: 'service failure',
  })
})

test('a deployment or a rescue that fails is no reason for maintenance', async () => {
  await put('available')
  await verb('active')
  await work({ failAt: 'deploy.write_image' })
  expect(await flags()).toMatchObject({ provision_state: 'deploy failed', maintenance: 0, fault: null })
  await work()
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  await work({ failAt: 'rescue.rescue' })
  expect(await flags()).toMatchObject({ provision_state: 'rescue failed', maintenance: 0, fault: null })
})

test('a rescue that was aborted, and whose machine cannot be put back, is a rescue abort failure', async () => {
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  const task = await wait('deploy.wait_agent')
  await verb('abort')
  await cancelled(task)
  expect(await flags()).toMatchObject({ provision_state: 'rescue failed', maintenance: 0 })
  await work({ failAt: 'power.power_off' })
  expect(await flags()).toMatchObject({
    provision_state: 'rescue failed',
    maintenance: 1,
    fault: 'rescue abort failure',
  })
})

test('a rescue that failed by itself, and whose machine cannot be put back, has its error and no maintenance', async () => {
  await put('active')
  await verb('rescue', { rescuePassword: 'sealed:x' })
  await work({ failAt: 'rescue.rescue' })
  await work({ failAt: 'power.power_off' })
  expect(await flags()).toMatchObject({ provision_state: 'rescue failed', maintenance: 0, fault: null })
})
