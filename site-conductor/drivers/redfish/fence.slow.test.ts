// The fence at a simulated Redfish BMC, whose log is the judge: who is shut out, what a paused conductor can still do, and what happens at BMCs that
// cannot, or that lose answers.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningRedfish, startRedfishBmc, type StartRedfishOptions } from '../../../sim/bmc/redfish/start.ts'
import type { Fence, StepContext } from '../../driver.ts'
import { type FakeContext, fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import { nodeEnv } from '../../redfish/env.ts'
import { openPool } from '../../redfish/pool.ts'
import driver from '../redfish.ts'
import { factsOf } from '../fence.ts'
import { fenceAbility } from './fence.ts'
import type { RedfishInfo } from './info.ts'

let bmc: RunningRedfish
let contexts: FakeContext[]
let fences: Fence[]

const start = async (options: StartRedfishOptions = {}) => void (bmc = await startRedfishBmc(options))
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

/** A conductor of its own each: its sessions are in nobody else's pool. It loses patience with a busy BMC soon. */
async function conductor(info: Record<string, unknown> = {}): Promise<FakeContext & StepContext<RedfishInfo>> {
  const login = { redfish_address: bmc.url, redfish_username: 'admin', redfish_password: 'secret' }
  const node = fakeGrant('n', { driver: 'redfish', driverInfo: { ...login, ...info } })
  const made = await fakeContext(driver, { node })
  contexts.push(made)
  const { resource } = made.site
  const hasty = () => openPool({ env: { ...nodeEnv, mono: () => nodeEnv.mono() * 100 } })
  made.site.resource = (make) => resource((make as unknown) === openPool ? (hasty as unknown as typeof make) : make)
  return made as FakeContext & StepContext<RedfishInfo>
}

async function fence(context: FakeContext, predecessor?: string): Promise<Fence> {
  const opened = await driver.fencing!.open(context, predecessor)
  fences.push(opened)
  return opened
}

const act = (context: FakeContext, through: Fence, step = 'power_on') =>
  driver.interfaces.power['redfish']!.steps![step]!({ ...context, fence: through, before: context.before })
const switched = () => bmc.log.of('ComputerSystem.Reset').map(({ detail }) => detail)
const idOf = ({ session }: Fence) => session!.split('@')[0]
const closedByOthers = () => bmc.log.of('DELETE Session').filter(({ detail }) => detail !== 'its own')

test('a step acts in the session that its fence names, and it is gone afterwards', async () => {
  const one = await conductor()
  const through = await fence(one)
  await act(one, through)
  expect(bmc.log.of('ComputerSystem.Reset')).toMatchObject([{ session: idOf(through), detail: 'On' }])
  await through.close()
  expect(bmc.activeSessions()).toBe(0)
})

test('a conductor that wakes after its successor has fenced does nothing to the machine', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  const ours = await fence(next, old.session)
  await expect(act(stale, old)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  expect(bmc.log.strays, 'the BMC itself refused it: the check had passed').toBeGreaterThan(0)
  expect(switched()).toEqual([])
  await act(next, ours)
  expect(switched()).toEqual(['On'])
  expect(next.notes).toContainEqual({ stage: 'fence.closed', body: { session: old.session } })
})

test('a predecessor that closed its session leaves nobody to shut out', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  await old.close()
  await act(next, await fence(next, old.session))
  expect(switched()).toEqual(['On'])
  expect(next.notes).toEqual([])
})

test('a conductor that may not act closes nobody’s session and leaves none', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const ours = await fence(next)
  for (let requests = 0; requests < 2; requests++) {
    let left = requests
    const before = () => {
      if (left-- === 0) stale.refused = true
      stale.before()
    }
    stale.refused = false
    await expect(
      driver.fencing!.open({ ...stale, before }, ours.session),
      `after ${requests} requests`,
    ).rejects.toMatchObject({ fault: { code: 'fenced' } })
  }
  expect(closedByOthers()).toEqual([])
  expect(bmc.activeSessions()).toBe(1)
  await act(next, ours)
})

test('an id that another BMC gave out deletes nothing here', async () => {
  const [other, next] = [await conductor(), await conductor()]
  const theirs = await fence(other)
  for (const name of [`${idOf(theirs)}@00000000`, '../Systems@00000000', '0x00000001@00000000']) {
    await fence(next, name)
    expect(next.notes.at(-1)).toEqual({ stage: 'fence.unknown_predecessor', body: { predecessor: name } })
  }
  expect(closedByOthers()).toEqual([])
})

test('a full session table fails no step: lease and margin are the fence, and the timeline says so', async () => {
  await bmc.close()
  await start({ sessionLimit: 1 })
  const one = await conductor()
  await fence(await conductor())
  const none = await fence(one)
  expect(none.session).toBeUndefined()
  expect(one.notes).toMatchObject([{ stage: 'fence.margin', body: { why: expect.stringMatching(/session/i) } }])
  await act(one, none)
  expect(bmc.log.of('ComputerSystem.Reset')).toMatchObject([{ session: 'basic', detail: 'On' }])
})

test('the idle session of this conductor makes room for a fence', async () => {
  await bmc.close()
  await start({ sessionLimit: 1 })
  const one = await conductor()
  expect(await driver.interfaces.power['redfish']!.methods!['get_power_state']!(one, {})).toBe('power off')
  await act(one, await fence(one))
  expect(switched()).toEqual(['On'])
  expect(one.notes).toEqual([])
})

test.each([
  ['deletes it', 'works', {}, { fence: 'session' }],
  ['refuses', 'refused', {}, { fence: 'margin', why: expect.stringContaining('403') }],
  ['deletes the one that asks', 'asker', {}, { fence: 'margin', why: expect.stringContaining('goes on answering') }],
  ['only says so', 'pretended', {}, { fence: 'margin', why: expect.stringContaining('goes on answering') }],
  [
    'is not asked with basic authentication',
    'works',
    { redfish_auth_type: 'basic' },
    { fence: 'margin', why: expect.stringContaining('basic') },
  ],
] as const)('a BMC that %s, told to delete another’s session, is found out', async (_, closing, info, expected) => {
  bmc.quirks.closing = closing
  expect(await fenceAbility(await conductor(info))).toEqual(expected)
  expect(bmc.activeSessions()).toBe(0)
})

test('a BMC without a session service is found out, and its machine is switched by basic authentication', async () => {
  bmc.quirks.sessionService = false
  const one = await conductor()
  expect(await fenceAbility(one)).toEqual({ fence: 'margin', why: expect.stringContaining('no session service') })
  await act(one, await fence(one))
  expect(bmc.log.of('ComputerSystem.Reset')).toMatchObject([{ session: 'basic' }])
})

test.each(['refused', 'asker', 'pretended'] as const)(
  'at a BMC that cannot delete another’s session (%s) the step is done without, once tried and then known',
  async (closing) => {
    bmc.quirks.closing = closing
    const [stale, next] = [await conductor(), await conductor()]
    const old = await fence(stale)
    const none = await fence(next, old.session)
    expect(none.session).toBeUndefined()
    expect(next.notes.map(({ stage }) => stage)).toEqual(['fence.margin'])
    await act(next, none)
    expect(switched()).toEqual(['On'])
    const log = bmc.log.entries.length
    const again = await fence(next, old.session)
    expect(bmc.log.entries, 'it is not tried again').toHaveLength(log)
    expect(
      next.notes.map(({ stage }) => stage),
      'each step says so',
    ).toEqual(['fence.margin', 'fence.margin'])
    for (const { facts } of [none, again]) expect(facts).toEqual({ driver_internal_info: { fence: 'margin' } })
  },
)

test('a BMC that is busy while the predecessor’s session is deleted has shown nothing: the next step shuts the predecessor out', async () => {
  const [stale, next] = [await conductor(), await conductor()]
  const old = await fence(stale)
  bmc.delay = ({ method }) => {
    if (method === 'DELETE') bmc.quirks.busy = Infinity
  }
  const none = await fence(next, old.session)
  bmc.delay = () => {}
  bmc.quirks.busy = 0
  expect(none).toMatchObject({ session: undefined, facts: undefined })
  expect(next.notes).toEqual([{ stage: 'fence.margin', body: { why: expect.stringContaining('busy') } }])
  const ours = await fence(next, old.session)
  expect(ours).toMatchObject({ session: expect.any(String), facts: { driver_internal_info: { fence: 'session' } } })
  await expect(act(stale, old)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  expect(switched()).toEqual([])
})

test('a BMC that is busy at verify is not written down as one that cannot fence', async () => {
  const one = await conductor()
  bmc.delay = ({ method }) => {
    if (method === 'DELETE') bmc.quirks.busy = Infinity
  }
  const ability = await fenceAbility(one)
  expect(ability).toEqual({ fence: 'unknown', why: expect.stringContaining('busy') })
  expect(factsOf(ability)).toBeUndefined()
  bmc.delay = () => {}
  bmc.quirks.busy = 0
  expect((await fence(one)).session).toBeDefined()
})

test('a BMC that was restarted in the middle of a step loses the session, which is not taken for a power that is wrong', async () => {
  const one = await conductor()
  const through = await fence(one)
  bmc.forgetSessions()
  await expect(act(one, through)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  await act(one, await fence(one, through.session))
  expect(switched()).toEqual(['On'])
})

test('an answer that is lost ends the fence: the step begins again, sees what was done, and does not do it twice', async () => {
  const one = await conductor()
  const through = await fence(one)
  bmc.quirks.loseAnswers = 1
  await expect(act(one, through)).rejects.toMatchObject({ fault: { code: 'bmc.session_lost' } })
  await expect(act(one, through), 'the old one acts no more').resolves.toMatchObject({
    facts: { power_state: 'power on' },
  })
  const again = await fence(one, through.session)
  expect(closedByOthers()).toMatchObject([{ detail: idOf(through) }])
  await act(one, again)
  expect(switched()).toEqual(['On'])
})

test('without a fence, what became of a change whose answer is lost is looked for', async () => {
  bmc.quirks.closing = 'refused'
  bmc.quirks.powerMs = 100
  const one = await conductor()
  await fenceAbility(one)
  const none = await fence(one)
  expect(none.session).toBeUndefined()
  await driver.interfaces.power['redfish']!.methods!['get_power_state']!(one, {})
  bmc.quirks.loseAnswers = 1
  await expect(act(one, none)).resolves.toEqual({ facts: { power_state: 'power on' } })
  expect(switched()).toEqual(['On'])
})

test('a machine that is powering off is not told to switch on before it is off', async () => {
  const one = await conductor()
  bmc.machine.chassis.control('on')
  Object.assign(bmc.quirks, { powerMs: 300, conflicts: true })
  const { fence: _, ...unfenced } = one
  const cycle = act(one, await fence(one), 'soft_power_off')
  await expect.poll(switched).toEqual(['GracefulShutdown'])
  await act({ ...unfenced, before: one.before } as FakeContext, await fence(await conductor()))
  await cycle.catch(() => {})
  expect(bmc.log.refused()).toEqual([])
  expect(switched()).toEqual(['GracefulShutdown', 'On'])
})

test('a person’s call that changes something has a session of its own, closed afterwards', async () => {
  const one = await conductor()
  const { task: _, args: __, keep: ___, ...call } = one
  const set = driver.interfaces.management['redfish']!.methods!['set_boot_device']!
  await set({ ...call, before: one.before }, { boot_device: 'pxe' })
  expect(bmc.log.of('PATCH ComputerSystem')).toHaveLength(1)
  expect(bmc.activeSessions()).toBe(0)
  one.refused = true
  await expect(set({ ...call, before: one.before }, { boot_device: 'disk' })).rejects.toMatchObject({
    fault: { code: 'fenced' },
  })
  expect(bmc.log.of('PATCH ComputerSystem')).toHaveLength(1)
})

test.each([
  ['wants If-Match', { needsEtag: true }],
  ['is busy for some requests', { busy: 5 }],
  ['takes its time', { powerMs: 200 }],
])('a BMC that %s is set and switched all the same', async (_, quirks) => {
  const one = await conductor()
  const through = await fence(one)
  Object.assign(bmc.quirks, quirks)
  await driver.interfaces.management['redfish']!.methods!['set_boot_device']!(one, { boot_device: 'pxe' })
  await act(one, through)
  await act(one, through, 'power_off')
  expect(switched()).toEqual(['On', 'ForceOff'])
})
