// Ironic's known defects, which its clients do not need and which are not here: one row each, with what Ironic does and what is done here.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import type { Reply } from '../hosts/test-conductor.ts'
import { newNode, sample } from './testdata/samples.ts'

let site: TestSite
const nodes: string[] = []
beforeAll(async () => {
  site = await startTestSite()
  const owned = { owner: 'me', resource_class: 'Large', shard: 'East', maintenance: true }
  for (let i = 0; i < 3; i++) nodes.push(await newNode(site, { ...owned, name: `n${i}` }))
  nodes.push(await newNode(site, { name: 'another' }))
  await Promise.all(nodes.map((node) => site.conductor.granted(node)))
})
afterAll(() => site.stop())

const get = (path: string, headers?: Record<string, string>): Promise<Reply> =>
  site.api('GET', `/v1/${path}`, undefined, headers)
const problem = ({ status, body }: Reply) => [status, JSON.parse(body.error_message).faultcode]
const uuids = ({ body }: Reply) => body.nodes.map(({ uuid }: { uuid: string }) => uuid)

/** Ironic's behaviour, and a check that ours is another. */
const DEFECTS: readonly (readonly [ironic: string, check: () => Promise<void>])[] = [
  [
    'a body that is no JSON is answered 500, as if the server had failed',
    async () => {
      for (const [method, path] of [
        ['POST', '/v1/nodes'],
        ['PATCH', `/v1/nodes/${nodes[0]}`],
        ['PUT', `/v1/nodes/${nodes[0]}/states/provision`],
      ] as const)
        expect(problem(await site.api(method, path, '{"a"')), path).toEqual([400, 'Client'])
    },
  ],
  [
    'an unknown name in `fields` of a list is answered 500, though 400 for one item',
    async () => {
      for (const path of [
        'nodes',
        'nodes/n0',
        'ports',
        'portgroups',
        'allocations',
        'chassis',
        'conductors',
        'drivers',
      ])
        expect(problem(await get(`${path}?fields=nonsense`)), path).toEqual([400, 'Client'])
    },
  ],
  [
    '`next` forgets filters: the second page has other nodes',
    async () => {
      const filters =
        'driver=fake-hardware&owner=me&resource_class=Large&maintenance=true&provision_state=enroll&conductor_group=default&sharded=true'
      const first = await get(`nodes?${filters}&limit=2`)
      expect(uuids(first)).toEqual(nodes.slice(0, 2))
      const next = new URL(first.body.next)
      for (const [name, value] of new URLSearchParams(filters)) expect(next.searchParams.get(name), name).toBe(value)
      expect(uuids(await get(`${next.pathname.slice(4)}${next.search}`))).toEqual([nodes[2]])
    },
  ],
  [
    'the filter `conductor` is applied after paging: pages come short, and the last ones never',
    async () => {
      const page = await get('nodes?conductor=c1&limit=4')
      expect(uuids(page)).toEqual(nodes)
      expect(uuids(await get('nodes?conductor=nobody&limit=1'))).toEqual([])
    },
  ],
  [
    'comma lists are lower-cased, so that a shard with capitals is never found',
    async () => expect(uuids(await get('nodes?shard=East'))).toEqual(nodes.slice(0, 3)),
  ],
  [
    'ports of a node in detail are answered 404 when one belongs to no portgroup',
    async () => {
      expect((await site.api('POST', '/v1/ports', sample('ports', nodes[0]!))).status).toBe(201)
      const bond = (await site.api('POST', '/v1/portgroups', sample('portgroups', nodes[0]!))).body.uuid
      await site.api('POST', '/v1/ports', { ...sample('ports', nodes[0]!), portgroup_uuid: bond })
      for (const path of ['nodes/n0/ports?detail=True', 'nodes/n0/ports/detail']) {
        const { status, body } = await get(path)
        expect([status, body.ports.map((port: { portgroup_uuid: string | null }) => port.portgroup_uuid)]).toEqual([
          200,
          [null, bond],
        ])
      }
    },
  ],
  [
    'clients that follow `nodes_links` (gophercloud) see the first page only',
    async () => {
      const { body } = await get('nodes?limit=2')
      expect(body.nodes_links).toEqual([{ rel: 'next', href: body.next }])
    },
  ],
  [
    'of two who change the same node the later one wins unseen',
    async () => {
      const tag = (await get('nodes/n1')).headers.get('etag')!
      const change = (value: number) =>
        site.api('PATCH', '/v1/nodes/n1', [{ op: 'add', path: '/extra/a', value }], { 'If-Match': tag })
      expect([(await change(1)).status, (await change(2)).status]).toEqual([200, 412])
    },
  ],
  [
    'the header of other OpenStack services, `OpenStack-API-Version: baremetal 1.N`, is passed over',
    async () => {
      const asked = { 'OpenStack-API-Version': 'baremetal 1.50', 'X-OpenStack-Ironic-API-Version': '' }
      const headers = new Headers(asked)
      headers.delete('X-OpenStack-Ironic-API-Version')
      headers.set('Authorization', `Bearer ${site.host.token}`)
      const reply = await site.host.fetch('/v1/nodes', { headers })
      expect(reply.headers.get('X-OpenStack-Ironic-API-Version')).toBe('1.50')
    },
  ],
]

it.each(DEFECTS)('not here: %s', async (_, check) => check())
