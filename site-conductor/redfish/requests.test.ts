// What is asked again and what never: changes under our hands, busy BMCs, connections that break; and answers that are not as they should be.
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { memberPaths } from './collection.ts'
import { type Env, nodeEnv } from './env.ts'
import type { Changing } from './requests.ts'
import { Session } from './session.ts'
import { type Asked, type Said, type ScriptedBmc, scriptedBmc } from './testdata/scripted-bmc.ts'
import { openWire } from './wire.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Pauses are over at once and counted. */
function hasty(): Env & { pausedMs: number[] } {
  const pausedMs: number[] = []
  return {
    pausedMs,
    mono: () => pausedMs.reduce((sum, ms) => sum + ms, 0),
    setTimer: (ms, run) => {
      // The time limit of a request is none of the pauses.
      if (ms >= 30_000) return nodeEnv.setTimer(ms, run)
      pausedMs.push(ms)
      return nodeEnv.setTimer(0, run)
    },
  }
}

function sessionAt({ bmc }: ScriptedBmc, env: Env = nodeEnv): Session {
  const wire = openWire(bmc.endpoint, true, { env })
  closers.push(() => wire.close())
  return new Session(wire, { 'x-auth-token': 'tok' }, '/s', { id: '1', path: '/s/1' })
}

const counting = (): Changing & { checks: number } => ({
  checks: 0,
  before() {
    this.checks++
  },
})
const counted = () => {
  const changing = counting()
  return Object.assign(changing, { before: changing.before.bind(changing) })
}

const Thing = z.object({ Value: z.number() })
const patches = ({ asked }: ScriptedBmc) => asked.filter(({ method }) => method === 'PATCH')

/** A resource whose tag is compared as `accepts` says. */
function tagged(etag: string | undefined, accepts: (given: string | undefined) => number) {
  return ({ method, headers }: Asked): Said =>
    method === 'GET' ? { json: { Value: 1, '@odata.etag': etag } } : { status: accepts(headers['if-match']), json: {} }
}

test.each([
  ['no tag', undefined, (given: string | undefined) => (given === undefined ? 200 : 412), [undefined]],
  ['a strong tag', '"a"', (given: string | undefined) => (given === '"a"' ? 200 : 412), ['"a"']],
  [
    'a weak tag that it compares strongly',
    'W/"a"',
    (given: string | undefined) => (given === '"a"' ? 204 : 412),
    ['W/"a"', '"a"'],
  ],
  [
    'a tag that it takes amiss',
    'W/"a"',
    (given: string | undefined) => (given === undefined ? 204 : 412),
    ['W/"a"', '"a"', undefined],
  ],
])('a BMC with %s gets its change', async (_, etag, accepts, shown) => {
  await using bmc = await scriptedBmc(tagged(etag, accepts))
  const changing = counted()
  await sessionAt(bmc).patch('/x', Thing, () => ({ Value: 2 }), changing)
  expect(patches(bmc).map(({ headers }) => headers['if-match'])).toEqual(shown)
  expect(changing.checks).toBe(shown.length)
})

test('a resource that has become as wanted in the meantime is left alone', async () => {
  let value = 1
  await using bmc = await scriptedBmc(({ method }) => {
    if (method === 'GET') return { json: { Value: value }, headers: { etag: `"${value}"` } }
    value = 2
    return { status: 412 }
  })
  await sessionAt(bmc).patch('/x', Thing, ({ Value }) => (Value === 2 ? undefined : { Value: 2 }), counted())
  expect(patches(bmc)).toHaveLength(1)
})

test('a resource that changes each time is given up', async () => {
  await using bmc = await scriptedBmc(tagged('"a"', () => 412))
  await expect(sessionAt(bmc).patch('/x', Thing, () => ({ Value: 2 }), counted())).rejects.toMatchObject({
    kind: 'refused',
    status: 412,
  })
  expect(patches(bmc)).toHaveLength(3)
})

test('503 means that nothing was done: it is waited for as long as the BMC says, and the check is asked each time', async () => {
  await using bmc = await scriptedBmc((_, before) =>
    before < 2 ? { status: 503, headers: { 'retry-after': '3' } } : { status: 204 },
  )
  const env = hasty()
  const changing = counted()
  await sessionAt(bmc, env).post('/x', {}, changing)
  expect([bmc.asked.length, changing.checks, env.pausedMs]).toEqual([3, 3, [3_000, 3_000]])
})

test('a date to come again is taken from the BMC’s own clock, which may be wrong', async () => {
  const headers = { date: 'Thu, 01 Jan 1970 00:00:07 GMT', 'retry-after': 'Thu, 01 Jan 1970 00:00:12 GMT' }
  await using bmc = await scriptedBmc((_, before) => (before === 0 ? { status: 503, headers } : { status: 204 }))
  const env = hasty()
  await sessionAt(bmc, env).post('/x', {}, counted())
  expect(env.pausedMs).toEqual([5_000])
})

test.each(['86400', '-1', 'Fri, 31 Dec 2099 23:59:59 GMT', ''])(
  'a BMC that is busy for ever (Retry-After "%s") is given up within a minute',
  async (after) => {
    await using bmc = await scriptedBmc(() => ({ status: 503, headers: { 'retry-after': after } }))
    const env = hasty()
    await expect(sessionAt(bmc, env).get('/x', Thing, {})).rejects.toMatchObject({ kind: 'busy' })
    expect(env.mono()).toBeGreaterThan(30_000)
    expect(env.mono()).toBeLessThan(60_000)
  },
)

test('a question whose connection breaks is asked once more', async () => {
  await using bmc = await scriptedBmc((_, before) => (before === 0 ? { instead: 'close' } : { json: { Value: 1 } }))
  expect((await sessionAt(bmc).get('/x', Thing, {})).value).toEqual({ Value: 1 })
})

test('a change whose answer is lost is never sent again, and its session changes nothing more', async () => {
  await using bmc = await scriptedBmc(() => ({ instead: 'close' }))
  const session = sessionAt(bmc)
  await expect(session.post('/x', {}, counted())).rejects.toMatchObject({ kind: 'unanswered' })
  expect(bmc.asked).toHaveLength(1)
  expect(session.isSuspect).toBe(true)
})

const deep = (depth: number) => `{"Value":1,"a":${'['.repeat(depth)}${']'.repeat(depth)}}`

test.each<[string, Said]>([
  ['an empty body', {}],
  ['a page for people', { raw: '<html>' }],
  ['broken UTF-8', { raw: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }],
  ['a list', { json: [] }],
  ['nothing', { json: null }],
  ['a text for a number', { json: { Value: '1' } }],
  ['a tree for a number', { json: { Value: { a: 1 } } }],
  ['what is too deep', { raw: deep(40) }],
  ['what is far too deep', { raw: deep(100_000) }],
  ['a prototype', { raw: '{"__proto__": {"Value": 1}}' }],
])('%s is refused by its name, and its text is not repeated', async (_, said) => {
  await using bmc = await scriptedBmc(() => said)
  const error = (await sessionAt(bmc)
    .get('/x', Thing, {})
    .catch((thrown: unknown) => thrown)) as Error
  expect(error).toMatchObject({ name: 'RedfishError', kind: 'protocol' })
  expect(error.message.length).toBeLessThan(300)
})

const page = (path: string, next?: string) => ({
  json: { Members: [{ '@odata.id': `/m${path}` }], ...(next && { 'Members@odata.nextLink': next }) },
})

test('a collection is read to its last page, each member once', async () => {
  await using bmc = await scriptedBmc(({ path }) =>
    path === '/c' ? page('/1', '/c?$skip=1') : path === '/c?$skip=1' ? page('/1', '/c?$skip=2') : page('/2'),
  )
  expect(await memberPaths(sessionAt(bmc), '/c', {})).toEqual(['/m/1', '/m/2'])
})

test.each<[string, (asked: Asked) => Said]>([
  ['that begins again', ({ path }) => page(path, '/c')],
  ['that never ends', ({ path }) => page(path, `${path}x`)],
  ['that goes on elsewhere', ({ path }) => page(path, 'http://192.0.2.1/c')],
  ['whose members are elsewhere', () => ({ json: { Members: [{ '@odata.id': 'http://192.0.2.1/m' }] } })],
  [
    'with too many members',
    () => ({ json: { Members: Array.from({ length: 501 }, (_, i) => ({ '@odata.id': `/${i}` })) } }),
  ],
])('a collection %s is refused', async (_, say) => {
  await using bmc = await scriptedBmc(say)
  await expect(memberPaths(sessionAt(bmc), '/c', {})).rejects.toMatchObject({ kind: 'protocol' })
  expect(bmc.asked.length).toBeLessThan(60)
})
