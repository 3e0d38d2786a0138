import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'
import { fresh } from '../../hosts/test-conductor.ts'
import { freshMac, newNode, setNode, write } from '../testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  site = await startTestSite()
})
afterAll(() => site.stop())
const status = async (method: string, path: string, body?: unknown, version?: number) =>
  (await site.api(method, path, body, version ? { 'X-OpenStack-Ironic-API-Version': `1.${version}` } : {})).status
const TASK = `task = '018f0000-0000-7000-8000-000000000000'`

describe('traits', () => {
  it('44: are replaced, added and removed', async () => {
    const name = fresh('n')
    const node = await newNode(site, { name })
    const at = `/v1/nodes/${name}/traits`
    expect((await site.api('GET', at)).body).toEqual({ traits: [] })
    expect(await status('PUT', at, { traits: ['CUSTOM_B', 'CUSTOM_A', 'CUSTOM_A'] })).toBe(204)
    const one = await site.api('PUT', `${at}/HW_CPU_X86_VMX`)
    expect([one.status, one.headers.get('location')]).toEqual([204, `${site.host.url}${at}/HW_CPU_X86_VMX`])
    expect((await site.api('GET', at)).body).toEqual({ traits: ['CUSTOM_A', 'CUSTOM_B', 'HW_CPU_X86_VMX'] })
    expect((await site.api('GET', `/v1/nodes/${node}?fields=traits`)).body.traits).toHaveLength(3)
    expect(await status('DELETE', `${at}/CUSTOM_B`)).toBe(204)
    expect(await status('DELETE', `${at}/CUSTOM_B`)).toBe(404)
    expect(await status('DELETE', at)).toBe(204)
    expect((await site.api('GET', at)).body).toEqual({ traits: [] })
  })

  it('have a form, and one node has 50 at most', async () => {
    const node = await newNode(site)
    const at = `/v1/nodes/${node}/traits`
    for (const trait of ['custom_a', 'CUSTOM_', 'CUSTOM-A', 'X', `CUSTOM_${'A'.repeat(255)}`])
      expect([trait, await status('PUT', `${at}/${trait}`)]).toEqual([trait, 400])
    expect(await status('PUT', at, { traits: 'CUSTOM_A' })).toBe(400)
    expect(await status('PUT', at, {})).toBe(400)
    expect(await status('PUT', `${at}/CUSTOM_A`, { a: 1 })).toBe(400)
    const many = Array.from({ length: 51 }, (_, i) => `CUSTOM_T${i}`)
    expect(await status('PUT', at, { traits: many })).toBe(400)
    expect(await status('PUT', at, { traits: many.slice(0, 49) })).toBe(204)
    // Both come into one turn, which has room for one.
    const both = await Promise.all(['CUSTOM_X', 'CUSTOM_Y'].map((trait) => status('PUT', `${at}/${trait}`)))
    expect(both.sort()).toEqual([204, 400])
  })

  it('of a node that is worked on stay', async () => {
    const node = await newNode(site, {}, TASK)
    expect(await status('PUT', `/v1/nodes/${node}/traits`, { traits: ['CUSTOM_A'] })).toBe(409)
  })
})

describe('networks of the instance', () => {
  const port = async (node: string, more: object = {}) =>
    (await site.api('POST', '/v1/ports', { node_uuid: node, address: freshMac(), ...more })).body.uuid as string
  const attach = (node: string, id: string, more: object = {}) =>
    site.api('POST', `/v1/nodes/${node}/vifs`, { id, ...more })

  it('53: take ports in Ironic’s order, each once, and are shown in internal_info', async () => {
    const node = await newNode(site)
    expect((await site.api('GET', `/v1/nodes/${node}/vifs`)).body).toEqual({ vifs: [] })
    expect((await attach(node, 'v0')).status).toBe(400)
    const quiet = await port(node, { pxe_enabled: false })
    const boots = await port(node)
    expect((await attach(node, 'v1', { anything: 'else' })).status).toBe(204)
    expect((await attach(node, 'v1')).status).toBe(409)
    expect((await attach(node, 'v2')).status).toBe(204)
    expect((await attach(node, 'v3')).status).toBe(400)
    const info = async (uuid: string) => (await site.api('GET', `/v1/ports/${uuid}`)).body.internal_info
    expect([await info(boots), await info(quiet)]).toEqual([{ tenant_vif_port_id: 'v1' }, { tenant_vif_port_id: 'v2' }])
    expect((await site.api('GET', `/v1/nodes/${node}/vifs`)).body.vifs).toEqual(
      expect.arrayContaining([{ id: 'v1' }, { id: 'v2' }]),
    )
    expect(await status('DELETE', `/v1/ports/${boots}`)).toBe(409)
    expect(await status('DELETE', `/v1/nodes/${node}/vifs/v1`)).toBe(204)
    expect(await status('DELETE', `/v1/nodes/${node}/vifs/v1`)).toBe(400)
    expect(await info(boots)).toEqual({})
    expect(await status('DELETE', `/v1/ports/${boots}`)).toBe(204)
    await setNode(site, node, 'maintenance = 1')
    expect(await status('DELETE', `/v1/ports/${quiet}`)).toBe(204)
  })

  it('a portgroup with ports goes first, and then none of its members is free', async () => {
    const node = await newNode(site)
    const group = (await site.api('POST', '/v1/portgroups', { node_uuid: node })).body.uuid
    await port(node, { portgroup_uuid: group })
    expect((await attach(node, 'bonded')).status).toBe(204)
    expect((await site.api('GET', `/v1/portgroups/${group}`)).body.internal_info).toEqual({
      tenant_vif_port_id: 'bonded',
    })
    expect((await attach(node, 'second')).status).toBe(400)
  })

  it('a port may be named since 1.67: one that is the node’s and free', async () => {
    const [node, other] = [await newNode(site), await newNode(site)]
    const [mine, theirs] = [await port(node, { pxe_enabled: false }), await port(other)]
    await port(node)
    expect((await attach(node, 'a', { port_uuid: theirs })).status).toBe(400)
    expect((await attach(node, 'a', { port_uuid: mine, portgroup_uuid: mine })).status).toBe(400)
    expect(await status('POST', `/v1/nodes/${node}/vifs`, { id: 'a', port_uuid: mine }, 66)).toBe(406)
    expect((await attach(node, 'a', { port_uuid: mine })).status).toBe(204)
    expect((await attach(node, 'b', { port_uuid: mine })).status).toBe(409)
    expect((await site.api('GET', `/v1/ports/${mine}`)).body.internal_info).toEqual({ tenant_vif_port_id: 'a' })
  })

  it('two that are attached in one moment do not get one port', async () => {
    const node = await newNode(site)
    await port(node)
    const both = await Promise.all(['x', 'y'].map(async (vif) => (await attach(node, vif)).status))
    expect(both.sort()).toEqual([204, 400])
    await setNode(site, node, TASK)
    expect((await attach(node, 'z')).status).toBe(409)
  })
})

describe('inventory', () => {
  it('54: is 404 until there is one, then what the inspection found', async () => {
    const node = await newNode(site)
    const absent = await site.api('GET', `/v1/nodes/${node}/inventory`)
    expect([absent.status, absent.body.detail]).toEqual([404, expect.stringContaining('inspect')])
    const put = (key: string, value: unknown) =>
      site.host.blobs.put(key, new TextEncoder().encode(JSON.stringify(value)))
    const inventory = { cpu: { count: 4 }, disks: [{ name: '/dev/sda', model: 'Ünïcode' }] }
    await put(`i/${node}`, inventory)
    await write(site, `INSERT INTO inventories (node, inventory_blob, created_at) VALUES (?, ?, 'now')`, [
      node,
      `i/${node}`,
    ])
    expect((await site.api('GET', `/v1/nodes/${node}/inventory`)).body).toEqual({ inventory, plugin_data: {} })
    await put(`p/${node}`, { boot_interface: 'x' })
    await write(site, 'UPDATE inventories SET plugin_data_blob = ? WHERE node = ?', [`p/${node}`, node])
    expect((await site.api('GET', `/v1/nodes/${node}/inventory`)).body).toEqual({
      inventory,
      plugin_data: { boot_interface: 'x' },
    })
    await site.host.blobs.delete(`i/${node}`)
    expect(await status('GET', `/v1/nodes/${node}/inventory`)).toBe(404)
  })
})

describe('children', () => {
  it('are hidden from lists that do not ask for them', async () => {
    const name = fresh('parent')
    const owner = fresh('o')
    const parent = await newNode(site, { name, owner })
    const child = await newNode(site, { parent_node: name, owner })
    const uuids = async (query: string, version?: number) =>
      (
        await site.api(
          'GET',
          `/v1/nodes?owner=${owner}${query}`,
          undefined,
          version ? { 'X-OpenStack-Ironic-API-Version': `1.${version}` } : {},
        )
      ).body.nodes.map((node: { uuid: string }) => node.uuid)
    expect((await site.api('GET', `/v1/nodes/${child}`)).body.parent_node).toBe(parent)
    expect([await uuids(''), await uuids('', 82)]).toEqual([[parent], [parent]])
    expect(await uuids('&include_children=true')).toEqual([parent, child])
    expect(await uuids('&include_children=false')).toEqual([parent])
    expect(await uuids(`&parent_node=${name}`)).toEqual([child])
    expect((await site.api('GET', `/v1/nodes/${name}/children`)).body).toMatchObject({
      children: [child],
      links: [{ rel: 'self' }, { rel: 'bookmark' }],
    })
    expect((await site.api('GET', `/v1/nodes/${child}/children`)).body.children).toEqual([])
  })

  it('have one level, and keep their parent', async () => {
    const [parent, child] = [await newNode(site), await newNode(site)]
    const set = (node: string, value: unknown) =>
      status('PATCH', `/v1/nodes/${node}`, [{ op: 'add', path: '/parent_node', value }])
    expect(await set(child, parent)).toBe(200)
    expect(await set(parent, parent)).toBe(400)
    expect(await set(parent, child)).toBe(400)
    expect(await set(await newNode(site), child)).toBe(400)
    expect(await set(child, 'nobody')).toBe(400)
    expect(await status('POST', '/v1/nodes', { driver: 'fake-hardware', parent_node: 'nobody' })).toBe(400)
    expect(await status('DELETE', `/v1/nodes/${parent}`)).toBe(409)
    expect(await status('PATCH', `/v1/nodes/${child}`, [{ op: 'remove', path: '/parent_node' }])).toBe(200)
    expect(await status('DELETE', `/v1/nodes/${parent}`)).toBe(204)
  })
})

describe('shards', () => {
  it('55: are counted, those without under None, and filtered by', async () => {
    const shard = fresh('shard')
    const nodes = [await newNode(site, { shard }), await newNode(site, { shard })]
    const none = await newNode(site)
    const { shards } = (await site.api('GET', '/v1/shards')).body
    expect(shards).toContainEqual({ name: shard, count: 2 })
    expect(shards.find((each: { name: string }) => each.name === 'None').count).toBeGreaterThan(0)
    const uuids = async (query: string) =>
      (await site.api('GET', `/v1/nodes?${query}`)).body.nodes.map((node: { uuid: string }) => node.uuid)
    expect(await uuids(`shard=${shard.toUpperCase()},else`)).toEqual(nodes)
    expect(await uuids('sharded=true')).toEqual(expect.arrayContaining(nodes))
    expect(await uuids('sharded=true')).not.toContain(none)
    expect(await uuids('sharded=false')).toContain(none)
  })
})

describe('events of networking', () => {
  const event = {
    event: 'network.bind_port',
    port_id: crypto.randomUUID(),
    mac_address: '52:54:00:00:00:01',
    status: 'ACTIVE',
  }
  it('64: are taken when they are well-formed', async () => {
    expect(
      await status('POST', '/v1/events', {
        events: [event, { ...event, 'binding:host_id': 'h', device_id: event.port_id }],
      }),
    ).toBe(204)
    for (const events of [
      undefined,
      [],
      [{}],
      [{ ...event, event: 'network.explode' }],
      [{ ...event, zzz: 1 }],
      [{ ...event, mac_address: 'x' }],
      'x',
    ])
      expect([events, await status('POST', '/v1/events', { events })]).toEqual([events, 400])
    expect(await status('POST', '/v1/events', { events: [event] }, 53)).toBe(404)
  })
})
