// One connection on a clock turned by hand, with a socket that is two arrays: renewals, silence, lapse, backoff.
import { expect, test } from 'vitest'
import type { FromConductor, ToConductor } from '../../shared/protocol.ts'
import { newIdentity } from '../../shared/upgrade.ts'
import type { Dialer, SocketEvents } from './dialer.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from './grants.ts'
import type { LinkOutcome } from './connection.ts'
import { Link } from './link.ts'
import { logger } from '../log.ts'
import type { Moment } from './span.ts'

const { privateKey } = await newIdentity()

function wire() {
  const env = new FakeEnv()
  const grants = new Grants(env)
  const dials: { events: SocketEvents; sent: FromConductor[]; closed?: number }[] = []
  const dialer: Dialer = {
    dial(_url, _headers, events) {
      const dial: (typeof dials)[number] = { events, sent: [] }
      dials.push(dial)
      return {
        send: (frame) => void dial.sent.push(JSON.parse(frame) as FromConductor),
        close: (code) => void (dial.closed = code),
      }
    },
  }
  const tenures: [Record<string, number>, number][] = []
  const handler = {
    hello: () => ({ version: '1', hostname: 'h', drivers: [], capabilities: [], inflight: [] }),
    welcomed() {},
    message() {},
    tenures: (told: Record<string, number>, { mono }: Moment) => void tenures.push([told, mono]),
    dropped() {},
  }
  /** Pauses before further tries, as they are logged, in ms. */
  const waits: number[] = []
  const write = (line: string) => {
    const { retryInMs } = JSON.parse(line) as { retryInMs?: number }
    if (retryInMs !== undefined) waits.push(retryInMs)
  }
  const log = logger({ level: 'warn', format: 'json', now: () => 0, write })
  const identity = { conductor: 'c', privateKey, incarnation: 'i' }
  const link = new Link({ env, log, dialer, url: 'http://cloud', identity, grants, handler })
  const last = () => dials.at(-1)!
  const say = (message: ToConductor) => last().events.message(JSON.stringify(message))
  const welcome = (session = 1, more = {}) => {
    say({
      type: 'welcome',
      session,
      ringVersion: 1,
      leaseMs: 16_000,
      conductor: 'c',
      site: 's',
      organisation: 'o',
      ...more,
    })
    say({ type: 'grants', session, ringVersion: 1, add: [fakeGrant('n', { epoch: session })], drop: [], last: true })
  }
  return { env, grants, dials, link, last, say, welcome, waits, tenures }
}

/** Lets promises of signing and digests settle: they use real crypto, which answers on later turns. */
async function until(probe: () => boolean): Promise<void> {
  while (!probe()) await new Promise((resolve) => setImmediate(resolve))
}

async function connected() {
  const all = wire()
  const ended: LinkOutcome[] = []
  void all.link.runConnection().then((outcome) => ended.push(outcome))
  await until(() => all.dials.length === 1)
  all.last().events.opened()
  return { ...all, ended }
}
const renewals = (sent: FromConductor[]) => sent.filter((message) => message.type === 'renew')

test('renews every quarter of the lease, and the lease counts from sending', async () => {
  const { env, grants, last, say, welcome } = await connected()
  env.advance(3_000)
  welcome()
  expect(grants.leaseLeft()).toBe(13_000)
  expect(renewals(last().sent)).toHaveLength(1)
  env.advance(1_000)
  say({ type: 'lease', rid: 1, ms: 16_000, tenures: {} })
  expect(grants.leaseLeft()).toBe(15_000)
  env.advance(3_000)
  expect(renewals(last().sent)).toHaveLength(2)
  say({ type: 'lease', rid: 99, ms: 16_000, tenures: {} })
  expect(grants.leaseLeft()).toBe(12_000)
})

test('an answer to a renewal may come in several parts, and all of them count from its sending', async () => {
  const { env, say, welcome, tenures } = await connected()
  welcome()
  const sent = env.mono()
  env.advance(1_000)
  say({ type: 'lease', rid: 1, ms: 16_000, tenures: { a: 60_000 } })
  env.advance(500)
  say({ type: 'lease', rid: 1, ms: 16_000, tenures: { b: 60_000 } })
  expect(tenures).toEqual([
    [{ a: 60_000 }, sent],
    [{ b: 60_000 }, sent],
  ])
})

test('nothing is said between hello and welcome: it would be said under an epoch that the hub ends just then', async () => {
  const { last, link, welcome } = await connected()
  link.send({ type: 'accepted', id: 't', epoch: 1 })
  expect(last().sent.map(({ type }) => type)).toEqual(['hello'])
  welcome()
  link.send({ type: 'accepted', id: 't', epoch: 1 })
  expect(last().sent.map(({ type }) => type)).toEqual(['hello', 'renew', 'accepted'])
})

test('a hub that is silent for half a lease is left while the lease still holds', async () => {
  const { env, grants, dials, ended, welcome } = await connected()
  welcome()
  env.advance(4_000)
  await until(() => dials.length === 2)
  env.advance(4_000)
  expect(dials[0]!.closed).toBe(1001)
  env.advance(2_000)
  expect(dials[1]!.closed, 'which has half of the rest').toBe(1001)
  await until(() => ended.length > 0)
  expect(ended[0]).toMatchObject({ kind: 'served', why: 'the hub is silent' })
  grants.check(grants.find('n', 1))
})

/** Connected, welcomed, and then silent until another connection is dialled beside the first. */
async function silent() {
  const all = await connected()
  all.welcome()
  const hold = all.grants.find('n', 1)
  all.env.advance(4_000)
  await until(() => all.dials.length === 2)
  const [first, second] = all.dials
  return { ...all, hold, first: first!, second: second! }
}
const about = { session: 2, ringVersion: 1, leaseMs: 16_000, conductor: 'c', site: 's', organisation: 'o' }

test('when the hub falls silent another connection takes over, and nothing that is held is lost', async () => {
  const { first, second, say, hold, grants, env, link, ended } = await silent()
  expect(first.closed, 'it may still work').toBeUndefined()
  second.events.opened()
  expect(second.sent).toMatchObject([{ type: 'hello', grantsDigest: expect.any(String) as string }])
  link.send({ type: 'accepted', id: 't', epoch: 1 })
  expect(first.sent.at(-1), 'there is one session until the other has one').toMatchObject({ type: 'accepted' })
  say({ type: 'welcome', ...about, grantsKept: true })
  expect([first.closed, second.closed]).toEqual([1000, undefined])
  expect([grants.find('n', 2), hold.signal.aborted, link.connected]).toEqual([hold, false, true])
  link.send({ type: 'accepted', id: 't', epoch: 2 })
  expect(second.sent.at(-1)).toMatchObject({ type: 'accepted', epoch: 2 })
  const drop = { type: 'grants' as const, session: 2, ringVersion: 1, add: [], drop: ['n'], last: true }
  first.events.message(JSON.stringify(drop))
  first.events.closed(1006, 'late')
  env.advance(4_000)
  expect([grants.get('n'), ended.length, link.connected], 'what the first still says is nothing').toEqual([
    hold,
    0,
    true,
  ])
})

test('a connection that is heard again before the one beside it has opened is kept', async () => {
  const { first, second, env, dials, ended } = await silent()
  first.events.message(JSON.stringify({ type: 'lease', rid: 1, ms: 16_000, tenures: {} }))
  second.events.opened()
  expect([second.sent, second.closed]).toEqual([[], 1000])
  first.events.message(JSON.stringify({ type: 'lease', rid: 2, ms: 16_000, tenures: {} }))
  env.advance(3_999)
  expect([first.closed, dials.length, ended.length]).toEqual([undefined, 2, 0])
})

test('a first connection that breaks leaves the other on its way, without a pause', async () => {
  const { first, second, say, grants, hold, ended, link } = await silent()
  second.events.opened()
  first.events.closed(1006, 'broken')
  expect([ended.length, link.connected]).toEqual([0, false])
  say({ type: 'welcome', ...about, grantsKept: true })
  expect([grants.get('n'), link.connected]).toEqual([hold, true])
})

test('grants that changed between the hello and a welcome that keeps them are asked for anew', async () => {
  const { first, second, say, grants } = await silent()
  second.events.opened()
  const add = [fakeGrant('m')]
  first.events.message(JSON.stringify({ type: 'grants', session: 1, ringVersion: 1, add, drop: [], last: true }))
  expect(grants.get('m')).toBeDefined()
  say({ type: 'welcome', ...about, grantsKept: true })
  expect(second.closed).toBe(1001)
})

test('a stop ends both connections', async () => {
  const { first, second, link, ended } = await silent()
  link.stop()
  await until(() => ended.length > 0)
  expect([first.closed, second.closed, ended[0]!.kind]).toEqual([1001, 1001, 'drained'])
})

test('a welcome that keeps the grants, but comes after the lease they were held under, is answered by another hello', async () => {
  const { env, dials, link, last, say, welcome } = await connected()
  welcome()
  env.pause(7_000)
  last().events.closed(1006, 'cut')
  const ended: LinkOutcome[] = []
  void link.runConnection().then((outcome) => ended.push(outcome))
  await until(() => dials.length === 2)
  last().events.opened()
  expect(last().sent[0]).toMatchObject({ type: 'hello', grantsDigest: expect.any(String) as string })
  env.pause(9_001)
  say({ type: 'welcome', ...about, grantsKept: true })
  await until(() => ended.length > 0)
  expect([last().closed, ended[0]!.why]).toEqual([1001, 'the lease lapsed before the welcome'])
})

test('a lapse ends the connection and every hold', async () => {
  const { env, grants, last, welcome } = await connected()
  welcome()
  const hold = grants.find('n', 1)
  env.pause(16_000)
  env.advance(16_001)
  expect(hold.signal.aborted).toBe(true)
  expect(last().closed).toBe(1001)
})

test('a second connection in the same session keeps the holds; a new session does not, unless the hub says so', async () => {
  const { grants, link, dials, last, welcome } = await connected()
  welcome(1)
  const hold = grants.find('n', 1)
  const again = async (session: number, more = {}) => {
    last().events.closed(1006, '')
    const count = dials.length
    void link.runConnection()
    await until(() => dials.length > count)
    last().events.opened()
    welcome(session, more)
  }
  await again(1)
  expect(grants.get('n')).toBe(hold)
  await again(2, { grantsKept: true })
  expect(grants.get('n')).toBe(hold)
  expect(hold.grant.epoch).toBe(2)
  await again(3)
  expect(hold.signal.aborted).toBe(true)
  expect(grants.find('n', 3)).not.toBe(hold)
})

test('a node that is not granted again in a new session is lost', async () => {
  const { grants, link, dials, last, say, welcome } = await connected()
  welcome(1)
  const hold = grants.find('n', 1)
  last().events.closed(1006, '')
  void link.runConnection()
  await until(() => dials.length === 2)
  last().events.opened()
  say({ type: 'welcome', session: 2, ringVersion: 1, leaseMs: 16_000, conductor: 'c', site: 's', organisation: 'o' })
  expect(hold.signal.aborted).toBe(true)
  expect(grants.get('n')).toBeUndefined()
})

test('a lease that lapses between hello and welcome: the hub believes that all was kept, and is asked anew', async () => {
  const { env, grants, link, dials, last, welcome, say } = await connected()
  welcome(1)
  last().events.closed(1006, '')
  env.advance(15_000)
  void link.runConnection()
  await until(() => dials.length === 2)
  last().events.opened()
  env.advance(1_500)
  say({ type: 'welcome', session: 2, ringVersion: 1, leaseMs: 16_000, conductor: 'c', site: 's', organisation: 'o', grantsKept: true }) // prettier-ignore
  expect(last().closed).toBe(1001)
  void link.runConnection()
  await until(() => dials.length === 3)
  last().events.opened()
  expect(last().sent).toMatchObject([{ type: 'hello', grantsDigest: null }])
  welcome(3)
  grants.check(grants.find('n', 3))
})

test('grants of another session are ignored', async () => {
  const { grants, say, welcome } = await connected()
  welcome(2)
  say({ type: 'grants', session: 1, ringVersion: 1, add: [fakeGrant('old')], drop: ['n'], last: true })
  expect(grants.get('old')).toBeUndefined()
  expect(grants.get('n')).toBeDefined()
})

test('a stop while the request is being signed dials nobody', async () => {
  const { link, dials } = wire()
  const outcome = link.runConnection()
  link.stop()
  expect((await outcome).kind).toBe('drained')
  expect(dials).toEqual([])
})

test('no welcome is no session, and worth another try', async () => {
  const { env, ended } = await connected()
  env.advance(15_000)
  await until(() => ended.length > 0)
  expect(ended[0]).toMatchObject({ kind: 'retryable', why: 'no welcome' })
})

test('waits between tries grow to a minute at most, with jitter, and begin anew after some uptime', async () => {
  const { env, dials, link, last, say, welcome, waits } = wire()
  void link.run()
  const dialled = (count: number) =>
    until(() => {
      if (dials.length < count) env.advance(1_000)
      return dials.length === count
    })
  for (let count = 1; count <= 10; count++) {
    await dialled(count)
    last().events.closed(1006, '')
    await until(() => waits.length === count)
  }
  const bounds = waits.map((_, i) => 250 + Math.min(60_000, 1_000 * 2 ** i))
  expect(waits.filter((wait, i) => wait < 250 || wait > bounds[i]!)).toEqual([])
  expect(Math.max(...waits)).toBeGreaterThan(4_000)
  await dialled(11)
  last().events.opened()
  welcome()
  say({ type: 'lease', rid: 1, ms: 16_000, tenures: {} })
  env.advance(5_000)
  last().events.closed(1006, '')
  await until(() => waits.length === 11)
  expect(waits.at(-1)).toBeLessThanOrEqual(1_250)
  link.stop()
})
