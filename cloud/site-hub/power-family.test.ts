// Power of a node and of its children that hang on its supply: the parent is on before them, and they are off before it.
import { beforeEach, expect, test } from 'vitest'
import { OneNode } from './testdata/one-node.ts'

const one = new OneNode()
const { bench, fault } = { bench: () => one.bench, fault: one.fault }
let children: string[] = []
const put = (uuid: string, changes: string) =>
  bench().sql.batch([{ sql: `UPDATE nodes SET ${changes} WHERE uuid = ?`, args: [uuid] }])
beforeEach(async () => {
  children = []
  for (const [name, info] of [
    ['dpu-a', {}],
    ['dpu-b', {}],
    ['dpu-c', { has_dedicated_power_supply: 'true' }],
  ] as const)
    children.push(await bench().newNode({ name, parent_node: one.node, driver_info: info }))
  for (const uuid of [one.node, ...children])
    await put(uuid, "provision_state = 'manageable', target_provision_state = NULL, power_state = 'power on'")
})

const power = (node: string, target: string) => bench().command('node.power', { node, target: target as 'power on' })
const given = () => {
  const { node, steps } = one.peer.last('task')
  return [node, ...steps.map((step) => `${step.interface}.${step.step}`)]
}
const shown = async (uuid: string) => {
  const [row] = await bench().sql.all('SELECT target_power_state, last_error, task FROM nodes WHERE uuid = ?', [uuid])
  return row
}

test('children without a supply of their own are off before their parent', async () => {
  expect(await fault(power(one.node, 'power off'))).toBeUndefined()
  expect(await shown(one.node)).toEqual(['power off', null, null])
  for (const uuid of [children[0]!, children[1]!, one.node]) {
    expect(given()).toEqual([uuid, 'power.power_off'])
    await one.work()
  }
  expect(await shown(one.node)).toEqual([null, null, null])
  expect(one.peer.of('task').some(({ node }) => node === children[2])).toBe(false)
})

test('a parent that is off is on before its child', async () => {
  for (const uuid of [one.node, ...children]) await put(uuid, "power_state = 'power off'")
  expect(await fault(power(children[0]!, 'power on'))).toBeUndefined()
  for (const uuid of [one.node, children[0]!]) {
    expect(given()).toEqual([uuid, 'power.power_on'])
    await one.work()
  }
  expect(await fault(power(children[2]!, 'power on'))).toBeUndefined()
  expect(given(), 'a supply of its own').toEqual([children[2], 'power.power_on'])
})

test('one that is as wanted already is passed over', async () => {
  await put(children[0]!, "power_state = 'power off'")
  await power(one.node, 'power off')
  expect(given()).toEqual([children[1], 'power.power_off'])
  await put(children[0]!, "power_state = 'power off'")
  await one.work()
  expect(given()).toEqual([one.node, 'power.power_off'])
})

test('a child that cannot be switched off keeps its parent on, and the parent says why', async () => {
  await power(one.node, 'power off')
  await one.work({ failAt: 'power.power_off' })
  const [target, error, task] = (await shown(one.node))!
  expect([target, task]).toEqual([null, null])
  expect(error).toContain(`power change to power off failed: node ${children[0]} has to be switched first:`)
  expect(one.peer.of('task').some(({ node }) => node === one.node)).toBe(false)
})

test('a child that somebody works on, or that may not be off, is a conflict before anything is begun', async () => {
  await put(children[1]!, 'disable_power_off = 1')
  expect(await fault(power(one.node, 'power off'))).toBe('conflict')
  expect(await shown(one.node)).toEqual([null, null, null])
  await put(children[1]!, 'disable_power_off = 0')
  await power(children[1]!, 'rebooting')
  expect(await fault(power(one.node, 'power off'))).toBe('node.locked')
})

test('a hub that is made anew in between goes on', async () => {
  await power(one.node, 'power off')
  bench().hub = bench().anotherHub()
  const peer = await bench().connect('a', [(await import('./testdata/one-node.ts')).driver])
  await bench().work(peer)
  expect(peer.last('task').node).toBe(children[1])
})
