// Sessions shared and kept, mutations one at a time. The simulated BMC's log is the judge.
import { afterEach, expect, test } from 'vitest'
import { startBmc, type RunningBmc, type StartOptions } from '../../sim/bmc/start.ts'
import { controlChassis } from './commands/chassis-control.ts'
import { getChassisStatus } from './commands/chassis-status.ts'
import { nodeEnv } from './env.ts'
import { openPool, type Bmc, type Pool, type PoolOptions } from './pool.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function bmcWith(options?: StartOptions): Promise<RunningBmc> {
  const bmc = await startBmc(options)
  cleanups.push(() => bmc.close())
  return bmc
}

function poolWith(options?: PoolOptions): Pool {
  const pool = openPool(options)
  cleanups.push(() => pool.close())
  return pool
}

function reach(bmc: RunningBmc, more: Partial<Bmc> = {}): Bmc {
  return { host: bmc.address, port: bmc.port, username: 'admin', password: 'secret', timeoutMs: 2_000, ...more }
}

const power = (pool: Pool, bmc: Bmc) => pool.read(bmc, async (session) => (await getChassisStatus(session)).power)
const opened = (bmc: RunningBmc) => bmc.log.of('Get Channel Authentication Capabilities').length

test('polls share one session at User level', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  expect(await Promise.all([1, 2, 3].map(() => power(pool, reach(bmc))))).toEqual(['off', 'off', 'off'])
  expect(await power(pool, reach(bmc))).toBe('off')
  expect(opened(bmc)).toBe(1)
  expect(bmc.log.of('Get Chassis Status').map(({ privilege }) => privilege)).toEqual([2, 2, 2, 2])
})

test('many BMCs, two packets a poll', async () => {
  const bmcs = await Promise.all(Array.from({ length: 50 }, () => bmcWith()))
  let packets = 0
  const env = nodeEnv()
  const udp: typeof env.udp = async (family, onPacket) => {
    const socket = await env.udp(family, (packet, from) => (packets++, onPacket(packet, from)))
    return { ...socket, send: (...sent) => (packets++, socket.send(...sent)) }
  }
  let sockets = 0
  const pool = poolWith({ env: { ...env, udp: (...given) => (sockets++, udp(...given)) } })
  const all = bmcs.map((bmc) => reach(bmc))
  await Promise.all(all.map((bmc) => power(pool, bmc)))
  packets = 0
  await Promise.all(all.map((bmc) => power(pool, bmc)))
  expect(packets).toBe(100)
  expect(sockets).toBe(1)
})

test('an idle session is closed at the BMC', async () => {
  const bmc = await bmcWith()
  const timers: (() => void)[] = []
  const env = nodeEnv()
  const setTimer: typeof env.setTimer = (run, delayMs) => {
    if (delayMs !== 20_000) return env.setTimer(run, delayMs)
    timers.push(run)
    return () => void timers.splice(timers.indexOf(run), 1)
  }
  const pool = poolWith({ env: { ...env, setTimer } })
  await power(pool, reach(bmc))
  await power(pool, reach(bmc))
  expect(timers).toHaveLength(1)
  timers[0]?.()
  await expect.poll(() => bmc.activeSessions()).toBe(0)
  await power(pool, reach(bmc))
  expect(opened(bmc)).toBe(2)
})

test('a read survives a BMC that forgot its sessions', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const hasty = reach(bmc, { timeoutMs: 20, retries: 1 })
  await power(pool, hasty)
  bmc.forgetSessions()
  expect(await power(pool, hasty)).toBe('off')
  expect(opened(bmc)).toBe(2)
})

test('a mutation finds a living session, and is not what finds out that one had died', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const hasty = reach(bmc, { timeoutMs: 20, retries: 1 })
  const on = () => pool.mutate(hasty, (session) => controlChassis(session, 'cycle'))
  await on()
  bmc.forgetSessions()
  await on()
  expect(bmc.log.of('Chassis Control')).toHaveLength(2)
})

test('mutations of a BMC wait for each other; those of another do not', async () => {
  const [one, other] = [await bmcWith(), await bmcWith()]
  const pool = poolWith()
  const order: string[] = []
  const hold = Promise.withResolvers<void>()
  const first = pool.mutate(reach(one), async () => {
    order.push('first begins')
    await hold.promise
    order.push('first ends')
  })
  const second = pool.mutate(reach(one), async () => void order.push('second'))
  await pool.mutate(reach(other), async () => void order.push('other'))
  const third = new AbortController()
  const aborted = pool.mutate(reach(one), async () => void order.push('third'), { signal: third.signal })
  third.abort()
  await expect(aborted).rejects.toMatchObject({ kind: 'aborted' })
  await expect.poll(() => order).toContain('first begins')
  // Requests of a session go in order: when this one is answered, nothing that the others could have asked is left.
  for (let time = 0; time < 3; time++)
    await pool.read(reach(one), (session) => getChassisStatus(session), { privilege: 'operator' })
  hold.resolve()
  await Promise.all([first, second])
  expect(order.filter((line) => line !== 'other')).toEqual(['first begins', 'first ends', 'second'])
})

test('after a repeated "off" its session is closed before anything else happens', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const hasty = reach(bmc, { timeoutMs: 20 })
  await pool.mutate(hasty, async (session) => {
    bmc.firmware.loseAnswers = 1
    await controlChassis(session, 'off')
  })
  await pool.mutate(hasty, (session) => controlChassis(session, 'on'))
  const story = bmc.log.entries.filter(({ command }) => /Control|Close/.test(command))
  expect(story.map(({ command, detail }) => `${command}: ${detail}`)).toEqual([
    'Chassis Control: off',
    'Chassis Control: off',
    'Close Session: its own',
    'Chassis Control: on',
  ])
  expect(story[3]?.session).not.toBe(story[0]?.session)
})

test('a fresh session is new and gone afterwards', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const ids: number[] = []
  for (let time = 0; time < 2; time++)
    await pool.mutate(reach(bmc), async (session) => void ids.push(session.id), {
      fresh: true,
      privilege: 'administrator',
    })
  expect(new Set(ids).size).toBe(2)
  expect(bmc.activeSessions()).toBe(0)
})

test('BMCs that do not answer keep no others from theirs', async () => {
  const [dead, alive] = [await bmcWith({ network: { silent: true } }), await bmcWith()]
  const pool = poolWith({ opening: 1 })
  const never = Promise.allSettled([1, 2].map((user) => power(pool, reach(dead, { username: `user${user}` }))))
  expect(await power(pool, reach(alive))).toBe('off')
  await pool.close()
  expect(await never).toMatchObject([{ reason: { kind: 'closed' } }, { reason: { kind: 'closed' } }])
})

test('closing ends a mutation in a session of its own, too', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const begun = Promise.withResolvers<void>()
  const hold = Promise.withResolvers<void>()
  const mutation = pool.mutate(
    reach(bmc),
    async (session) => {
      begun.resolve()
      await hold.promise
      await controlChassis(session, 'on')
    },
    { fresh: true },
  )
  await begun.promise
  expect(bmc.activeSessions()).toBe(1)
  await pool.close()
  expect(bmc.activeSessions()).toBe(0)
  hold.resolve()
  await expect(mutation).rejects.toMatchObject({ kind: 'closed' })
  expect(bmc.log.offToOn).toBe(0)
})

test('a new password opens a new session, the old one is not used for it', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  await power(pool, reach(bmc))
  await expect(power(pool, reach(bmc, { password: 'wrong' }))).rejects.toMatchObject({ kind: 'authentication' })
  expect(await power(pool, reach(bmc))).toBe('off')
})

test('an impatient reader leaves, the others get their session', async () => {
  const bmc = await bmcWith({ network: { delayMs: 3 } })
  const pool = poolWith()
  const stop = new AbortController()
  const impatient = pool.read(reach(bmc), (session) => getChassisStatus(session), { signal: stop.signal })
  const patient = power(pool, reach(bmc))
  stop.abort()
  await expect(impatient).rejects.toMatchObject({ kind: 'aborted' })
  expect(await patient).toBe('off')
  expect(opened(bmc)).toBe(1)
})

test('closing ends what is under way and leaves no session behind', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  await power(pool, reach(bmc))
  await pool.mutate(reach(bmc), (session) => controlChassis(session, 'on'))
  expect(bmc.activeSessions()).toBe(2)
  const open = pool.read(reach(bmc), (session) => getChassisStatus(session))
  const opening = power(pool, reach(await bmcWith()))
  const ends = Promise.allSettled([open, opening])
  await pool.close()
  expect(await ends).toMatchObject([{ reason: { kind: 'closed' } }, { reason: { kind: 'closed' } }])
  expect(bmc.activeSessions()).toBe(0)
  await expect(power(pool, reach(bmc))).rejects.toMatchObject({ kind: 'closed' })
})

test.each([1, 2, 3])(
  'a third of all packets lost, others doubled or swapped: no power action too many (seed %i)',
  async (seed) => {
    const network = { drop: 0.3, duplicate: 0.3, reorder: 0.2 }
    const bmc = await bmcWith({ seed, sessionLimit: 32, network })
    const pool = poolWith()
    const place = reach(bmc, { timeoutMs: 8, retries: 12, cipherSuite: seed % 2 ? 17 : 3 })
    for (let round = 1; round <= 3; round++)
      for (const state of ['on', 'off'] as const) {
        await pool.mutate(place, (session) => controlChassis(session, state))
        expect(await power(pool, place)).toBe(state)
      }
    expect(bmc.log.offToOn).toBe(3)
  },
)

test('a session of one’s own changes something only when no other mutation of this BMC is under way, and makes others wait', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const own = await pool.own(reach(bmc), { privilege: 'administrator' })
  const order: string[] = []
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const shared = pool.mutate(reach(bmc), async () => {
    order.push('shared begins')
    await first.promise
    order.push('shared ends')
  })
  await expect.poll(() => order).toEqual(['shared begins'])
  const alone = own.mutate(async (session) => {
    order.push('own begins')
    await controlChassis(session, 'on')
    await second.promise
    order.push('own ends')
  })
  const last = pool.mutate(reach(bmc), async () => void order.push('last'), { fresh: true })
  await power(pool, reach(bmc))
  first.resolve()
  await expect.poll(() => bmc.log.of('Chassis Control').length).toBe(1)
  second.resolve()
  await Promise.all([shared, alone, last])
  expect(order).toEqual(['shared begins', 'shared ends', 'own begins', 'own ends', 'last'])
  await own.close()
})

test('a session of one’s own in which a packet of a mutation may still be under way changes nothing more', async () => {
  const bmc = await bmcWith()
  const pool = poolWith()
  const own = await pool.own(reach(bmc, { timeoutMs: 20 }))
  await own.mutate(async (session) => {
    bmc.firmware.loseAnswers = 1
    await controlChassis(session, 'off')
  })
  await expect(own.mutate((session) => controlChassis(session, 'on'))).rejects.toMatchObject({ kind: 'session-lost' })
  expect(bmc.log.offToOn).toBe(0)
  await own.close()
  expect(bmc.activeSessions()).toBe(0)
})

test('nobody waits for a session of one’s own that is no longer wanted, and it is closed when it opens', async () => {
  const bmc = await bmcWith({ network: { delayMs: 3 } })
  const pool = poolWith()
  const stop = new AbortController()
  const opening = pool.own(reach(bmc), { signal: stop.signal })
  stop.abort()
  await expect(opening).rejects.toMatchObject({ kind: 'aborted' })
  await expect.poll(() => bmc.log.of('Close Session').map(({ detail }) => detail)).toEqual(['its own'])
  expect(bmc.activeSessions()).toBe(0)
})
