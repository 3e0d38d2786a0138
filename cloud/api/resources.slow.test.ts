// What every resource that is a table (resource.ts) does, whatever it is; and that no request, however odd, ends in a 5xx.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { RESOURCES, ROUTES } from './routes.ts'
import { newNode, sample } from './testdata/samples.ts'

let site: TestSite
let node: string
beforeAll(async () => {
  site = await startTestSite()
  node = await newNode(site)
})
afterAll(() => site.stop())

describe.each(RESOURCES.map((resource) => [resource.path, resource] as const))('/v1/%s', (path, resource) => {
  const at = `/v1/${path}`
  const make = async (more: object = {}) => {
    const made = await site.api('POST', at, { ...sample(path, node), ...more })
    expect([made.status, made.text]).toEqual([201, expect.anything()])
    return made
  }
  const absent = '11111111-2222-4333-8444-555555555555'

  it('is created, shown, listed, changed and deleted', async () => {
    const made = await make()
    const { uuid } = made.body
    expect(made.headers.get('location')).toBe(`${site.host.url}${at}/${uuid}`)
    expect(made.body).toMatchObject({ created_at: expect.stringMatching(/\+00:00$/), updated_at: null })
    expect(made.body.links).toEqual([
      { rel: 'self', href: `${site.host.url}${at}/${uuid}` },
      { rel: 'bookmark', href: `${site.host.url}/${path}/${uuid}` },
    ])
    expect(Object.keys(made.body).sort()).toEqual(
      resource.fields
        .filter((f) => !f.native)
        .map((f) => f.name)
        .sort(),
    )
    const shown = (await site.api('GET', `${at}/${uuid}`)).body
    if (path !== 'allocations' && path !== 'nodes') expect(shown).toEqual(made.body)
    const listed = (await site.api('GET', at)).body[resource.key].find((item: { uuid: string }) => item.uuid === uuid)
    expect(Object.keys(listed).sort()).toEqual([...resource.brief].sort())
    const changed = resource.attributes['description'] ? 'description' : 'extra'
    const value = changed === 'extra' ? { a: 1 } : 'other'
    const patched = await site.api('PATCH', `${at}/${uuid}`, [{ op: 'add', path: `/${changed}`, value }])
    if (path.startsWith('volume')) expect(patched.status).toBe(400) // its node is not powered off
    else
      expect([patched.status, patched.body]).toEqual([
        200,
        { ...patched.body, uuid, [changed]: value, updated_at: expect.any(String) },
      ])
    expect((await site.api('DELETE', `${at}/${uuid}`)).status).toBe(204)
    expect((await site.api('DELETE', `${at}/${uuid}`)).status).toBe(404)
  })

  it('lists in pages, with Ironic’s next and gophercloud’s links, keeping what was asked for', async () => {
    for (let i = 0; i < 2; i++) await make()
    const all = (await site.api('GET', `${at}?fields=uuid`)).body[resource.key]
    const found: unknown[] = []
    let next = `${at}?limit=1&fields=uuid&sort_dir=desc`
    for (let i = 0; i <= all.length; i++) {
      const { status, body, text } = await site.api('GET', next)
      expect([status, text]).toEqual([200, expect.anything()])
      found.unshift(...body[resource.key])
      if (!body.next) break
      expect(body[`${resource.key}_links`]).toEqual([{ rel: 'next', href: body.next }])
      expect(new URL(body.next).searchParams.get('fields')).toBe('uuid')
      next = body.next.slice(site.host.url.length)
    }
    expect(found).toEqual(all)
  })

  it('sorts by every field that it says it can', async () => {
    const keys = Object.keys(resource.sort)
    const replies = await Promise.all(keys.map((key) => site.api('GET', `${at}?sort_key=${key}&sort_dir=desc&limit=2`)))
    expect(keys.filter((_, i) => replies[i]!.status !== 200)).toEqual([])
  })

  it('details are asked for by argument, and by path where Ironic has that', async () => {
    await make()
    const { body } = await site.api('GET', `${at}?detail=true`)
    expect(body[resource.key][0]).toHaveProperty('updated_at')
    const byPath = await site.api('GET', `${at}/detail`)
    if (resource.detailPath) expect(byPath.body[resource.key]).toEqual(body[resource.key])
    else expect(byPath.status).toBeGreaterThanOrEqual(400)
  })

  it('what is wrong is 400, what is not there 404, what is taken 409', async () => {
    const { uuid } = (await make()).body
    const status = async (method: string, tail: string, body?: unknown) =>
      (await site.api(method, `${at}${tail}`, body)).status
    expect(await status('POST', '', { ...sample(path, node), zzz: 1 })).toBe(400)
    expect(await status('POST', '', '{broken')).toBe(400)
    expect(await status('POST', '', [])).toBe(400)
    expect(await status('POST', '', { ...sample(path, node), uuid })).toBe(409)
    expect(await status('POST', '', { ...sample(path, node), uuid: 'x' })).toBe(400)
    for (const [name, { required }] of Object.entries(resource.attributes)) {
      if (!required) continue
      const { [name]: _, ...without } = sample(path, node)
      expect([name, await status('POST', '', without)]).toEqual([name, 400])
      expect([name, await status('PATCH', `/${uuid}`, [{ op: 'remove', path: `/${name}` }])]).toEqual([name, 400])
    }
    for (const query of [
      'fields=zzz',
      'zzz=1',
      'limit=0',
      'limit=-1',
      'limit=x',
      'marker=x',
      'sort_key=zzz',
      'sort_key=extra',
      'sort_dir=up',
      'detail=true&fields=uuid',
    ])
      expect([query, await status('GET', `?${query}`)]).toEqual([query, 400])
    expect(await status('GET', `?marker=${absent}`)).toBe(404)
    expect(await status('GET', `/${uuid}?fields=zzz`)).toBe(400)
    expect(await status('GET', '/bad%20name')).toBe(400)
    for (const method of ['GET', 'DELETE']) expect([method, await status(method, `/${absent}`)]).toEqual([method, 404])
    expect(await status('PATCH', `/${absent}`, [{ op: 'add', path: '/description', value: 'x' }])).toBe(
      resource.attributes['description'] ? 404 : 400,
    )
    for (const patch of [
      { a: 1 },
      [{ op: 'test', path: '/extra', value: 1 }],
      [{ op: 'replace', path: '/uuid', value: absent }],
      [{ op: 'add', path: '/zzz', value: 1 }],
    ])
      expect([patch, await status('PATCH', `/${uuid}`, patch)]).toEqual([patch, 400])
    expect(await status('PUT', `/${uuid}`, {})).toBe(405)
    expect(await status('HEAD', '')).toBe(405)
  })

  it('every filter takes what nobody expects', async () => {
    const values = ['', "' OR 1=1 --@", '%00', 'ü', absent, 'x'.repeat(2000), 'true', '-1']
    const queries = Object.keys(resource.filters).flatMap((name) =>
      values.map((value) => `${name}=${encodeURIComponent(value)}`),
    )
    const replies = await Promise.all(queries.map((query) => site.api('GET', `${at}?${query}`)))
    expect(queries.filter((_, i) => replies[i]!.status >= 500)).toEqual([])
  })
})

describe('odd requests', () => {
  const VALUES: unknown[] = [null, true, 1.5, 1e300, '\u0000', [null], { a: null }, 'x'.repeat(5000)]
  /** Sends them at once; answers those that ended in a 5xx. */
  const failing = async (requests: [method: string, path: string, body?: unknown][]) => {
    const replies = await Promise.all(requests.map(([method, path, body]) => site.api(method, path, body)))
    return requests.flatMap((request, i) => (replies[i]!.status < 500 ? [] : [[request, replies[i]!.text]]))
  }

  it.each(RESOURCES.map((resource) => [resource.path, resource] as const))(
    'no attribute of %s with an odd value ends in a 5xx',
    async (path, { attributes }) => {
      const { uuid } = (await site.api('POST', `/v1/${path}`, sample(path, node))).body
      // Each attribute gets some of the values; over all resources each kind of attribute meets all of them.
      const requests = Object.entries(attributes).flatMap(([name, { only }], k) =>
        [k, k + 3].flatMap((i): [string, string, unknown][] => {
          const value = VALUES[i % VALUES.length]
          const below = ['', '/a', '/0', '/-'][i % 4]
          const op = ['add', 'replace', 'remove', 'add', 'add'][i % 5]
          const patch = [{ op, path: `/${name}${below}`, value }]
          return [
            ['POST', `/v1/${path}`, { ...sample(path, node), [name]: value }],
            ...(only ? [] : [['PATCH', `/v1/${path}/${uuid}`, patch] satisfies [string, string, unknown]]),
          ]
        }),
      )
      for (let i = 0; i < requests.length; i += 64) expect(await failing(requests.slice(i, i + 64))).toEqual([])
    },
  )

  it('no path with an odd identifier or body ends in a 5xx', async () => {
    const rows = ROUTES.filter(
      ({ path }) => !/connect$|blobs|validate|management|bios|firmware|console|raid|vmedia/.test(path),
    )
    for (const { method, path } of rows) {
      const idents = path.includes(':') ? [node, 'x', '%00', '%F0%9F%92%A9', 'a'.repeat(300)] : ['']
      const bodies = method === 'GET' || method === 'DELETE' ? [undefined] : [undefined, '{', [], 'null']
      const requests = idents.flatMap((ident) =>
        bodies.map((body): [string, string, unknown] => [method, path.replaceAll(/:\w+(\{[^}]*\})?/g, ident), body]),
      )
      expect(await failing(requests)).toEqual([])
    }
  })
})
