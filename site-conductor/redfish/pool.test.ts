// Logins that are shared, kept, lost and let go of; the simulated BMC counts them.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningRedfish, startRedfishBmc } from '../../sim/bmc/redfish/start.ts'
import { parseEndpoint } from './endpoint.ts'
import { nodeEnv } from './env.ts'
import { openPool, type Pool, type PoolOptions } from './pool.ts'
import type { Bmc, Session } from './session.ts'

let server: RunningRedfish
let pools: Pool[]

beforeEach(async () => {
  server = await startRedfishBmc()
  pools = []
})
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  await server.close()
})

function pool(options: PoolOptions = {}): Pool {
  const made = openPool(options)
  pools.push(made)
  return made
}

const bmc = (more: Partial<Bmc> = {}): Bmc => ({
  endpoint: parseEndpoint(server.url),
  username: 'admin',
  password: 'secret',
  auth: 'auto',
  verify: true,
  ...more,
})
const look = (session: Session) => session.checkAlive({})
const before = () => {}
const logins = () => server.log.of('Sessions').length

test('those who look share a session, also when they come at once', async () => {
  const one = pool()
  await Promise.all(Array.from({ length: 5 }, () => one.read(bmc(), look)))
  await one.read(bmc(), look)
  expect([logins(), server.activeSessions()]).toEqual([1, 1])
})

test('another password is another login', async () => {
  const one = pool()
  await one.read(bmc(), look)
  await expect(one.read(bmc({ password: 'wrong' }), look)).rejects.toMatchObject({ kind: 'authentication' })
  await one.read(bmc(), look)
  expect(logins()).toBe(1)
})

test('a login that failed is tried again by the next who comes', async () => {
  const one = pool()
  server.users.length = 0
  await expect(one.read(bmc(), look)).rejects.toMatchObject({ kind: 'authentication' })
  server.users.push({ name: 'admin', password: 'secret', role: 'Administrator' })
  await one.read(bmc(), look)
})

test('a session that the BMC has dropped is replaced once for a look, and for a change before it is made', async () => {
  const one = pool()
  await one.read(bmc(), look)
  server.forgetSessions()
  await one.read(bmc(), look)
  server.forgetSessions()
  await one.mutate(bmc(), look, { before })
  expect(logins()).toBe(3)
})

test('a BMC that drops each session at once is given up', async () => {
  const one = pool()
  const lost = one.read(bmc(), async (session) => {
    server.forgetSessions()
    await look(session)
  })
  await expect(lost).rejects.toMatchObject({ kind: 'session-lost' })
  expect(logins()).toBe(2)
})

test('what nobody uses for a while is logged out and forgotten, and comes again when it is needed', async () => {
  let fire = () => {}
  const env = {
    mono: nodeEnv.mono,
    setTimer: (ms: number, run: () => void) => {
      if (ms !== 77) return nodeEnv.setTimer(ms, run)
      fire = run
      return () => void (fire = () => {})
    },
  }
  const one = pool({ env, idleMs: 77 })
  await one.read(bmc(), look)
  const own = await one.own(bmc(), { before })
  fire()
  expect(server.activeSessions(), 'a session of somebody’s own keeps it').toBe(2)
  await own.close()
  fire()
  await expect.poll(() => server.activeSessions()).toBe(0)
  await one.read(bmc(), look)
  expect(logins()).toBe(3)
})

test('changes come one after another, also of different sessions', async () => {
  const one = pool()
  const own = await one.own(bmc(), { before })
  const order: string[] = []
  const slow = (name: string) => async (session: Session) => {
    order.push(`${name} begins`)
    await look(session)
    order.push(`${name} ends`)
  }
  await Promise.all([
    own.mutate(slow('a')),
    one.mutate(bmc(), slow('b'), { before }),
    one.mutate(bmc(), slow('c'), { before, fresh: true }),
  ])
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  await own.close()
  expect(server.activeSessions()).toBe(1)
})

test('a change that fails does not hold up the next, nor does a caller who gives up', async () => {
  const one = pool()
  const failing = one.mutate(bmc(), async () => Promise.reject(new Error('no')), { before })
  const controller = new AbortController()
  const waiting = one.mutate(bmc(), look, { before, signal: controller.signal })
  const next = one.mutate(bmc(), look, { before })
  controller.abort()
  const [failed, left, done] = await Promise.allSettled([failing, waiting, next])
  expect(failed).toMatchObject({ reason: { message: 'no' } })
  expect(left).toMatchObject({ reason: { kind: 'aborted' } })
  expect(done.status).toBe('fulfilled')
})

test('a session in which a change got no answer changes nothing more', async () => {
  const one = pool()
  const own = await one.own(bmc(), { before })
  server.quirks.loseAnswers = 1
  const reset = (session: Session) =>
    session.post('/redfish/v1/Systems/1/Actions/ComputerSystem.Reset', { ResetType: 'On' }, { before })
  await expect(own.mutate(reset)).rejects.toMatchObject({ kind: 'unanswered' })
  await expect(own.mutate(reset)).rejects.toMatchObject({ kind: 'session-lost' })
  expect(server.log.of('ComputerSystem.Reset')).toHaveLength(1)
  await own.close()
})

test('a closed pool has logged out everywhere and does nothing more', async () => {
  const one = pool()
  await one.read(bmc(), look)
  await one.close()
  expect(server.activeSessions()).toBe(0)
  await expect(one.read(bmc(), look)).rejects.toMatchObject({ kind: 'closed' })
})

test('a goodbye that nobody answers is not waited for long', async () => {
  const env = { mono: nodeEnv.mono, setTimer: (ms: number, run: () => void) => nodeEnv.setTimer(ms / 100, run) }
  const one = pool({ env })
  const own = await one.own(bmc(), { before })
  server.silent = true
  await own.close()
})
