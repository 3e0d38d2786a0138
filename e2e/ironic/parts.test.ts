// When two refusals of one request are of two faults: by two servers made of rules, each of which tells the first that is broken.
import { expect, test } from 'vitest'
import type { Judged } from './episode.ts'
import { differences, type Seen } from './compare.ts'
import { partsOf, twoFaults } from './parts.ts'
import { at, type Sent } from './requests/sent.ts'

const refused = (status: number, words: string): Seen => ({
  status,
  body: { error_message: JSON.stringify({ faultstring: words }) },
  location: null,
  version: '1.82',
  type: 'application/json',
})
const DONE: Seen = { status: 200, body: {}, location: null, version: '1.82', type: 'application/json' }

type Rule = readonly [what: RegExp, status: number]
const server =
  (...rules: readonly Rule[]) =>
  (sent: Sent): Seen => {
    const text = JSON.stringify(sent)
    const broken = rules.find(([what]) => what.test(text))
    return broken ? refused(broken[1], `no ${broken[0].source}`) : DONE
  }

const [BAD, GONE, LATE]: Rule[] = [[/bad/, 400], [/gone/, 404], [/late/, 406]] // prettier-ignore
const patch = (...names: string[]) => at('PATCH', '/nodes/a', names.map((name) => ({ op: 'add', path: `/${name}` }))) // prettier-ignore

async function tried(sent: Sent, ironic: ReturnType<typeof server>, ferrule: ReturnType<typeof server>) {
  const judge = async (part: Sent): Promise<Judged> => {
    const [theirs, ours] = [ironic(part), ferrule(part)]
    return { sent: part, theirs, ours, found: differences(theirs, ours) }
  }
  return twoFaults(await judge(sent), judge, ({ found }) => found.length === 0)
}

test.each([
  ['a patch', patch('bad', 'gone')],
  ['a patch of three', patch('x', 'bad', 'gone')],
  ['a body', at('POST', '/nodes', { a: 'bad', b: 'gone', c: 1 })],
  ['a query', at('GET', '/nodes?a=bad&b=gone')],
  ['a query and a body', at('POST', '/nodes?a=bad', { b: 'gone' })],
])('%s with two faults, which each has in its own order', async (_, sent) => {
  expect(await tried(sent, server(BAD!, GONE!), server(GONE!, BAD!))).toMatchObject({ areTwo: true })
})

test('one fault with two answers is a difference, also beside another one', async () => {
  expect(await tried(patch('bad'), server(BAD!), server([/bad/, 409]))).toMatchObject({ areTwo: false })
  expect(await tried(patch('bad', 'x'), server(BAD!), server([/bad/, 409]))).toMatchObject({ areTwo: false })
  const ours = server(GONE!, [/bad/, 409])
  expect(await tried(patch('bad', 'gone'), server(BAD!, GONE!), ours)).toMatchObject({ areTwo: false })
})

test('a fault that only one of the two sees is a difference', async () => {
  expect(await tried(patch('bad', 'late'), server(BAD!), server(LATE!, BAD!))).toMatchObject({ areTwo: false })
})

test('what one does and the other refuses has no two refusals', async () => {
  expect(await tried(patch('bad', 'x'), server(), server(BAD!))).toEqual({ areTwo: false, isChanged: false })
})

test('nothing is shown once a part was carried out, since the rest is answered for another state', async () => {
  const [ironic, ferrule] = [server(BAD!, GONE!), server(GONE!, BAD!)]
  const sent = at('POST', '/nodes', { both: 'bad gone', a: 1 })
  expect(await tried(sent, ironic, ferrule)).toEqual({ areTwo: false, isChanged: true })
  expect(await tried(patch('bad', 'gone'), ironic, ferrule)).toEqual({ areTwo: true, isChanged: false })
})

test('the same refusal with another head has no two faults', async () => {
  const sent = at('GET', '/nodes?a=bad&b=1')
  const ours = (part: Sent): Seen => ({
    ...server(BAD!)(part),
    ...(part.path.includes('b=1') && { type: 'text/plain' }),
  })
  expect(await tried(sent, server(BAD!), ours)).toMatchObject({ areTwo: false })
})

test('parts have one thing less, and operations stand alone', () => {
  expect(partsOf(at('GET', '/nodes?a=1')).map(({ path }) => path)).toEqual(['/v1/nodes'])
  expect(partsOf(at('POST', '/nodes', { a: 1, b: 2 })).map(({ body }) => body)).toEqual([{ b: 2 }, { a: 1 }])
  expect(partsOf(patch('a', 'b', 'c')).map(({ body }) => (body as unknown[]).length)).toEqual([2, 2, 2, 1, 1, 1])
  expect(partsOf(patch('a'))).toEqual([])
})
