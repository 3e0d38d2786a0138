// Whatever stands in a path where an identifier belongs: never a failure of the server, and one thing under one name.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { fresh } from '../hosts/test-conductor.ts'
import { RESOURCES, ROUTES } from './routes.ts'
import { newNode, sample, write } from './testdata/samples.ts'

let site: TestSite
let node: string
/** What the conductor answers to every question. */
let answer: unknown = null
beforeAll(async () => {
  site = await startTestSite({ answer: () => answer })
  node = await newNode(site, { name: fresh('n') })
})
afterAll(() => site.stop())

const STRANGE = [
  ...[
    '%00',
    'a%00b',
    '%2F',
    'a%2Fb',
    '..%2f..',
    '%25',
    '%25zz',
    '%zz',
    '%',
    '%ff',
    '%C0%80',
    '%ED%A0%80',
    '%0a',
    '%20',
  ],
  ...['%F0%9F%92%A9', '__proto__', 'constructor', "'", 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(5000)],
]
const PARAMETER = /:\w+(\{[^}]*\})?/g
const withParameters = ROUTES.filter(({ path }) => path.includes(':')).map(
  (route) => [route.method, route.path] as const,
)
const BODIES: Readonly<Record<string, unknown>> = {
  POST: {},
  PUT: {},
  PATCH: [{ op: 'add', path: '/extra/a', value: 1 }],
}

it.each(withParameters)('%s %s fails for no identifier', async (method, path) => {
  const count = path.match(PARAMETER)!.length
  for (const strange of STRANGE) {
    for (let at = 0; at < count; at++) {
      let i = 0
      const url = path.replaceAll(PARAMETER, () => (i++ === at ? strange : node))
      const { status, text } = await site.api(method, url, BODIES[method])
      expect([url, status, text]).toEqual([url, expect.not.toSatisfy((n: number) => [500, 502].includes(n)), text])
    }
  }
})

const ASKED = [
  ['GET', 'management/indicators'],
  ['GET', 'vendor_passthru/methods'],
  ['GET', 'vendor_passthru/x'],
  ['PUT', 'states/boot_mode', { target: 'uefi' }],
  ['GET', 'management/boot_device'],
  ['GET', 'states/console'],
  ['GET', 'validate'],
  ['GET', 'vmedia'],
] as const
describe.each([[null], ['text'], [[null]], [{ a: null }], [{ a: {} }], [7]])('a conductor that answers %j', (given) => {
  it.each(ASKED)('%s %s is no failure of the server', async (...[method, path, body]) => {
    answer = given
    const { status, text } = await site.api(method, `/v1/nodes/${node}/${path}`, body)
    expect([status, text]).not.toEqual([500, text])
  })
})

it.each(RESOURCES.map(({ path }) => path))(
  '%s are found by their UUIDs in capitals, and made by such',
  async (path) => {
    const uuid = crypto.randomUUID()
    const body = { ...sample(path, node.toUpperCase()), uuid: uuid.toUpperCase() }
    expect((await site.api('POST', `/v1/${path}`, body)).body.uuid).toBe(uuid)
    for (const method of ['GET', 'DELETE'])
      expect([method, (await site.api(method, `/v1/${path}/${uuid.toUpperCase()}`)).status]).toEqual([
        method,
        method === 'GET' ? 200 : 204,
      ])
  },
)

it('a conductor and its site are found by their UUIDs in capitals', async () => {
  const { conductor, site: own } = site.enrolled
  for (const path of [`conductors/${conductor.toUpperCase()}`, `sites/${own.toUpperCase()}`])
    expect([path, (await site.api('GET', `/v1/${path}`)).status]).toEqual([path, 200])
})

it('names that differ in their case only are two, as in Ironic on SQLite', async () => {
  const name = fresh('rack').toLowerCase()
  const [small, large] = [await newNode(site, { name }), await newNode(site, { name: name.toUpperCase() })]
  expect((await site.api('GET', `/v1/nodes/${name}`)).body.uuid).toBe(small)
  expect((await site.api('GET', `/v1/nodes/${name.toUpperCase()}`)).body.uuid).toBe(large)
})

it('a name of 255 characters is one, and of 256 none', async () => {
  const name = fresh('n').padEnd(255, 'x')
  const uuid = await newNode(site, { name })
  expect((await site.api('GET', `/v1/nodes/${name}`)).body.uuid).toBe(uuid)
  expect((await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', name: `${name}x` })).status).toBe(400)
})

it.each(['', '/', '//'])(
  'slashes at the end of a path (%j) are ignored, one too many within it is not',
  async (end) => {
    for (const path of [`/v1/nodes${end}`, `/v1/nodes/${node}${end}`, `/v1/nodes/${node}/states${end}`])
      expect([path, (await site.api('GET', path)).status]).toEqual([path, 200])
    for (const path of ['/v1//nodes', '//v1/nodes', `/v1/nodes//${node}`, `/v1/nodes/${node}//states`])
      expect([path, (await site.api('GET', `${path}${end}`)).status]).toEqual([path, 404])
  },
)

it('a BIOS setting is found whatever its name has in it', async () => {
  const insert = `INSERT INTO bios_settings (node, name, value, created_at) VALUES (?, ?, 'on', '')`
  for (const name of ['a%41', '100%', 'a/b', 'ä b']) {
    await write(site, insert, [node, name])
    const { status, body } = await site.api('GET', `/v1/nodes/${node}/bios/${encodeURIComponent(name)}`)
    expect([name, status, body[name]?.value]).toEqual([name, 200, 'on'])
  }
})

it('what is below a node that has gone meanwhile is 404, at every path', async () => {
  const gone = await newNode(site)
  expect((await site.api('DELETE', `/v1/nodes/${gone}`)).status).toBe(204)
  const below = ROUTES.filter(({ method, path }) => method === 'GET' && path.startsWith('/v1/nodes/:ident'))
  const others: [string, number][] = []
  for (const { path, query = {} } of below) {
    const needed = Object.entries(query).filter(([, argument]) => typeof argument === 'object' && argument.required)
    const search = needed.map(([name]) => `${name}=x`).join('&')
    const url = `${path.replace(':ident', gone).replaceAll(PARAMETER, 'x')}?${search}`
    const { status } = await site.api('GET', url)
    if (status !== 404) others.push([url, status])
  }
  expect(others).toEqual([])
})
