// What a node shows of its agent, from the events of a task; of a machine that is off there is none.
import { expect, test } from 'vitest'
import { OneNode } from './testdata/one-node.ts'

const one = new OneNode()
const { put, row, verb, wait } = one

const internal = async () =>
  JSON.parse(String((await row('driver_internal_info'))['driver_internal_info'])) as Record<string, unknown>
const AGENT = {
  agent_url: 'https://192.0.2.7:9999',
  agent_version: '1',
  agent_last_heartbeat: '2026-11-26T09:00:00.000',
  hardware_manager_version: { generic: '1' },
  agent_cached_clean_steps: { deploy: [{ interface: 'deploy', step: 'erase', priority: 99 }] },
  agent_cached_clean_steps_refreshed: '2026-11-26T09:00:00.000',
}
const { agent_url: _, agent_cached_clean_steps: __, ...AFTERWARDS } = AGENT

/** A cleaning whose agent has called. */
async function called() {
  await put('manageable')
  await verb('clean', { steps: [{ interface: 'deploy', step: 'burn' }] })
  const { id, epoch, steps } = await wait('deploy.wait_agent')
  const at = steps.findIndex(({ step }) => step === 'wait_agent')
  const [[last]] = (await one.bench.sql.all('SELECT last_event FROM tasks WHERE id = ?', [id])) as [[number]]
  const say = (n: number, step: number, facts: object) =>
    one.bench.say(one.peer, {
      type: 'event',
      id,
      epoch,
      events: [{ n: last + n, at: one.bench.now, step, kind: 'finished', facts: { ...facts } }],
    })
  await say(1, at, { driver_internal_info: AGENT })
  return { say, at }
}

test('it shows what the agent said when it called, and beside it the list and its place in it', async () => {
  await called()
  expect(await internal()).toMatchObject({ ...AGENT, clean_step_index: 4, clean_steps: expect.any(Array) as unknown })
})

test('a machine that a step has switched off has no address of an agent and no steps of one', async () => {
  const { say, at } = await called()
  await say(2, at, { power_state: 'power off' })
  const shown = await internal()
  expect(shown).toMatchObject(AFTERWARDS)
  expect(Object.keys(shown)).not.toContain('agent_url')
  expect(Object.keys(shown)).not.toContain('agent_cached_clean_steps')
})

test('nor has one that is found off', async () => {
  await one.change(`driver_internal_info = '${JSON.stringify(AGENT)}', power_state = 'power on'`)
  await put('available')
  await one.bench.say(one.peer, { type: 'facts', nodes: { [one.node]: { power_state: 'power off' } } })
  expect(await row('power_state')).toEqual({ power_state: 'power off' })
  expect(await internal()).toEqual(AFTERWARDS)
})
