// ETags of what is changed more than once in a millisecond, by a clock that stands still.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { startTestHost, type TestSite } from '../hosts/node/test-host.ts'
import { siteOn } from '../hosts/test-site.ts'
import { RESOURCES } from './routes.ts'
import { newNode, sample, setNode } from './testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  const now = Date.now()
  site = await siteOn(await startTestHost({ env: { ...systemEnv, now: () => now } }))
})
afterAll(() => site.stop())

/** Makes something, changes it twice, and answers the ETags. */
async function tags(path: string, body: unknown, name: string, values: readonly unknown[]): Promise<(string | null)[]> {
  const made = await site.api('POST', `/v1/${path}`, body)
  const item = `/v1/${path}/${made.body.uuid}`
  const seen = [(await site.api('GET', item)).headers.get('etag')]
  for (const value of values) {
    const { status, text, headers } = await site.api('PATCH', item, [{ op: 'replace', path: `/${name}`, value }])
    expect([status, text]).toEqual([200, expect.anything()])
    seen.push(headers.get('etag'))
  }
  return seen
}

const rows = RESOURCES.filter(({ path }) => path !== 'allocations')
it.each(rows.map((resource) => [resource.path, resource] as const))(
  'each change of %s is another',
  async (path, { attributes }) => {
    const node = await newNode(site)
    await setNode(site, node, `power_state = 'power off'`)
    const name = 'description' in attributes ? 'description' : 'extra'
    const seen = await tags(path, sample(path, node), name, name === 'extra' ? [{ a: 1 }, { a: 2 }] : ['one', 'two'])
    expect(new Set(seen).size).toBe(3)
  },
)

it('each change of a site is another', async () => {
  expect(new Set(await tags('sites', { name: 'other' }, 'description', ['one', 'two'])).size).toBe(3)
})

it('of two changes at once each has its own', async () => {
  const item = `/v1/chassis/${(await site.api('POST', '/v1/chassis', {})).body.uuid}`
  const change = (op: object) => site.api('PATCH', item, [op])
  await Promise.all([
    change({ op: 'add', path: '/extra/a', value: 1 }),
    change({ op: 'add', path: '/description', value: 'x' }),
  ])
  const { created_at: made, updated_at: changed } = (await site.api('GET', item)).body
  expect(Date.parse(changed) - Date.parse(made), 'ms').toBe(2)
})

it('a change of the networks of a port is one of the port', async () => {
  const node = await newNode(site)
  const port = (await site.api('POST', '/v1/ports', sample('ports', node))).body.uuid
  const tag = async () => (await site.api('GET', `/v1/ports/${port}`)).headers.get('etag')
  const seen = [await tag()]
  expect((await site.api('POST', `/v1/nodes/${node}/vifs`, { id: 'a' })).status).toBe(204)
  seen.push(await tag())
  expect((await site.api('DELETE', `/v1/nodes/${node}/vifs/a`)).status).toBe(204)
  seen.push(await tag())
  expect(new Set(seen).size).toBe(3)
})

it('so is a change of the traits of a runbook', async () => {
  const made = await site.api('POST', '/v1/runbooks', sample('runbooks', ''))
  const item = `/v1/runbooks/${made.body.uuid}`
  const seen = [made.headers.get('etag')]
  for (const trait of ['CUSTOM_A', 'CUSTOM_B']) {
    expect((await site.api('PUT', `${item}/traits/${trait}`)).status).toBe(204)
    seen.push((await site.api('GET', item)).headers.get('etag'))
  }
  expect(new Set(seen).size).toBe(3)
})
