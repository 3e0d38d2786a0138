// Fast track: the agent of a cleaning goes on running, and the next cleaning or deployment takes it over instead of booting the machine again.
import { expect, test } from 'vitest'
import { OneNode, steps } from './testdata/one-node.ts'

const one = new OneNode()
const { change, put, state, verb, work } = one

const AGENT = { agent_url: 'https://10.77.0.50:9999', agent_token: 'sealed:token' }
const switchOn = (info = '{"fast_track": true}') => change(`driver_info = '${info}', power_state = 'power on'`)
const site = async (on: boolean) => {
  await one.bench.sql.batch([{ sql: 'UPDATE sites SET fast_track = ?', args: [on ? 1 : 0] }])
  one.bench.hub = one.bench.anotherHub()
}
/** What the conductor is to do with the task that it was given last. */
const given = () => {
  const { steps, doneSteps } = one.peer.last('task')
  return steps.slice(doneSteps).map((step) => `${step.interface}.${step.step}`)
}

/** RAID of the time before: what there is now is on the node. */
const RAID = { raid_config: { logical_disks: [{ uuid: 'a' }] }, target_raid_config: { logical_disks: [] } }
const STALE = { ...RAID, instance_uuid: 'of another' }

/** A cleaning in which an agent has called. */
async function cleaned(): Promise<string[]> {
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  const { id } = one.peer.last('task')
  const context = JSON.stringify({ ...AGENT, ...STALE })
  await one.bench.sql.batch([{ sql: 'UPDATE tasks SET context = ? WHERE id = ?', args: [context, id] }])
  one.bench.hub = one.bench.anotherHub()
  const done = await work()
  expect(await state()).toBe('manageable')
  return done
}
async function deployed(): Promise<string[]> {
  await put('available')
  await verb('active')
  return given()
}

test('by default a cleaning ends its ramdisk, and a deployment boots another', async () => {
  await switchOn('{}')
  expect(await cleaned()).toContain('deploy.tear_down_agent')
  expect((await deployed())[0]).toBe('power.power_off')
})

test('on, the cleaning leaves the agent, and the deployment goes on with it: the power is not touched', async () => {
  await switchOn()
  const cleaning = await cleaned()
  expect(cleaning.at(-1)).toBe('deploy.erase')
  expect(await deployed()).toEqual([
    ...['deploy.write_image', 'deploy.write_configdrive', 'deploy.prepare_instance_boot'],
    ...['deploy.tear_down_agent', 'power.power_off', 'boot.clean_up_ramdisk', 'power.power_on'],
  ])
  expect(one.peer.last('task').context).toMatchObject({ ...AGENT, fast_track: true, instance_info: {} })
  for (const stale of Object.keys(STALE)) expect(one.peer.last('task').context).not.toHaveProperty(stale)
  await work()
  expect(await state()).toBe('active')
})

test('one cleaning takes over the agent of another', async () => {
  await switchOn()
  await cleaned()
  await put('manageable')
  await verb('clean', { steps: steps('deploy.burn') })
  expect(given()).toEqual(['deploy.burn'])
})

test('nobody keeps an agent over a hold: the machine boots for what is before and behind it', async () => {
  await switchOn()
  await cleaned()
  await put('manageable')
  await verb('clean', { steps: steps('deploy.hold', 'deploy.burn') })
  expect(await state()).toBe('cleaning')
  expect(given()).toContain('boot.prepare_ramdisk')
  await work()
  expect(await state()).toBe('clean hold')
})

test('the site may have it on for all its nodes, and a node may say no', async () => {
  await site(true)
  await switchOn('{}')
  await cleaned()
  expect((await deployed())[0]).toBe('deploy.write_image')
  await work()
  await switchOn('{"fast_track": "false"}')
  expect(await cleaned()).toContain('deploy.tear_down_agent')
})

test.each([
  ['the machine is off', `power_state = 'power off'`],
  ['something has failed since', `last_error = 'x'`],
])('the agent is not taken over when %s', async (_, columns) => {
  await switchOn()
  await cleaned()
  await change(columns)
  expect((await deployed())[0]).toBe('power.power_off')
})

test('nor when anything else was done with the machine since', async () => {
  await switchOn()
  await cleaned()
  await one.bench.command('node.power', { node: one.node, target: 'rebooting' })
  await work()
  expect((await deployed())[0]).toBe('power.power_off')
})

test('nor when the cleaning failed: its machine was switched off', async () => {
  await switchOn()
  await put('manageable')
  await verb('clean', { steps: steps('deploy.erase') })
  await work({ failAt: 'deploy.erase' })
  await work()
  await change(`maintenance = 0, power_state = 'power on', last_error = NULL`)
  expect((await deployed())[0]).toBe('power.power_off')
})

test('a deployment that took an agent over and fails switches the machine off', async () => {
  await switchOn()
  await cleaned()
  await deployed()
  await work({ failAt: 'deploy.write_image' })
  expect(given()).toContain('power.power_off')
})
