// What a running Ironic 21.4 was seen to answer (shapes, not texts), where it applies; known defects of it are not copied.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_VERSION } from './microversion.ts'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'

describe('as Ironic answers', () => {
  let site: TestSite
  let uuid: string
  beforeAll(async () => {
    site = await startTestSite({
      answer({ method, args }) {
        if (method === 'get_boot_device') return { boot_device: 'pxe', persistent: false }
        if (method === 'get_supported_boot_devices') return { supported_boot_devices: ['pxe'] }
        if (method === 'set_boot_device' && args['boot_device'] !== 'pxe') throw new Error('only pxe')
        if (method === 'validate')
          return { power: { result: true }, deploy: { result: false, reason: 'no image' }, vendor: { result: true } }
        return null
      },
    })
    const made = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', name: 'n1', properties: { a: 1 } })
    uuid = made.body.uuid
    await site.conductor.granted(uuid)
  })
  afterAll(() => site.stop())

  const old = { 'X-OpenStack-Ironic-API-Version': '1.1' }
  const absent = '11111111-2222-4333-8444-555555555555'
  const MAC = '52:54:00:00:00:01'

  // number of the exchange, request, status
  it.each<[number, string, string, unknown, number, Record<string, string>?]>([
    [1, 'GET', '/', undefined, 200],
    [2, 'GET', '/v1', undefined, 200, old],
    [3, 'GET', '/v1/nodes', undefined, 406, { 'X-OpenStack-Ironic-API-Version': '1.999' }],
    [4, 'GET', '/v1/nodes', undefined, 406, { 'X-OpenStack-Ironic-API-Version': 'abc' }],
    [6, 'GET', '/v1/nope', undefined, 404],
    [7, 'POST', '/v1/nodes', {}, 400],
    [8, 'POST', '/v1/nodes', { driver: 'fake-hardware', zzz: 1 }, 400],
    [9, 'POST', '/v1/nodes', { driver: 'zzz' }, 400],
    [10, 'POST', '/v1/nodes', '{broken', 400],
    [12, 'POST', '/v1/nodes', { driver: 'fake-hardware', name: 'n1' }, 409],
    [13, 'POST', '/v1/nodes', { driver: 'fake-hardware', name: 'detail' }, 400],
    [13, 'POST', '/v1/nodes', { driver: 'fake-hardware', name: 'bad name' }, 400],
    [14, 'POST', '/v1/nodes', { driver: 'fake-hardware', owner: 'x' }, 406, old],
    [17, 'GET', '/v1/nodes?fields=nonsense', undefined, 400],
    [18, 'GET', '/v1/nodes?detail=True&fields=uuid', undefined, 400],
    [19, 'GET', '/v1/nodes?limit=0', undefined, 400],
    [19, 'GET', '/v1/nodes?limit=-1', undefined, 400],
    [20, 'GET', '/v1/nodes?zzz=1', undefined, 400],
    [21, 'GET', '/v1/nodes?sort_key=extra', undefined, 400],
    [21, 'GET', '/v1/nodes?sort_key=zzz', undefined, 400],
    [21, 'GET', '/v1/nodes?sort_dir=up', undefined, 400],
    [22, 'GET', '/v1/nodes?marker=nope', undefined, 400],
    [22, 'GET', `/v1/nodes?marker=${absent}`, undefined, 404],
    [23, 'GET', '/v1/nodes?provision_state=zzz', undefined, 400],
    [24, 'GET', `/v1/nodes/${absent}`, undefined, 404],
    [25, 'GET', '/v1/nodes/bad%20name', undefined, 400],
    [27, 'PATCH', '/v1/nodes/n1', [{ op: 'remove', path: '/extra/absent' }], 400],
    [27, 'PATCH', '/v1/nodes/n1', [{ op: 'replace', path: '/uuid', value: absent }], 400],
    [27, 'PATCH', '/v1/nodes/n1', [{ op: 'test', path: '/name', value: 'n1' }], 400],
    [27, 'PATCH', '/v1/nodes/n1', [{ op: 'add', path: '/foo', value: 1 }], 400],
    [27, 'PATCH', '/v1/nodes/n1', { a: 1 }, 400],
    [28, 'PATCH', '/v1/nodes/n1', [{ op: 'replace', path: '/deploy_interface', value: 'zzz' }], 400],
    [29, 'GET', '/v1/nodes/n1/validate', undefined, 200],
    [29, 'GET', '/v1/nodes/validate?node=n1', undefined, 200],
    [30, 'PUT', '/v1/nodes/n1/states/provision', { target: 'active' }, 400],
    [30, 'PUT', '/v1/nodes/n1/states/provision', { target: 'zzz' }, 400],
    [30, 'PUT', '/v1/nodes/n1/states/provision', {}, 400],
    [31, 'PUT', '/v1/nodes/n1/states/power', { target: 'zzz' }, 400],
    [31, 'PUT', '/v1/nodes/n1/states/power', { target: 'power on', timeout: 0 }, 400],
    [33, 'GET', '/v1/nodes/n1/management/boot_device', undefined, 200],
    [33, 'GET', '/v1/nodes/n1/management/boot_device/supported', undefined, 200],
    [33, 'PUT', '/v1/nodes/n1/management/boot_device', { boot_device: 'floppy' }, 400],
    [33, 'PUT', '/v1/nodes/n1/management/boot_device', { boot_device: 'pxe' }, 204],
    [37, 'PUT', '/v1/nodes/n1/maintenance', { reason: 'x' }, 202],
    [37, 'DELETE', '/v1/nodes/n1/maintenance', undefined, 202],
    [40, 'POST', '/v1/ports', { node_uuid: absent, address: MAC }, 400],
    [40, 'POST', '/v1/ports', { node_uuid: absent, address: 'zz' }, 400],
    [45, 'GET', '/v1/drivers', undefined, 200],
    [45, 'GET', '/v1/drivers/fake-hardware', undefined, 200],
    [45, 'GET', '/v1/drivers/zzz', undefined, 404],
    [46, 'GET', '/v1/conductors?detail=true', undefined, 200],
    [44, 'PUT', '/v1/nodes/n1/traits', { traits: ['CUSTOM_A'] }, 204],
    [44, 'PUT', '/v1/nodes/n1/traits/CUSTOM_B', undefined, 204],
    [44, 'PUT', '/v1/nodes/n1/traits/bad', undefined, 400],
    [44, 'DELETE', '/v1/nodes/n1/traits/CUSTOM_Z', undefined, 404],
    [53, 'GET', '/v1/nodes/n1/history', undefined, 200],
    [53, 'GET', '/v1/nodes/n1/vifs', undefined, 200],
    [54, 'GET', '/v1/nodes/n1/inventory', undefined, 404],
    [57, 'GET', '/v1/lookup?addresses=52:54:00:00:00:01', undefined, 404, { Authorization: '' }],
    [63, 'PUT', '/v1/nodes/n1', {}, 405],
    [63, 'HEAD', '/v1/nodes', undefined, 405],
    [63, 'OPTIONS', '/v1/nodes', undefined, 200],
  ])('%i: %s %s %j is %i', async (_number, method, path, body, status, headers) => {
    const reply = await site.api(method, path, body, headers)
    expect([reply.status, reply.text]).toEqual([status, expect.anything()])
    if (status < 400 || method === 'HEAD') return
    const inner = JSON.parse(reply.body.error_message)
    expect(inner).toMatchObject({ faultcode: 'Client', faultstring: expect.any(String), debuginfo: null })
    expect(reply.body).toMatchObject({
      status,
      detail: inner.faultstring,
      request_id: reply.headers.get('openstack-request-id'),
    })
    expect(reply.body.hint).not.toBe('')
    expect(reply.headers.get('content-type')).toBe('application/json')
  })

  it('2: at 1.1 only the oldest resources are linked', async () => {
    const { body, headers } = await site.api('GET', '/v1/', undefined, old)
    expect(headers.get('x-openstack-ironic-api-version')).toBe('1.1')
    expect(body).toMatchObject({
      id: 'v1',
      media_types: { base: 'application/json' },
      nodes: [{ rel: 'self' }, { rel: 'bookmark' }],
    })
    expect(body).not.toHaveProperty('conductors')
  })

  it('3, 4: a refused version tells the range, an unreadable one nothing', async () => {
    const far = await site.api('GET', '/v1/nodes', undefined, { 'X-OpenStack-Ironic-API-Version': '1.999' })
    expect(far.headers.get('x-openstack-ironic-api-maximum-version')).toBe(`1.${MAX_VERSION}`)
    expect(far.headers.get('x-openstack-ironic-api-version')).toBeNull()
    const unreadable = await site.api('GET', '/v1/nodes', undefined, { 'X-OpenStack-Ironic-API-Version': 'abc' })
    expect(unreadable.headers.get('x-openstack-ironic-api-maximum-version')).toBeNull()
  })

  it('6: an unknown path has no version headers', async () => {
    const { headers } = await site.api('GET', '/v1/nope')
    expect(headers.get('x-openstack-ironic-api-minimum-version')).toBeNull()
  })

  it('11: a created node is answered whole, with its place', async () => {
    const { status, body, headers } = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', name: 'n11' })
    expect(status).toBe(201)
    expect(headers.get('location')).toBe(`${site.host.url}/v1/nodes/${body.uuid}`)
    expect(body).toMatchObject({
      provision_state: 'enroll',
      power_state: null,
      conductor: 'c1',
      conductor_group: 'default',
      extra: {},
      traits: [],
      updated_at: null,
    })
    expect((await site.api('DELETE', '/v1/nodes/n11')).status).toBe(204)
    expect((await site.api('DELETE', '/v1/nodes/n11')).status).toBe(404) // 62
  })

  it('15, 16: a list has the brief fields, or those asked for with links', async () => {
    const { body } = await site.api('GET', '/v1/nodes')
    expect(Object.keys(body.nodes[0]).sort()).toEqual([
      'instance_uuid',
      'links',
      'maintenance',
      'name',
      'power_state',
      'provision_state',
      'uuid',
    ])
    const some = await site.api('GET', '/v1/nodes?fields=uuid,name,driver')
    expect(Object.keys(some.body.nodes[0]).sort()).toEqual(['driver', 'links', 'name', 'uuid'])
  })

  it('32: manage is accepted, with the place to watch', async () => {
    const { body } = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', name: 'n32' })
    const reply = await site.api('PUT', '/v1/nodes/n32/states/provision', { target: 'manage' })
    expect([reply.status, reply.text, reply.headers.get('location')]).toEqual([
      202,
      '',
      `${site.host.url}/v1/nodes/n32/states`,
    ])
    expect(reply.headers.get('content-type')).toBeNull()
    expect(body.uuid).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('33: boot devices', async () => {
    expect((await site.api('GET', '/v1/nodes/n1/management/boot_device')).body).toEqual({
      boot_device: 'pxe',
      persistent: false,
    })
    expect((await site.api('GET', '/v1/nodes/n1/management/boot_device/supported')).body).toEqual({
      supported_boot_devices: ['pxe'],
    })
  })

  it('40, 41, 42: ports', async () => {
    const made = await site.api('POST', '/v1/ports', { node_uuid: uuid, address: MAC.toUpperCase() })
    expect([made.status, made.text]).toEqual([201, expect.anything()])
    expect(made.body).toMatchObject({
      address: MAC,
      node_uuid: uuid,
      pxe_enabled: true,
      is_smartnic: false,
      local_link_connection: {},
    })
    expect((await site.api('POST', '/v1/ports', { node_uuid: uuid, address: MAC })).status).toBe(409)
    expect(Object.keys((await site.api('GET', '/v1/ports')).body.ports[0]).sort()).toEqual(['address', 'links', 'uuid'])
    expect((await site.api('GET', `/v1/ports?address=${MAC}`)).body.ports.length).toBe(1)
    expect((await site.api('GET', '/v1/nodes/n1/ports?detail=True')).body.ports[0]).toMatchObject({ node_uuid: uuid })
    expect((await site.api('DELETE', `/v1/ports/${made.body.uuid}`)).status).toBe(204)
  })

  it('no fields at all of the firmware are all of them, and no failure', async () => {
    const { status, body } = await site.api('GET', '/v1/nodes/n1/firmware?fields=')
    expect([status, body]).toEqual([200, { firmware: [] }])
  })

  it('27: an empty patch changes nothing', async () => {
    const { status, body } = await site.api('PATCH', '/v1/nodes/n1', [])
    expect([status, body.name]).toEqual([200, 'n1'])
  })

  it('29: validation says nothing of vendor methods', async () => {
    expect(Object.keys((await site.api('GET', '/v1/nodes/n1/validate')).body)).toEqual(['power', 'deploy'])
  })

  it('the MAC of a port stays while its node has an instance', async () => {
    const node = (await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', instance_uuid: absent })).body.uuid
    const port = (await site.api('POST', '/v1/ports', { node_uuid: node, address: '52:54:00:00:00:77' })).body.uuid
    const change = async () =>
      site.api('PATCH', `/v1/ports/${port}`, [{ op: 'replace', path: '/address', value: '52:54:00:00:00:78' }])
    expect((await change()).status).toBe(409)
    await site.api('PUT', `/v1/nodes/${node}/maintenance`, {})
    expect((await change()).body.address).toBe('52:54:00:00:00:78')
    await site.api('DELETE', `/v1/nodes/${node}`)
  })

  it('43: a portgroup is a bond with ports that may stand alone', async () => {
    const { status, body } = await site.api('POST', '/v1/portgroups', { node_uuid: uuid })
    expect([status, body]).toEqual([
      201,
      expect.objectContaining({ mode: 'active-backup', standalone_ports_supported: true, address: null, name: null }),
    ])
    expect((await site.api('DELETE', `/v1/portgroups/${body.uuid}`)).status).toBe(204)
  })

  it('55, 56: shards are counted under None, and nodes of a chassis are a list in a list', async () => {
    const { shards } = (await site.api('GET', '/v1/shards')).body
    expect(shards).toEqual([{ name: 'None', count: expect.any(Number) }])
    expect((await site.api('POST', '/v1/chassis', {})).body.nodes).toEqual([[expect.anything(), expect.anything()]])
  })

  it('60, 61: a full page has a next link, which keeps every filter', async () => {
    const { body } = await site.api('GET', '/v1/nodes?limit=1&driver=fake-hardware&maintenance=false&fields=uuid')
    const next = new URL(body.next)
    expect(Object.fromEntries(next.searchParams)).toMatchObject({
      driver: 'fake-hardware',
      maintenance: 'false',
      fields: 'uuid',
      limit: '1',
      sort_key: 'id',
      marker: body.nodes[0].uuid,
    })
    expect(body.nodes_links).toEqual([{ rel: 'next', href: body.next }])
    const all = (await site.api('GET', '/v1/nodes')).body.nodes.length
    const equal = await site.api('GET', `/v1/nodes?limit=${all}`)
    expect((await site.api('GET', equal.body.next.slice(site.host.url.length))).body).toEqual({ nodes: [] })
  })

  it('63: a wrong method is told what is possible', async () => {
    expect((await site.api('PUT', '/v1/nodes/n1', {})).headers.get('allow')).toBe('DELETE, GET, PATCH')
    expect((await site.api('OPTIONS', '/v1/nodes')).text).toBe('')
  })
})
