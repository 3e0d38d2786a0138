// The fence at BMCs that others wrote: ipmi_sim closes another's session by its id; pyghmi's server says that it does.
import { afterEach, expect, test } from 'vitest'
import { eventually, type ForeignBmc, startIpmiSim, startPyghmiBmc } from '../../../sim/bmc/third-party.ts'
import type { Fence, StepContext } from '../../driver.ts'
import { type FakeContext, fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import { nodeEnv } from '../../ipmi/env.ts'
import { openPool } from '../../ipmi/pool.ts'
import driver from '../ipmi.ts'
import { fenceAbility } from './fence.ts'
import type { IpmiInfo } from './info.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A conductor of its own each: its sessions are in nobody else's pool. */
async function conductor(bmc: ForeignBmc): Promise<FakeContext & StepContext<IpmiInfo>> {
  const login = { ipmi_address: '127.0.0.1', ipmi_port: bmc.port, ipmi_username: 'admin', ipmi_password: 'secret' }
  const made = await fakeContext(driver, { node: fakeGrant('n', { driver: 'ipmi', driverInfo: login }) })
  cleanups.push(() => made.close())
  const { resource } = made.site
  const { setTimer, ...env } = nodeEnv()
  const hasty = () => openPool({ env: { ...env, setTimer: (run, delayMs) => setTimer(run, delayMs / 5) } })
  made.site.resource = (make) => resource((make as unknown) === openPool ? (hasty as unknown as typeof make) : make)
  return made as FakeContext & StepContext<IpmiInfo>
}

async function fence(context: FakeContext, predecessor?: string): Promise<Fence> {
  const opened = await driver.fencing!.open(context, predecessor)
  cleanups.push(() => opened.close())
  return opened
}

const power = driver.interfaces.power['ipmitool']!
const act = (context: FakeContext, step: string, through?: Fence) =>
  power.steps![step]!({ ...context, fence: through, before: context.before })
const read = (context: FakeContext) => power.methods!['get_power_state']!(context, {})

async function started(start: () => Promise<ForeignBmc>): Promise<ForeignBmc> {
  const bmc = await start()
  cleanups.push(() => bmc.stop())
  const looker = await conductor(bmc)
  await eventually(async () => await read(looker))
  return bmc
}

test('ipmi_sim: found able to fence, shown by verify', async () => {
  const made = await conductor(await started(startIpmiSim))
  const { facts } = (await act(made, 'verify')) as { facts: Record<string, unknown> }
  expect(facts).toEqual({ power_state: 'power off', driver_internal_info: { fence: 'session' } })
  expect(made.notes).toMatchObject([{ stage: 'bmc.verified', body: { fence: 'session' } }])
})

test('ipmi_sim: a conductor that wakes after its successor has fenced does nothing to the machine', async () => {
  const bmc = await started(startIpmiSim)
  const [stale, next, third] = [await conductor(bmc), await conductor(bmc), await conductor(bmc)]
  const old = await fence(stale)
  const ours = await fence(next, old.session)
  expect(next.notes).toEqual([{ stage: 'fence.closed', body: { session: old.session } }])
  await expect(act(stale, 'power_on', old)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  expect(await read(third)).toBe('power off')
  await act(next, 'power_on', ours)
  await ours.close()
  const last = await fence(third, ours.session)
  expect(third.notes, 'closed in an orderly way, so there is nobody to shut out').toEqual([])
  await act(third, 'power_off', last)
  expect(await read(third)).toBe('power off')
})

test('ipmi_sim: with every session taken the step is done by lease and margin', async () => {
  const bmc = await started(startIpmiSim)
  const made = await conductor(bmc)
  const taken: Fence[] = []
  for (let i = 0; i < 70; i++) {
    const next = await fence(await conductor(bmc))
    if (next.session === undefined) break
    taken.push(next)
  }
  const none = await fence(made)
  expect(none.session).toBeUndefined()
  expect(made.notes.map(({ stage }) => stage)).toEqual(['fence.margin'])
  for (const each of taken.slice(0, 3)) await each.close()
  await act(made, 'power_on', none)
  expect(await read(made)).toBe('power on')
})

test("pyghmi's server: found unable to fence, and its machine is switched without", async () => {
  const made = await conductor(await started(startPyghmiBmc))
  expect(await fenceAbility(made)).toEqual({ fence: 'margin', why: expect.stringContaining('goes on answering') })
  const none = await fence(made, '0x00000001@00000000')
  expect(none.session).toBeUndefined()
  await act(made, 'power_on', none)
  expect(await read(made)).toBe('power on')
})

test("pyghmi's server: a conductor that has not verified it finds out at its first fence, and does not lose the step", async () => {
  const bmc = await started(startPyghmiBmc)
  const [stale, next] = [await conductor(bmc), await conductor(bmc)]
  const old = await fence(stale)
  const none = await fence(next, old.session)
  expect([old.session, none.session]).toEqual([expect.stringMatching(/^0x/), undefined])
  expect(next.notes.map(({ stage }) => stage)).toEqual(['fence.margin'])
  await act(next, 'power_on', none)
  expect(await read(next)).toBe('power on')
})
