// The power poll on a clock that the test turns: spread, silent about what did not change, patient with a BMC that does not answer.
import { expect, test } from 'vitest'
import type { Fault } from '../../shared/faults.ts'
import { FaultError } from '../../shared/faults.ts'
import type { FromConductor, Grant } from '../../shared/protocol.ts'
import { Calls } from './calls.ts'
import { defineDriver } from '../driver.ts'
import { Facts } from '../link/facts.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from '../link/grants.ts'
import { silent } from '../log.ts'
import { moment } from '../link/span.ts'
import { PowerPoll, RECOVERY_MS, slotOf } from './periodic.ts'
import { z } from 'zod'

const INTERVAL_MS = 60_000

async function setUp(grantsOf: readonly Partial<Grant>[] = [{}]) {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 1e9 })
  const nodes = grantsOf.map((more, i) => fakeGrant(`node-${i}`, { driver: 'test', ...more }))
  for (const grant of nodes) grants.add(grant)
  const machine = {
    state: 'power on',
    failure: undefined as FaultError | undefined,
    asked: [] as { node: string; at: number }[],
  }
  const driver = defineDriver({
    name: 'test',
    about: 'a test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: {
      power: {
        only: {
          methods: {
            get_power_state: async ({ node }) => {
              machine.asked.push({ node: node.node, at: env.mono() })
              if (machine.failure) throw machine.failure
              return machine.state
            },
          },
        },
      },
      management: {},
    },
  })
  const { site } = await fakeContext(driver, { node: nodes[0]! })
  const sent: FromConductor[] = []
  const busy = new Set<string>()
  const facts = new Facts(
    env,
    (message) => void sent.push(message),
    () => true,
  )
  const calls = new Calls({
    env,
    log: silent,
    grants,
    drivers: new Map([['test', driver]]),
    site,
    send: () => {},
    note: () => {},
  })
  const poll = new PowerPoll({
    env,
    log: silent,
    grants,
    calls,
    facts,
    intervalMs: INTERVAL_MS,
    isBusy: (node) => busy.has(node),
  })
  /** Lets timers run one slot after another, and what they begin come to its end. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1000) {
      env.advance(Math.min(left, 1000))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const said = () => sent.flatMap((message) => (message.type === 'facts' ? Object.entries(message.nodes) : []))
  const faults = () => said().flatMap(([, { power_fault: fault }]) => (fault ? [(fault as Fault).code] : []))
  return { env, grants, machine, sent, busy, poll, pass, said, faults, facts }
}

const away = (text: string) => new FaultError('bmc.unreachable', text)

test('each node is read once in an interval, at a moment of its own, and what did not change is said once', async () => {
  const { machine, pass, said } = await setUp(Array.from({ length: 200 }, () => ({})))
  await pass(INTERVAL_MS)
  expect(new Set(machine.asked.map(({ node }) => node)).size).toBe(200)
  expect(machine.asked).toHaveLength(200)
  expect(new Set(machine.asked.map(({ at }) => at)).size, 'spread over the interval').toBeGreaterThan(40)
  for (const { node, at } of machine.asked) expect(Math.round((at - 1000) / 1000) % 60).toBe(slotOf(node))
  await pass(5 * INTERVAL_MS)
  expect(machine.asked).toHaveLength(1200)
  expect(said()).toHaveLength(200)
})

test('a node that may not be watched, or that a task works on, is not read', async () => {
  const { machine, busy, pass } = await setUp([{ powerSync: false }, {}])
  busy.add('node-1')
  await pass(2 * INTERVAL_MS)
  expect(machine.asked).toEqual([])
})

test('a BMC that does not answer is news at the fourth time, and only once whatever it says', async () => {
  const { machine, pass, faults, said } = await setUp()
  await pass(INTERVAL_MS)
  for (let i = 1; i <= 3; i++) {
    machine.failure = away(`try ${i}`)
    await pass(INTERVAL_MS)
  }
  expect(faults()).toEqual([])
  for (let i = 4; i <= 8; i++) {
    machine.failure = away(`try ${i}`)
    await pass(INTERVAL_MS)
  }
  expect(faults()).toEqual(['bmc.unreachable'])
  machine.failure = undefined
  await pass(INTERVAL_MS)
  expect(said().at(-1)).toEqual(['node-0', { power_fault: null }])
})

test('an answer in between, or a task, starts the count anew', async () => {
  const { machine, pass, faults, poll } = await setUp()
  const failing = async (times: number) => {
    machine.failure = away('away')
    await pass(times * INTERVAL_MS)
    machine.failure = undefined
  }
  await failing(3)
  await pass(INTERVAL_MS)
  await failing(3)
  poll.taskEnded('node-0')
  await failing(3)
  expect(faults()).toEqual([])
})

test('a node that was given up is read every five minutes, and each answer is told', async () => {
  const { machine, pass, said } = await setUp([{ powerFault: true }])
  machine.failure = away('away')
  await pass(2 * RECOVERY_MS)
  expect(machine.asked.length).toBe(2)
  machine.failure = undefined
  await pass(2 * RECOVERY_MS)
  expect(said()).toEqual([
    ['node-0', { power_state: 'power on', power_fault: null }],
    ['node-0', { power_state: 'power on', power_fault: null }],
  ])
})

test('after a task the power is said anew, for the cloud to compare', async () => {
  const { poll, pass, said } = await setUp()
  await pass(2 * INTERVAL_MS)
  expect(said()).toHaveLength(1)
  poll.taskEnded('node-0')
  await pass(2 * INTERVAL_MS)
  expect(said()).toHaveLength(2)
})

test('a BMC that still does not answer after a reconnect is told of again: the hub may not have heard', async () => {
  const { machine, pass, faults, facts } = await setUp()
  machine.failure = away('away')
  await pass(5 * INTERVAL_MS)
  expect(faults()).toHaveLength(1)
  facts.reconnected()
  await pass(3 * INTERVAL_MS)
  expect(faults()).toHaveLength(2)
})

test('failures that were counted before a node was lost do not count when it is back', async () => {
  const { machine, pass, faults, grants } = await setUp()
  machine.failure = away('away')
  await pass(3 * INTERVAL_MS)
  grants.drop('node-0')
  grants.add(fakeGrant('node-0', { driver: 'test', epoch: 2 }))
  await pass(3 * INTERVAL_MS)
  expect(faults()).toEqual([])
  await pass(INTERVAL_MS)
  expect(faults()).toHaveLength(1)
})

test('a BMC that fails again after it had answered is told of again', async () => {
  const { machine, pass, faults } = await setUp()
  for (let i = 1; i <= 2; i++) {
    machine.failure = away('away')
    await pass(5 * INTERVAL_MS)
    machine.failure = undefined
    await pass(INTERVAL_MS)
    expect(faults()).toHaveLength(i)
  }
})

test('a BMC that does not answer when a person has ended the maintenance is news at the fourth time again', async () => {
  const { machine, pass, faults, grants } = await setUp()
  const grant = (more: Partial<Grant>) => grants.add(fakeGrant('node-0', { driver: 'test', ...more }))
  machine.failure = away('away')
  await pass(4 * INTERVAL_MS)
  expect(faults()).toHaveLength(1)
  grant({ powerFault: true, specVersion: 2 })
  await pass(2 * RECOVERY_MS)
  grant({ specVersion: 3 })
  await pass(3 * INTERVAL_MS)
  expect(faults()).toHaveLength(1)
  await pass(INTERVAL_MS)
  expect(faults()).toHaveLength(2)
})
