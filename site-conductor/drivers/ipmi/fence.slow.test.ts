// The fence at a simulated BMC, whose log is the judge: who is shut out, what a paused conductor can still do, and what happens at BMCs that cannot.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { memoryChassis } from '../../../sim/bmc/chassis.ts'
import { type RunningBmc, startBmc, type StartOptions } from '../../../sim/bmc/start.ts'
import type { Fence, StepContext } from '../../driver.ts'
import { type FakeContext, fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import { nodeEnv } from '../../ipmi/env.ts'
import { openPool } from '../../ipmi/pool.ts'
import driver from '../ipmi.ts'
import { fenceAbility } from './fence.ts'
import type { IpmiInfo } from './info.ts'

let bmc: RunningBmc
let contexts: FakeContext[]
let fences: Fence[]

const start = async (options: StartOptions = {}) =>
  void (bmc = await startBmc({ chassis: memoryChassis(), ...options }))
beforeEach(async () => {
  contexts = []
  fences = []
  await start()
})
afterEach(async () => {
  await Promise.all(fences.map((fence) => fence.close()))
  await Promise.all(contexts.map((context) => context.close()))
  await bmc.close()
})

/** A conductor of its own each: its sessions are in nobody else's pool. Not patient, for BMCs on loopback answer at once. */
async function conductor(info: Record<string, unknown> = {}): Promise<FakeContext & StepContext<IpmiInfo>> {
  const login = { ipmi_address: bmc.address, ipmi_port: bmc.port, ipmi_username: 'admin', ipmi_password: 'secret' }
  const made = await fakeContext(driver, {
    node: fakeGrant('n', { driver: 'ipmi', driverInfo: { ...login, ...info } }),
  })
  contexts.push(made)
  const { resource } = made.site
  const { setTimer, ...env } = nodeEnv()
  const hasty = () => openPool({ env: { ...env, setTimer: (run, delayMs) => setTimer(run, delayMs / 8) } })
  made.site.resource = (make) => resource((make as unknown) === openPool ? (hasty as unknown as typeof make) : make)
  return made as FakeContext & StepContext<IpmiInfo>
}

async function fence(context: FakeContext, predecessor?: string): Promise<Fence> {
  const opened = await driver.fencing!.open(context, predecessor)
  fences.push(opened)
  return opened
}

const act = (context: FakeContext, through: Fence, step = 'power_on') =>
  driver.interfaces.power['ipmitool']!.steps![step]!({ ...context, fence: through, before: context.before })
/** A packet that comes again on a busy host has the number of the first. */
const switched = () =>
  bmc.log
    .of('Chassis Control')
    .filter(({ session, number }, i, all) => session !== all[i - 1]?.session || number !== all[i - 1]?.number)
    .map(({ detail }) => detail)
const idOf = ({ session }: Fence) => Number.parseInt(session!.slice(2, 10), 16)
const closedByOthers = () =>
  bmc.log.of('Close Session').filter(({ detail }) => !detail.startsWith('its own') && !detail.includes('refused'))

test('a step reads and acts in the session that its fence names, at Administrator level, and it is gone afterwards', async () => {
  const one = await conductor()
  const through = await fence(one)
  await act(one, through)
  const [entry] = bmc.log.of('Chassis Control')
  expect(entry).toMatchObject({ session: idOf(through), privilege: 4, detail: 'on' })
  expect(new Set(bmc.log.of('Get Chassis Status').map(({ session }) => session))).toEqual(new Set([idOf(through)]))
  await through.close()
  expect(bmc.activeSessions()).toBe(0)
})

test('a conductor that wakes after its successor has fenced does nothing to the machine', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  const ours = await fence(next, old.session)
  await expect(act(stale, old)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  expect(switched()).toEqual([])
  await act(next, ours)
  expect(switched()).toEqual(['on'])
  expect(next.notes).toContainEqual({ stage: 'fence.closed', body: { session: old.session } })
})

test('a step’s last answer is lost, its successor is told that the session is there no more, and goes on', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  await old.close()
  const ours = await fence(next, old.session)
  await act(next, ours)
  expect(switched()).toEqual(['on'])
  expect(next.notes).toEqual([])
})

test('a conductor that may not act closes nobody’s session', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const ours = await fence(next)
  stale.refused = true
  await expect(fence(stale, ours.session)).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(closedByOthers()).toEqual([])
  await act(next, ours)
})

test('the last-moment check is asked at every packet that opens a fence and closes the predecessor', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  const packets = bmc.log.entries.length
  await fence(next, old.session)
  // Each command in the log, Open Session and two of RAKP. The read that follows a close is no mutation.
  const commands = bmc.log.entries.slice(packets).filter(({ command }) => command !== 'Get Chassis Status')
  expect(next.checks).toBeGreaterThanOrEqual(commands.length + 3)
})

test('the check refuses in the middle of opening a fence: nothing is left at the BMC', async () => {
  const old = await fence(await conductor())
  const next = await conductor()
  for (let packets = 0; packets < 6; packets++) {
    let left = packets
    const before = () => {
      if (left-- === 0) next.refused = true
      next.before()
    }
    next.refused = false
    await expect(
      driver.fencing!.open({ ...next, before }, old.session),
      `after ${packets} packets`,
    ).rejects.toMatchObject({
      fault: { code: 'fenced' },
    })
  }
  expect(closedByOthers()).toEqual([])
  await expect.poll(() => bmc.activeSessions()).toBe(1)
})

test('an id that another BMC gave out closes nothing here', async () => {
  const [other, next] = [await conductor(), await conductor()]
  const theirs = await fence(other)
  const name = `${theirs.session!.split('@')[0]}@00000000`
  await fence(next, name)
  expect(closedByOthers()).toEqual([])
  expect(next.notes).toEqual([{ stage: 'fence.unknown_predecessor', body: { predecessor: name } }])
})

test('a full session table fails no step: lease and margin are the fence, and the timeline says so', async () => {
  await bmc.close()
  await start({ sessionLimit: 2 })
  const one = await conductor()
  await fence(await conductor())
  // Opened for a read and idle since, which the fence would close to make room; here the other conductor has the second one.
  const full = await fence(await conductor())
  const none = await fence(one)
  expect(none.session).toBeUndefined()
  expect(one.notes.map(({ stage }) => stage)).toEqual(['fence.margin'])
  expect(one.notes[0]!.body['why']).toMatch(/session/i)
  await full.close()
  await act(one, none)
  expect(switched()).toEqual(['on'])
})

test('idle sessions of this conductor make room for a fence', async () => {
  await bmc.close()
  await start({ sessionLimit: 1 })
  const one = await conductor()
  const read = driver.interfaces.power['ipmitool']!.methods!['get_power_state']!
  expect(await read(one, {})).toBe('power off')
  const through = await fence(one)
  await act(one, through)
  expect(switched()).toEqual(['on'])
  expect(one.notes).toEqual([])
})

test.each([
  ['closes it', 'works', {}, { fence: 'session' }],
  ['refuses', 'refused', {}, { fence: 'margin', why: expect.stringContaining('refused Close Session') }],
  ['closes the one that asks', 'asker', {}, { fence: 'margin', why: expect.stringContaining('goes on answering') }],
  ['only says so', 'pretended', {}, { fence: 'margin', why: expect.stringContaining('goes on answering') }],
  [
    'is not asked by an operator',
    'works',
    { ipmi_priv_level: 'OPERATOR' },
    { fence: 'margin', why: expect.stringContaining('ipmi_priv_level') },
  ],
  [
    'is not asked by a user who may not',
    'works',
    { ipmi_username: 'operator', ipmi_password: 'operate' },
    { fence: 'margin', why: expect.stringContaining('privilege') },
  ],
] as const)('a BMC that %s, told to close another’s session, is found out', async (_, closing, info, expected) => {
  bmc.firmware.closing = closing
  expect(await fenceAbility(await conductor(info))).toEqual(expected)
  await expect.poll(() => bmc.activeSessions()).toBeLessThanOrEqual(1)
})

test.each(['refused', 'asker', 'pretended'] as const)(
  'at a BMC that cannot close another’s session (%s) the step is done without, once tried and then known',
  async (closing) => {
    bmc.firmware.closing = closing
    const [stale, next] = [await conductor(), await conductor()]
    const old = await fence(stale)
    const none = await fence(next, old.session)
    expect(none.session).toBeUndefined()
    expect(next.notes.map(({ stage }) => stage)).toEqual(['fence.margin'])
    await act(next, none)
    expect(switched()).toEqual(['on'])
    const again = await fence(next, old.session)
    expect(
      next.notes.map(({ stage }) => stage),
      'each step says so',
    ).toEqual(['fence.margin', 'fence.margin'])
    for (const { facts } of [none, again]) expect(facts).toEqual({ driver_internal_info: { fence: 'margin' } })
  },
)

test('a BMC that times out while it closes the predecessor’s session has shown nothing: the next step shuts the predecessor out', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  bmc.firmware.closing = 'confused'
  const none = await fence(next, old.session)
  expect(none).toMatchObject({ session: undefined, facts: undefined })
  expect(next.notes).toEqual([{ stage: 'fence.margin', body: { why: expect.stringContaining('0xc3') } }])
  bmc.firmware.closing = 'works'
  const ours = await fence(next, old.session)
  expect(ours).toMatchObject({ session: expect.any(String), facts: { driver_internal_info: { fence: 'session' } } })
  await expect(act(stale, old)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  expect(switched()).toEqual([])
})

test('a BMC that restarts in the middle of the trial has shown nothing, and the trial fails nothing', async () => {
  const one = await conductor()
  const { add } = bmc.log
  bmc.log.add = (...entry) => {
    add.apply(bmc.log, entry)
    if (bmc.log.entries.at(-1)!.command === 'Close Session') queueMicrotask(() => bmc.forgetSessions())
  }
  expect(await fenceAbility(one)).toMatchObject({ fence: 'unknown' })
})

test('a BMC that was restarted in the middle of a step loses the session, which is not taken for a power that is wrong', async () => {
  const one = await conductor()
  const through = await fence(one)
  bmc.forgetSessions()
  await expect(act(one, through)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  await act(one, await fence(one, through.session))
  expect(switched()).toEqual(['on'])
})

test('a person’s call that changes something has a session of its own, closed afterwards', async () => {
  const one = await conductor()
  const { task: _, args: __, keep: ___, ...call } = one
  await driver.interfaces.management['ipmitool']!.methods!['set_boot_device']!(
    { ...call, before: one.before },
    { boot_device: 'pxe' },
  )
  const told = bmc.log.of('Set System Boot Options')
  expect(new Set(told.map(({ session }) => session)).size).toBe(1)
  expect(new Set(told.map(({ privilege }) => privilege))).toEqual(new Set([3]))
  expect(bmc.activeSessions()).toBe(0)
  one.refused = true
  await expect(
    driver.interfaces.management['ipmitool']!.methods!['set_boot_device']!(
      { ...call, before: one.before },
      { boot_device: 'disk' },
    ),
  ).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(bmc.log.of('Set System Boot Options')).toHaveLength(told.length)
})
