// The description of the API and the server agree: what the one allows the other does not refuse as malformed, what it forbids is refused,
// and answers are as described. `FERRULE_FUZZ_RUNS` sets how many requests of each operation, `FERRULE_FUZZ_SEED` which.
import fc from 'fast-check'
import { startTestSite } from '#test-site'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reply } from '../hosts/test-conductor.ts'
import type { Document, Operation } from './document.ts'
import type { Parameter } from './parameters.ts'
import { fitting, misfit } from './testdata/json-schema.ts'
import { isSemantic } from './testdata/semantic-rules.ts'
import { startWorld, type World } from './testdata/world.ts'

const RUNS = Number(process.env['FERRULE_FUZZ_RUNS'] ?? 4)
const SEED = Number(process.env['FERRULE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Not for a random client: they answer to a signature, end the conductor that all others need, or never end. */
const APART = ['/v1/conductor/connect', '/v1/conductor/blobs/{key}', '/v1/conductor/enrol']
const ENDS_THE_WORLD = ['delete /v1/nodes/{ident}', 'delete /v1/ports/{ident}', 'delete /v1/conductors/{ident}', 'post /v1/conductors/{ident}/declare-dead', 'post /v1/conductors/{ident}/drain'] // prettier-ignore

/** Read by clients of every age: what they add is ignored. */
const DISCOVERY = ['/', '/v1']

interface Sent {
  readonly path: string
  readonly body?: unknown
}

describe(`the description and the server (seed ${SEED})`, () => {
  let world: World
  let document: Document
  beforeAll(async () => {
    world = await startWorld(startTestSite)
    document = (await world.site.api('GET', '/v1/openapi.json', undefined, { Authorization: '' })).body as Document
  })
  afterAll(() => world.stop())

  const operations = () =>
    Object.entries(document.paths)
      .filter(([path]) => !APART.includes(path))
      .flatMap(([path, methods]) =>
        Object.entries(methods)
          .filter(([method]) => !ENDS_THE_WORLD.includes(`${method} ${path}`))
          .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
      )
  const send = (method: string, { path, body }: Sent): Promise<Reply> =>
    world.site.api(method, path, body === undefined ? undefined : JSON.stringify(body))

  it('agree on what is allowed, and on what is answered', { timeout: 120_000 + RUNS * 2_000 }, async () => {
    const failures: string[] = []
    for (const [i, { path, method, operation }] of operations().entries()) {
      const requests = fc.record({
        query: queryOf(operation.parameters.filter((parameter) => parameter.in === 'query')),
        body: bodyOf(operation),
      })
      const checked = fc.assert(
        fc.asyncProperty(requests, async ({ query, body }) => {
          const sent = { path: `${world.path(path)}${query}`, body }
          const reply = await send(method, sent)
          const told = `${method} ${sent.path} ${JSON.stringify(body)}: ${reply.status} ${reply.text.slice(0, 400)}`
          expect(isMalformed(sent.path, reply), told).toBe(false)
          expect(reply.status, told).toBeLessThan(500)
          expect(answerMisfit(document, operation, reply), told).toBeUndefined()
        }),
        { numRuns: RUNS, seed: SEED + i },
      )
      await checked.catch((error: Error) => failures.push(`${String(error.cause)} (seed ${SEED})`))
    }
    if (failures.length > 0) throw new Error(failures.join('\n\n'))
  })

  it('agree on what is forbidden', { timeout: 120_000 + RUNS * 2_000 }, async () => {
    for (const [i, { path, method, operation }] of operations().entries()) {
      const schema = operation.requestBody?.content['application/json']?.schema
      const query = operation.parameters.filter((parameter) => parameter.in === 'query')
      const refused = async (sent: Sent) => {
        const reply = await send(method, sent)
        const told = `${method} ${sent.path} ${JSON.stringify(sent.body)}: ${reply.status} ${reply.text.slice(0, 400)}`
        expect(reply.status >= 400 && reply.status < 500, told).toBe(true)
      }
      const isFree = query.some(({ schema }) => schema['type'] === 'object')
      if (!DISCOVERY.includes(path) && !isFree)
        await refused({ path: `${world.path(path)}?zzz=1`, ...(schema ? { body: {} } : {}) })
      for (const parameter of query) {
        const bad = badText(parameter)
        if (bad !== undefined) await refused({ path: `${world.path(path)}?${parameter.name}=${bad}` })
      }
      if (!schema) continue
      const spoilt = fc.tuple(fitting(schema), fc.jsonValue({ maxDepth: 1 }), fc.nat()).map(([good, value, at]) => {
        if (Array.isArray(good)) return good.map((each, i) => (i === at % good.length ? spoil(each, value, at) : each))
        return spoil(good, value, at)
      })
      await fc.assert(
        fc.asyncProperty(
          spoilt.filter((body) => misfit(schema, body) !== undefined),
          async (body) => refused({ path: world.path(path), body }),
        ),
        { numRuns: RUNS, seed: SEED + i },
      )
    }
  })
})

function isMalformed(path: string, { status, body }: Reply): boolean {
  if (status !== 400 && status !== 406 && status !== 413) return false
  if (body.code !== 'request.invalid') return status !== 400
  return !isSemantic(path, body.detail)
}

/** Why an answer is not as described. */
function answerMisfit(
  document: Document,
  { responses }: Operation,
  { status, body, headers }: Reply,
): string | undefined {
  const components = document.components.schemas
  if (status >= 400) return misfit({ $ref: '#/components/schemas/Fault' }, body, components)
  const described = responses[status]
  if (!described) return `${status} is not described`
  const schema = described.content?.['application/json']?.schema
  if (!schema) return body === undefined ? undefined : 'a body that is not described'
  if (headers.get('content-type') !== 'application/json') return 'no JSON'
  return misfit(schema, body, components)
}

function bodyOf({ requestBody }: Operation): fc.Arbitrary<unknown> {
  const schema = requestBody?.content['application/json']?.schema
  if (!schema) return fc.constant(undefined)
  return requestBody.required ? fitting(schema) : fc.option(fitting(schema), { nil: undefined })
}

function queryOf(all: readonly Parameter[]): fc.Arbitrary<string> {
  const parameters = all.filter(({ schema }) => schema['type'] !== 'object')
  const each = Object.fromEntries(parameters.map(({ name, schema }) => [name, fitting(schema)]))
  const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name)
  const some = fc.subarray(Object.keys(each), { maxLength: Math.min(2, parameters.length) })
  return fc.record(each).chain((values) =>
    some.map((chosen) => {
      const names = [...new Set([...required, ...chosen])]
      const text = new URLSearchParams(names.map((name) => [name, String(values[name])])).toString()
      return text === '' ? '' : `?${text}`
    }),
  )
}

/** A text that the parameter's schema forbids. */
function badText({ schema }: Parameter): string | undefined {
  for (const text of ['%20-', '-1', '']) {
    const value =
      schema['type'] === 'integer'
        ? Number(text)
        : schema['type'] === 'array'
          ? [decodeURIComponent(text)]
          : decodeURIComponent(text)
    if (misfit(schema, value) !== undefined) return text
  }
  return undefined
}

/** One key of an object gets another value, or another name. */
function spoil(good: unknown, value: unknown, at: number): unknown {
  if (typeof good !== 'object' || good === null || Array.isArray(good)) return value
  const keys = Object.keys(good)
  if (keys.length === 0 || at % 5 === 0) return { ...good, unknown_key: value }
  if (at % 5 === 1) return value
  const key = keys[at % keys.length]!
  return { ...good, [key]: value }
}
