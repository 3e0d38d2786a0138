// Whatever is sent to whichever endpoint: never a 5xx that is not described, never a change by a request that was refused. What is sent comes
// out of the description and is then spoilt. `FERRULE_FUZZ_RUNS` sets how many requests of each endpoint, `FERRULE_FUZZ_SEED` which.
import fc from 'fast-check'
import { startTestSite } from '#test-site'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createHash } from 'node:crypto'
import { describe as documentOf, type Operation } from '../openapi/document.ts'
import { fitting } from '../openapi/testdata/json-schema.ts'
import { startWorld, type World } from '../openapi/testdata/world.ts'
import { ROUTES } from './routes.ts'

const RUNS = Number(process.env['FERRULE_FUZZ_RUNS'] ?? 2)
const SEED = Number(process.env['FERRULE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** No conductor of that kind, or nobody there to ask: said in faults.md, and no failure of the server. */
const ALLOWED_5XX = [501, 503, 504]

let world: World
beforeAll(async () => {
  world = await startWorld(startTestSite)
})
afterAll(() => world.stop())

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND']
const WEIRD = ['%00', '%', '%zz', '..%2f..%2fetc', '%F0%9F%92%A9', '%ff%fe', 'a'.repeat(4000), "'; DROP TABLE nodes; --", '__proto__', 'null', '${x}'] // prettier-ignore
const VERSIONS = ['1.1', '1.82', 'latest', '1.999', '2.0', 'abc', '', '1.', '-1', '1.1.1', '9'.repeat(40)]

interface Sent {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly version: string
  readonly headers: Readonly<Record<string, string>>
}

const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const NOT_JSON = [
  '{',
  '',
  'null',
  '[]',
  '"x"',
  '\u0000',
  '{"a":1}}',
  'NaN',
  '[[[[',
  deep(30),
  deep(20_000),
  '{"a":1,"a":2}',
  '{"name":"a","driver":"fake-hardware","driver":"zzz"}',
  '{"target":"active","target":"deleted"}',
  '{"__proto__":{"a":1}}',
  '[{"op":"add","path":"/extra/a","value":1e999}]',
  '[{"op":"add","path":"/extra/__proto__","value":9007199254740993}]',
  '\ufeff{}',
]

function bodies(operation: Operation): fc.Arbitrary<string | undefined> {
  const schema = operation.requestBody?.content['application/json']?.schema ?? {}
  const good = fitting(schema)
  return fc.oneof(
    { weight: 3, arbitrary: good.chain((value) => spoilt(value)).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.constantFrom(...NOT_JSON) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
}

const HOSTILE: readonly unknown[] = [null, '', 0, -1, 1e308, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 1.5, 'x'.repeat(5000), '\u0000', '\ud800', '𝔽'.repeat(200), [], {}, [[]], { __proto__: 1 }, true] // prettier-ignore

/** One value anywhere in it becomes another. */
function spoilt(value: unknown): fc.Arbitrary<unknown> {
  return fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(...HOSTILE), fc.jsonValue({ maxDepth: 3 }))).map(([at, bad]) => {
    const places = placesOf(value)
    const place = places[at % places.length]!
    return place.length === 0 ? bad : put(structuredClone(value), place, bad)
  })
}

function placesOf(value: unknown, here: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [here]
  return [here, ...Object.entries(value).flatMap(([key, each]) => placesOf(each, [...here, key]))]
}

function put(value: unknown, place: readonly string[], bad: unknown): unknown {
  const [key, ...rest] = place as [string, ...string[]]
  const object = value as Record<string, unknown>
  object[key] = rest.length === 0 ? bad : put(object[key], rest, bad)
  return object
}

/** What else a request may carry, each as no client sends it. */
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ['If-Match', ['*', '"x"', 'x', '', 'W/"1"', '"1", "2"', 'x'.repeat(5000)]],
  ['Idempotency-Key', ['', 'k', 'x'.repeat(300), 'é', 'a b', '"']],
  ['Prefer', ['wait=0', 'wait=-1', 'wait=1e9', 'wait=x', 'respond-async', '']],
  ['Last-Event-ID', ['-1', 'x', '9'.repeat(30)]],
  ['Accept', ['text/html', '*/*', 'application/json;q=x', '']],
  ['Content-Type', ['text/plain', 'application/json; charset=utf-16', '', 'multipart/form-data']],
  ['X-Request-Id', ['x'.repeat(200), 'a b', '']],
  ['X-OpenStack-Request-ID', ['req-x', '']],
  ['OpenStack-API-Version', ['baremetal 1.1', 'baremetal', 'compute 2.1, baremetal 9.9', ',']],
  ['traceparent', ['00-0-0-00', 'x']],
  ['Content-Encoding', ['gzip', 'x']],
]
const headers = fc
  .subarray([...HEADERS], { maxLength: 2 })
  .chain((some) =>
    fc.tuple(...some.map(([name, values]) => fc.constantFrom(...values).map((value) => [name, value] as const))),
  ) // prettier-ignore
  .map((pairs) => Object.fromEntries(pairs))

function requests(path: string, method: string, operation: Operation): fc.Arbitrary<Sent> {
  const real = world.path(path)
  const odd = path.replaceAll(/\{\w+\}/g, '{}')
  const queries = operation.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name)
  const query = fc
    .tuple(
      fc.constantFrom(...queries, 'zzz', 'limit', '__proto__'),
      fc.oneof(fc.constantFrom(...WEIRD, '', '0', '-1', '99999999999'), fc.string()),
    )
    .map(([name, value]) => `${name}=${value.includes('%') ? value : encodeURIComponent(value.toWellFormed())}`)
  // An argument twice, two of them, and what is no pair.
  const search = fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: query },
        { weight: 1, arbitrary: fc.constantFrom('', '=', '&&', 'limit', 'a[]=1', ';') },
      ),
      { minLength: 1, maxLength: 3 },
    ) // prettier-ignore
    .map((parts) => `?${parts.join('&')}`)
  return fc.record({
    method: fc.oneof(
      { weight: 6, arbitrary: fc.constant(method) },
      { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
    ),
    path: fc
      .tuple(
        fc.oneof(
          { weight: 4, arbitrary: fc.constant(real) },
          { weight: 1, arbitrary: fc.constantFrom(...WEIRD).map((text) => odd.replaceAll('{}', text)) },
        ),
        fc.oneof({ weight: 2, arbitrary: fc.constant('') }, { weight: 1, arbitrary: search }),
      )
      .map(([a, b]) => `${a}${b}`),
    body: bodies(operation),
    version: fc.oneof(
      { weight: 5, arbitrary: fc.constant('latest') },
      { weight: 1, arbitrary: fc.constantFrom(...VERSIONS) },
    ),
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }),
  })
}

it('what a request leaves among the blobs would be seen, in its name and in its text', async () => {
  const { blobs } = world.site.host
  const before = await state()
  const seen = new Set([before])
  for (const text of ['a', 'b']) {
    await blobs.put('sites/x/config-drive', new TextEncoder().encode(text))
    seen.add(await state())
  }
  expect(seen.size).toBe(3)
  await blobs.delete('sites/x/config-drive')
  expect(await state()).toBe(before)
})

it(
  `nothing that is sent makes the server fail, and a refusal changes nothing (seed ${SEED})`,
  { timeout: 120_000 + RUNS * 5_000 },
  async () => {
    const { paths } = documentOf(ROUTES)
    let [sentCount, refusedCount] = [0, 0]
    const all = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([name, operation]) => ({ path, name, operation })),
    )
    // What takes something away from the others comes last.
    const isLast = ({ path, name }: { path: string; name: string }) =>
      Number(name === 'delete' || /dead|drain/.test(path))
    const ordered = all.toSorted((a, b) => isLast(a) - isLast(b))
    for (const [i, { path, name, operation }] of ordered.entries()) {
      const each = requests(path, name.toUpperCase(), operation)
      await fc.assert(
        fc.asyncProperty(each, async (sent) => {
          const before = await state()
          const reply = await answer(sent)
          sentCount++
          const told = `${sent.method} ${sent.path.slice(0, 300)} version ${sent.version} headers ${JSON.stringify(sent.headers).slice(0, 200)} body ${sent.body?.slice(0, 300)}: ${reply.status} ${reply.text.slice(0, 500)}`
          expect(reply.status < 500 || ALLOWED_5XX.includes(reply.status), told).toBe(true)
          if (reply.status < 400) return
          refusedCount++
          expect(await state(), `changed by ${told}`).toBe(before)
          if (sent.method !== 'HEAD') expect(JSON.parse(reply.text), told).toHaveProperty('error_message')
        }),
        // Another for each endpoint, or all of them are sent the same kind of thing.
        { numRuns: RUNS, seed: SEED + i },
      )
    }
    expect(refusedCount, 'most of it is refused').toBeGreaterThan(sentCount / 2)
  },
)

async function answer({
  method,
  path,
  body,
  version,
  headers: more = {},
}: Omit<Sent, 'headers'> & Partial<Sent>): Promise<{ status: number; text: string }> {
  const headers = {
    Authorization: `Bearer ${world.site.host.token}`,
    'Content-Type': 'application/json',
    'X-OpenStack-Ironic-API-Version': version,
    ...more,
  }
  const carries = method !== 'GET' && method !== 'HEAD'
  const response = await world.site.host.fetch(path, {
    method,
    headers,
    ...(carries && body !== undefined ? { body } : {}),
  })
  return { status: response.status, text: await response.text() }
}

/** A digest of all rows but those that say what was refused, and those that time alone changes; and of all blobs. */
async function state(): Promise<string> {
  const { store, blobs, blobKeys } = world.site.host
  const sql = store.organisation(world.site.enrolled.organisation)
  const all = await sql.all(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  )
  const tables = all.map(([table]) => String(table)).filter((table) => !UNSTEADY.includes(table))
  const hash = createHash('sha256')
  hash.update(JSON.stringify(await sql.batch(tables.map((table) => ({ sql: `SELECT * FROM "${table}"`, args: [] })))))
  hash.update(JSON.stringify(await store.directory.all('SELECT * FROM enrol_tokens')))
  for (const key of (await blobKeys()).sort()) hash.update(key).update((await blobs.get(key)) ?? '')
  return hash.digest('hex')
}

/** Refusals are audited; leases move on by themselves, and every batch numbers its site. */
const UNSTEADY = ['audit', 'conductors', 'sites']

it.each<[string, string, number]>([
  ['a body beyond 1 MiB', '/v1/nodes', 1024 * 1024 + 1],
  ['a verb beyond 64 MiB', '/v1/nodes/world/states/provision', 64 * 1024 * 1024 + 1],
])('%s is 413', async (_what, path, bytes) => {
  const method = path.endsWith('provision') ? 'PUT' : 'POST'
  const reply = await answer({ method, path, body: `"${'x'.repeat(bytes)}"`, version: 'latest' })
  expect(reply.status).toBe(413)
})

it('a verb of 2 MiB is read, 25 levels are not too deep, and 26 are', async () => {
  const drive = { target: 'active', configdrive: 'QUJD'.repeat(512 * 1024) }
  await world.stop()
  world = await startWorld(startTestSite)
  const path = '/v1/nodes/world/states/provision'
  const reply = await answer({ method: 'PUT', path, body: JSON.stringify(drive), version: 'latest' })
  expect([reply.status, JSON.parse(reply.text).code]).toEqual([400, 'state.invalid'])
  const nested = (levels: number) => `{"driver": "fake-hardware", "extra": ${deep(levels - 1)}}`
  for (const [levels, status] of [
    [25, 201],
    [26, 400],
  ] as const) {
    // prettier-ignore
    const made = await answer({ method: 'POST', path: '/v1/nodes', body: nested(levels), version: 'latest' })
    expect([levels, made.status]).toEqual([levels, status])
  }
})
