import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'
import { fresh } from '../../hosts/test-conductor.ts'
import { freshMac, newNode, setNode } from '../testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  site = await startTestSite()
})
afterAll(() => site.stop())

const make = async (kind: 'ports' | 'portgroups', node: string, more: object = {}) => {
  const body = { node_uuid: node, ...(kind === 'ports' ? { address: freshMac() } : {}), ...more }
  const made = await site.api('POST', `/v1/${kind}`, body)
  expect([made.status, made.text]).toEqual([201, expect.anything()])
  return made.body
}
const patch = (path: string, changes: Record<string, unknown>, headers?: Record<string, string>) =>
  site.api(
    'PATCH',
    path,
    Object.entries(changes).map(([name, value]) => ({ op: 'add', path: `/${name}`, value })),
    headers,
  )
const statusOf = async (reply: Promise<{ status: number }>) => (await reply).status
const active = `provision_state = 'active', instance_uuid = '${crypto.randomUUID()}'`

describe('ports', () => {
  it('what connects a node changes in some states only, or in maintenance', async () => {
    const node = await newNode(site)
    const { uuid } = await make('ports', node)
    const changes = { pxe_enabled: false, physical_network: 'p1' }
    await setNode(site, node, `provision_state = 'available'`)
    const refused = await patch(`/v1/ports/${uuid}`, changes)
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining('pxe_enabled, physical_network'),
    ])
    expect(await statusOf(patch(`/v1/ports/${uuid}`, { extra: { a: 1 } }))).toBe(200)
    await setNode(site, node, `provision_state = 'manageable'`)
    expect((await patch(`/v1/ports/${uuid}`, changes)).body).toMatchObject(changes)
    await setNode(site, node, `provision_state = 'available', maintenance = 1`)
    expect(await statusOf(patch(`/v1/ports/${uuid}`, { pxe_enabled: true }))).toBe(200)
  })

  it('the address of a node with an instance changes in maintenance only', async () => {
    const node = await newNode(site, {}, active.replace('active', 'available'))
    const { uuid } = await make('ports', node)
    const address = freshMac()
    expect(await statusOf(patch(`/v1/ports/${uuid}`, { address }))).toBe(409)
    await setNode(site, node, 'maintenance = 1')
    expect((await patch(`/v1/ports/${uuid}`, { address: address.toUpperCase() })).body.address).toBe(address)
  })

  it.each<[string, unknown, number, unknown?]>([
    [
      'a switch by its MAC address',
      { port_id: 'Eth1', switch_id: 'AA-BB-CC-00-11-22' },
      201,
      { port_id: 'Eth1', switch_id: 'aa:bb:cc:00:11:22' },
    ],
    [
      'a switch by its datapath',
      { port_id: '1', switch_id: '0000AABBCC001122', switch_info: 's' },
      201,
      { port_id: '1', switch_id: '0000aabbcc001122', switch_info: 's' },
    ],
    ['unmanaged', { network_type: 'unmanaged' }, 201],
    ['nothing', {}, 201],
    ['no switch', { port_id: 'Eth1' }, 400],
    ['no port', { switch_id: 'aa:bb:cc:00:11:22' }, 400],
    ['a bad switch', { port_id: '1', switch_id: 'switch-7' }, 400],
    ['an unknown key', { port_id: '1', switch_id: 'aa:bb:cc:00:11:22', rack: 7 }, 400],
    ['an unknown type', { network_type: 'mesh' }, 400],
    ['a list', [], 400],
    ['vtep, which 1.105 took away', { port_id: '1', 'vtep-logical-switch': 'l', 'vtep-physical-switch': 'p' }, 400],
  ])('local_link_connection: %s', async (_what, link, status, shown = link) => {
    const node = await newNode(site)
    const made = await site.api('POST', '/v1/ports', {
      node_uuid: node,
      address: freshMac(),
      local_link_connection: link,
    })
    expect([made.status, made.text]).toEqual([status, expect.anything()])
    if (status === 201) expect(made.body.local_link_connection).toEqual(shown)
  })

  it('a smart NIC says its port and host', async () => {
    const node = await newNode(site)
    const body = { node_uuid: node, is_smartnic: true, local_link_connection: { port_id: 'rep0', hostname: 'nic1' } }
    expect(await statusOf(site.api('POST', '/v1/ports', { ...body, address: freshMac() }))).toBe(201)
    expect(
      await statusOf(site.api('POST', '/v1/ports', { ...body, address: freshMac(), local_link_connection: {} })),
    ).toBe(400)
  })

  it('keys of local_link_connection need their version', async () => {
    const node = await newNode(site)
    const post = (version: number, link: object) =>
      statusOf(
        site.api(
          'POST',
          '/v1/ports',
          { node_uuid: node, address: freshMac(), local_link_connection: link },
          { 'X-OpenStack-Ironic-API-Version': `1.${version}` },
        ),
      )
    const vtep = { port_id: '1', 'vtep-logical-switch': 'l', 'vtep-physical-switch': 'p' }
    expect([await post(63, { network_type: 'unmanaged' }), await post(64, { network_type: 'unmanaged' })]).toEqual([
      406, 201,
    ])
    const { 'vtep-physical-switch': _, ...half } = vtep
    expect(await post(90, half), 'both go together').toBe(400)
    expect(await post(90, { ...vtep, 'vtep-vni': '7' })).toBe(400)
    expect([await post(89, vtep), await post(90, vtep), await post(104, vtep), await post(105, vtep)]).toEqual([
      406, 201, 201, 400,
    ])
  })

  it('whose body is wrong and whose address is taken are told of the body first, as by Ironic', async () => {
    const node = await newNode(site)
    const { address } = await make('ports', node)
    const again = (more: object) => statusOf(site.api('POST', '/v1/ports', { node_uuid: node, address, ...more }))
    expect(await again({})).toBe(409)
    expect(await again({ local_link_connection: { port_id: '1', switch_id: 'zz' } })).toBe(400)
    expect(await again({ portgroup_uuid: crypto.randomUUID() })).toBe(400)
  })

  it('are found by name since 1.88', async () => {
    const node = await newNode(site)
    const { uuid, name } = await make('ports', node, { name: fresh('eth') })
    expect((await site.api('GET', `/v1/ports/${name}`)).body.uuid).toBe(uuid)
    const old = { 'X-OpenStack-Ironic-API-Version': '1.87' }
    expect(await statusOf(site.api('GET', `/v1/ports/${name}`, undefined, old))).toBe(400)
    const twin = await site.api('POST', '/v1/ports', { node_uuid: node, address: freshMac(), name })
    expect([twin.status, twin.body.detail]).toEqual([409, expect.stringContaining(name)])
  })

  it('are created for a node by its name since 1.94', async () => {
    const name = fresh('n')
    const node = await newNode(site, { name })
    const post = (body: object) => site.api('POST', '/v1/ports', { address: freshMac(), ...body })
    expect((await post({ node_ident: name })).body.node_uuid).toBe(node)
    expect(await statusOf(post({ node_ident: name, node_uuid: node }))).toBe(400)
    expect(await statusOf(post({}))).toBe(400)
  })

  it('are listed by node, portgroup and shard, one of these at a time', async () => {
    const node = await newNode(site, { shard: fresh('s'), name: fresh('n') })
    const { shard, name } = (await site.api('GET', `/v1/nodes/${node}`)).body
    const group = await make('portgroups', node)
    const { uuid } = await make('ports', node, { portgroup_uuid: group.uuid, description: 'Left of Two' })
    await make('ports', await newNode(site))
    const listed = async (path: string) =>
      (await site.api('GET', path)).body.ports.map((port: { uuid: string }) => port.uuid)
    for (const path of [
      `/v1/ports?node=${name}`,
      `/v1/ports?node_uuid=${node}`,
      `/v1/ports?portgroup=${group.uuid}`,
      `/v1/ports?shard=${shard.toUpperCase()},other`,
      '/v1/ports?description_contains=left',
      `/v1/nodes/${name}/ports`,
      `/v1/nodes/${name}/ports/detail`,
      `/v1/portgroups/${group.uuid}/ports`,
    ])
      expect([path, await listed(path)]).toEqual([path, [uuid]])
    expect((await listed('/v1/ports?conductor_groups=default')).includes(uuid)).toBe(true)
    expect(await listed('/v1/ports?conductor_groups=elsewhere')).toEqual([])
    for (const filter of ['node', 'node_uuid', 'portgroup'])
      expect([filter, await statusOf(site.api('GET', `/v1/ports?${filter}=${crypto.randomUUID()}`))]).toEqual([
        filter,
        404,
      ])
    const both = await site.api('GET', `/v1/ports?node=${name}&shard=${shard}`)
    expect([both.status, both.body.code]).toEqual([403, 'query.exclusive'])
  })

  it('go to another node of the site, but not in every state', async () => {
    const [from, to] = [await newNode(site), await newNode(site)]
    const { uuid } = await make('ports', from)
    expect((await patch(`/v1/ports/${uuid}`, { node_uuid: to })).body.node_uuid).toBe(to)
    await setNode(site, to, `provision_state = 'active'`)
    expect(await statusOf(patch(`/v1/ports/${uuid}`, { node_uuid: from }))).toBe(409)
    expect(await statusOf(patch(`/v1/ports/${uuid}`, { node_uuid: crypto.randomUUID() }))).toBe(400)
  })

  it('two changes of one port in the same moment both happen', async () => {
    const { uuid } = await make('ports', await newNode(site))
    await Promise.all(
      ['a', 'b', 'c', 'd'].map((key) =>
        site.api('PATCH', `/v1/ports/${uuid}`, [{ op: 'add', path: `/extra/${key}`, value: 1 }]),
      ),
    )
    expect((await site.api('GET', `/v1/ports/${uuid}`)).body.extra).toEqual({ a: 1, b: 1, c: 1, d: 1 })
  })

  it('a change reaches the conductor with the grant', async () => {
    const node = await newNode(site)
    const { uuid, address } = await make('ports', node)
    const granted = () =>
      site.conductor.received
        .flatMap((message) => (message.type === 'grants' ? message.add : []))
        .findLast((grant) => grant.node === node)?.ports
    await site.conductor.until(() => granted()?.length === 1)
    expect(granted()).toEqual([{ uuid, address, pxeEnabled: true }])
    await patch(`/v1/ports/${uuid}`, { pxe_enabled: false })
    await site.conductor.until(() => granted()?.[0]?.pxeEnabled === false)
    await site.api('DELETE', `/v1/ports/${uuid}`)
    await site.conductor.until(() => granted()?.length === 0)
  })
})

describe('portgroups', () => {
  it('have Ironic’s defaults and a link to their ports', async () => {
    const group = await make('portgroups', await newNode(site), { address: freshMac(), name: fresh('bond') })
    expect(group).toMatchObject({
      mode: 'active-backup',
      standalone_ports_supported: true,
      properties: {},
      dynamic_portgroup: false,
    })
    expect(group.ports[0].href).toBe(`${site.host.url}/v1/portgroups/${group.uuid}/ports`)
    expect((await site.api('GET', `/v1/portgroups/${group.name}`)).body.uuid).toBe(group.uuid)
  })

  it('with ports are not deleted, and their mode is not removed', async () => {
    const node = await newNode(site)
    const { uuid } = await make('portgroups', node)
    const port = await make('ports', node, { portgroup_uuid: uuid })
    expect(await statusOf(site.api('DELETE', `/v1/portgroups/${uuid}`))).toBe(400)
    expect(await statusOf(site.api('PATCH', `/v1/portgroups/${uuid}`, [{ op: 'remove', path: '/mode' }]))).toBe(400)
    await site.api('PATCH', `/v1/ports/${port.uuid}`, [{ op: 'remove', path: '/portgroup_uuid' }])
    expect(await statusOf(site.api('DELETE', `/v1/portgroups/${uuid}`))).toBe(204)
  })

  it('take ports of their own node, on one network, that boot only where they may stand alone', async () => {
    const [node, other] = [await newNode(site), await newNode(site)]
    const group = await make('portgroups', node, { standalone_ports_supported: false })
    const post = (more: object, of = node) =>
      statusOf(
        site.api('POST', '/v1/ports', { node_uuid: of, address: freshMac(), portgroup_uuid: group.uuid, ...more }),
      )
    expect(await post({ pxe_enabled: false }, other)).toBe(400)
    expect(await post({ portgroup_uuid: crypto.randomUUID() })).toBe(400)
    expect(await post({})).toBe(409)
    expect(await post({ pxe_enabled: false, physical_network: 'p1' })).toBe(201)
    expect(await post({ pxe_enabled: false, physical_network: 'p2' })).toBe(409)
  })

  it('filters exclude each other', async () => {
    expect(await statusOf(site.api('GET', `/v1/portgroups?address=${freshMac()}&shard=a`))).toBe(403)
    const node = await newNode(site, { shard: fresh('s') })
    const { uuid } = await make('portgroups', node)
    for (const path of [
      `/v1/portgroups?node=${node}`,
      `/v1/nodes/${node}/portgroups`,
      `/v1/nodes/${node}/portgroups/detail`,
    ])
      expect((await site.api('GET', path)).body.portgroups).toMatchObject([{ uuid }])
  })

  it('and ports go with their node', async () => {
    const node = await newNode(site)
    const [group, port] = [await make('portgroups', node), await make('ports', node)]
    expect(await statusOf(site.api('DELETE', `/v1/nodes/${node}`))).toBe(204)
    expect(await statusOf(site.api('GET', `/v1/portgroups/${group.uuid}`))).toBe(404)
    expect(await statusOf(site.api('GET', `/v1/ports/${port.uuid}`))).toBe(404)
  })
})
