// Steps of a cleaning or service that are done on the children of a node: one child after the other, between the node's own steps.
import { beforeEach, expect, test } from 'vitest'
import type { AskedStep } from '../step-selection.ts'
import { OneNode } from './testdata/one-node.ts'

const one = new OneNode()
const { fault, put, row, state, verb, work } = one
let children: string[] = []
beforeEach(async () => {
  children = []
  for (const name of ['dpu-a', 'dpu-b']) children.push(await one.bench.newNode({ name, parent_node: one.node }))
  await put('manageable')
})

const own: AskedStep = { interface: 'raid', step: 'delete' }
const onChildren = (step: string, more: Partial<AskedStep> = {}): AskedStep => ({
  interface: step.split('.')[0]!,
  step: step.split('.')[1]!,
  execute_on_child_nodes: true,
  ...more,
})
const clean = (...steps: AskedStep[]) => verb('clean', { steps })
/** Node and steps of the task that the conductor was given last. */
const given = () => {
  const { node, steps, doneSteps } = one.peer.last('task')
  return [node, ...steps.slice(doneSteps).map((step) => `${step.interface}.${step.step}`)]
}
const child = async (uuid: string) => {
  const columns = ['task', 'last_error', 'provision_state']
  const [found] = await one.bench.sql.all(`SELECT ${columns.join(', ')} FROM nodes WHERE uuid = ?`, [uuid])
  return Object.fromEntries(columns.map((column, i) => [column, found![i]]))
}

test('its own steps, then each child in turn, then the rest', async () => {
  await clean(own, onChildren('raid.delete'), own)
  expect(given()).toEqual([one.node, 'raid.delete'])
  await work()
  expect(await state()).toBe('cleaning')
  expect(JSON.parse(String((await row('clean_step')).clean_step))).toMatchObject({ execute_on_child_nodes: true })
  expect(given()).toEqual([children[0], 'raid.delete'])
  expect((await child(children[0]!)).task, 'it is locked meanwhile').not.toBeNull()
  await work()
  expect(given()).toEqual([children[1], 'raid.delete'])
  expect((await child(children[0]!)).task).toBeNull()
  await work()
  expect(given()).toEqual([one.node, 'raid.delete'])
  await work()
  expect(await row('provision_state', 'last_error', 'task')).toEqual({
    provision_state: 'manageable',
    last_error: null,
    task: null,
  })
  expect(await child(children[1]!)).toEqual({ task: null, last_error: null, provision_state: 'enroll' })
})

test('the last step may be the children’s; a list of nothing else boots no ramdisk on the node', async () => {
  await clean(onChildren('power.reboot'))
  for (const uuid of children) {
    expect(given()).toEqual([uuid, 'power.power_off', 'power.power_on'])
    await work()
  }
  expect(await state()).toBe('manageable')
})

test('only those that are named, by UUID or name, in that order', async () => {
  await clean(onChildren('power.power_on', { limit_child_node_execution: ['dpu-b'] }))
  expect(given()).toEqual([children[1], 'power.power_on'])
  await work()
  expect(await state()).toBe('manageable')
  await clean(onChildren('power.power_on', { limit_child_node_execution: [children[1]!, children[0]!] }))
  expect(given()[0]).toBe(children[1])
  await work()
  expect(given()[0]).toBe(children[0])
})

test('a node without children passes the step over', async () => {
  for (const uuid of children) await one.bench.command('node.delete', { node: uuid })
  await clean(onChildren('raid.delete'), own)
  expect(given()).toEqual([one.node, 'raid.delete'])
})

test('a child that fails fails the cleaning: the next child and the rest are not begun', async () => {
  await clean(onChildren('raid.delete'), own)
  await work({ failAt: 'raid.delete' })
  expect(await row('provision_state', 'task', 'fault', 'last_error')).toEqual({
    provision_state: 'clean failed',
    task: null,
    fault: 'clean failure',
    last_error: expect.stringContaining(`clean step raid.delete on child node ${children[0]} failed: sha256 differs`),
  })
  expect(await child(children[0]!)).toMatchObject({ last_error: expect.stringContaining('sha256 differs') })
  expect((await child(children[1]!)).task).toBeNull()
})

test('a child that somebody works on is not waited for', async () => {
  await one.bench.command('node.power', { node: children[0]!, target: 'rebooting' })
  await clean(onChildren('raid.delete'))
  expect(await row('provision_state', 'last_error')).toEqual({
    provision_state: 'clean failed',
    last_error: expect.stringContaining(`Node ${children[0]} is locked`),
  })
})

test.each([
  [onChildren('deploy.burn'), 'needs an agent'],
  [onChildren('deploy.nonsense'), 'does not have the step'],
  [onChildren('raid.hold'), 'can not be done on child nodes'],
  [onChildren('raid.delete', { limit_child_node_execution: ['somebody'] }), 'somebody is no child'],
])('what no child can do (%j) fails before anything is changed', async (step, why) => {
  expect(await fault(clean(own, step))).toBeUndefined()
  expect(await row('provision_state', 'last_error', 'task')).toEqual({
    provision_state: 'clean failed',
    last_error: expect.stringContaining(why),
    task: null,
  })
})

test('a hub that is made anew between two children goes on', async () => {
  await clean(onChildren('raid.delete'))
  await work()
  one.bench.hub = one.bench.anotherHub()
  expect(given()[0]).toBe(children[1])
  await work()
  expect(await state()).toBe('manageable')
})

test('a ramdisk that runs on the node is ended when a child fails', async () => {
  await one.bench.sql.batch([{ sql: 'UPDATE sites SET poweroff_in_cleanfail = 1', args: [] }])
  await one.bench.command('site.refresh', { addresses: false })
  await clean({ interface: 'deploy', step: 'erase' }, onChildren('raid.delete'))
  await work()
  await work({ failAt: 'raid.delete' })
  expect(await state()).toBe('clean failed')
  expect(given()).toEqual([one.node, 'power.power_off', 'boot.clean_up_ramdisk', 'management.set_boot_device'])
})
