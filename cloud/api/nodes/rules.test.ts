// Ironic's rules for creating, changing and deleting nodes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'
import { FAKE_DRIVER, fresh } from '../../hosts/test-conductor.ts'
import { newNode, setNode, write } from '../testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  const other = { ...FAKE_DRIVER, name: 'other', interfaces: { power: ['fake', 'other'], deploy: ['other'] } }
  site = await startTestSite({ drivers: [FAKE_DRIVER, other] })
})
afterAll(() => site.stop())
type Operation = { op: string; path: string; value?: unknown }
const patch = (uuid: string, ...operations: Operation[]) => site.api('PATCH', `/v1/nodes/${uuid}`, operations)
const set = (uuid: string, name: string, value: unknown) => patch(uuid, { op: 'add', path: `/${name}`, value })
const statusOf = async (reply: Promise<{ status: number }>) => (await reply).status

describe('a node is changed', () => {
  it.each([
    ['deploy failed', 'active', 200],
    ['clean failed', 'available', 200],
    ['inspect failed', 'manageable', 200],
    ['error', 'available', 200],
    ['service hold', 'active', 200],
    ['deploying', 'active', 409],
    ['wait call-back', 'active', 409],
    ['cleaning', 'available', 409],
    ['inspecting', 'manageable', 409],
    ['deploy hold', 'active', 409],
  ])('in "%s" on its way to %s: %i', async (state, target, status) => {
    const uuid = await newNode(site, {}, `provision_state = '${state}', target_provision_state = '${target}'`)
    expect(await statusOf(set(uuid, 'extra', { a: 1 }))).toBe(status)
  })

  it('on its way somewhere only by taking its instance away in maintenance', async () => {
    const changes = `provision_state = 'deploying', target_provision_state = 'active', maintenance = 1, instance_uuid = '${crypto.randomUUID()}'`
    const uuid = await newNode(site, {}, changes)
    const remove = { op: 'remove', path: '/instance_uuid' }
    expect(await statusOf(patch(uuid, remove, { op: 'add', path: '/extra/a', value: 1 }))).toBe(409)
    expect(await statusOf(patch(uuid, remove))).toBe(200)
  })

  it('while its inspection waits, but not while anything else works on it', async () => {
    const task = `task = '018f0000-0000-7000-8000-000000000000'`
    const waiting = await newNode(
      site,
      {},
      `provision_state = 'inspect wait', target_provision_state = 'manageable', ${task}`,
    )
    expect(await statusOf(set(waiting, 'extra', { a: 1 }))).toBe(200)
    const locked = await newNode(site, {}, `provision_state = 'manageable', ${task}`)
    expect((await set(locked, 'extra', { a: 1 })).body.code).toBe('node.locked')
  })

  it('its networks as OpenStack describes them, also by parts', async () => {
    const link = { id: 'nic0', type: 'phy', ethernet_mac_address: '52:54:00:00:00:01' }
    const network_data = { links: [link], networks: [{ id: 'n', type: 'ipv4_dhcp', link: 'nic0' }], services: [] }
    const body = { driver: 'fake-hardware', network_data: { links: [link], networks: [{ id: 'n', link: 'nic0' }] } }
    const refused = await site.api('POST', '/v1/nodes', body)
    expect([refused.status, refused.body.detail]).toEqual([
      400,
      expect.stringContaining('network_data.networks.0.type'),
    ])
    const uuid = await newNode(site, { network_data })
    expect((await site.api('GET', `/v1/nodes/${uuid}`)).body.network_data).toEqual(network_data)
    const mac = (value: string) =>
      patch(uuid, { op: 'replace', path: '/network_data/links/0/ethernet_mac_address', value })
    expect((await mac('52:54:00:00:00:02')).body.network_data.links[0].ethernet_mac_address).toBe('52:54:00:00:00:02')
    const part = await mac('nonsense')
    expect([part.status, part.body.detail]).toEqual([400, expect.stringContaining('links.0.ethernet_mac_address')])
    expect(await statusOf(patch(uuid, { op: 'remove', path: '/network_data/links/0' })), 'the network dangles').toBe(
      400,
    )
    expect((await patch(uuid, { op: 'remove', path: '/network_data' })).body.network_data).toEqual({})
  })

  it('by steps on its children, in a cleaning and a service', async () => {
    const parent = await newNode(site, {}, "provision_state = 'manageable'")
    const child = await newNode(site, { parent_node: parent })
    await site.conductor.granted(child)
    const steps = [
      { interface: 'power', step: 'power_on', execute_on_child_nodes: true, limit_child_node_execution: [child] },
    ]
    const verb = (body: object) => site.api('PUT', `/v1/nodes/${parent}/states/provision`, body, { Prefer: 'wait=50' })
    expect(await statusOf(verb({ target: 'active', deploy_steps: [{ ...steps[0], priority: 5 }] }))).toBe(400)
    const cleaned = await verb({ target: 'clean', clean_steps: steps })
    expect([cleaned.status, cleaned.body.provision_state]).toEqual([200, 'manageable'])
    const { tasks } = (await site.api('GET', `/v1/tasks?node=${child}`)).body
    expect(tasks).toMatchObject([{ kind: 'child', state: 'done' }])
  })

  it('its instance is not replaced by another', async () => {
    const uuid = await newNode(site)
    expect(await statusOf(set(uuid, 'instance_uuid', crypto.randomUUID()))).toBe(200)
    expect((await set(uuid, 'instance_uuid', crypto.randomUUID())).body).toMatchObject({
      status: 409,
      code: 'node.associated',
    })
    const { instance_uuid: taken } = (await site.api('GET', `/v1/nodes/${uuid}`)).body
    expect(await statusOf(set(await newNode(site), 'instance_uuid', taken))).toBe(409)
  })

  it('protected in active and rescue only, with a reason that goes with it', async () => {
    const uuid = await newNode(site)
    expect(await statusOf(set(uuid, 'protected', true))).toBe(409)
    expect(await statusOf(set(uuid, 'protected_reason', 'x'))).toBe(400)
    await setNode(site, uuid, `provision_state = 'active'`)
    const both = [
      { op: 'add', path: '/protected', value: true },
      { op: 'add', path: '/protected_reason', value: 'bank' },
    ]
    expect((await patch(uuid, ...both)).body).toMatchObject({ protected: true, protected_reason: 'bank' })
    await setNode(site, uuid, `provision_state = 'manageable'`)
    expect((await site.api('DELETE', `/v1/nodes/${uuid}`)).status).toBe(403)
    expect((await set(uuid, 'protected', false)).body).toMatchObject({ protected: false, protected_reason: null })
  })

  it('retired in every state but available', async () => {
    const uuid = await newNode(site, {}, `provision_state = 'available'`)
    expect(await statusOf(set(uuid, 'retired', true))).toBe(409)
    await setNode(site, uuid, `provision_state = 'active'`)
    expect(await statusOf(set(uuid, 'retired', true))).toBe(200)
  })

  it('its resource class and interfaces in some states only', async () => {
    const uuid = await newNode(site, { resource_class: 'a' }, `provision_state = 'active', maintenance = 1`)
    expect(await statusOf(set(uuid, 'resource_class', 'b'))).toBe(409)
    expect(await statusOf(set(uuid, 'deploy_interface', 'direct'))).toBe(200)
    await setNode(site, uuid, 'maintenance = 0')
    expect(await statusOf(set(uuid, 'deploy_interface', 'fake'))).toBe(409)
    await setNode(site, uuid, `provision_state = 'manageable'`)
    expect((await set(uuid, 'resource_class', 'b')).body.resource_class).toBe('b')
    const unclassed = await newNode(site, {}, `provision_state = 'active'`)
    expect(await statusOf(set(unclassed, 'resource_class', 'b'))).toBe(200)
  })

  it('28: a driver that lacks its interfaces is refused, unless they are reset', async () => {
    const uuid = await newNode(site)
    const to = [{ op: 'replace', path: '/driver', value: 'other' }]
    expect(await statusOf(patch(uuid, ...to))).toBe(400)
    const reset = (operations: Operation[], version = 112) =>
      site.api('PATCH', `/v1/nodes/${uuid}?reset_interfaces=true`, operations, {
        'X-OpenStack-Ironic-API-Version': `1.${version}`,
      })
    expect(await statusOf(reset(to, 44))).toBe(406)
    expect(await statusOf(reset([{ op: 'add', path: '/extra/a', value: 1 }]))).toBe(400)
    const named = { op: 'add', path: '/power_interface', value: 'other' }
    expect((await reset([...to, named])).body).toMatchObject({
      driver: 'other',
      deploy_interface: 'other',
      power_interface: 'other',
    })
  })

  it('its site stays: the group that it is in may be said, another is refused with what to do', async () => {
    const uuid = await newNode(site)
    const name = fresh('site')
    await site.api('POST', '/v1/sites', { name })
    expect(await statusOf(set(uuid, 'conductor_group', 'DEFAULT'))).toBe(200)
    const moved = await set(uuid, 'conductor_group', name)
    expect([moved.status, moved.body.hint]).toEqual([409, expect.stringContaining('delete it and create it')])
    expect(await statusOf(set(uuid, 'conductor_group', 'nowhere')), 'no site is called so').toBe(400)
    expect(await statusOf(patch(uuid, { op: 'remove', path: '/conductor_group' }))).toBe(200) // it has the one of nodes that name none
  })

  it('never powered off once it says so', async () => {
    const uuid = await newNode(site, { disable_power_off: true }, `provision_state = 'manageable'`)
    for (const target of ['power off', 'soft power off'])
      expect(await statusOf(site.api('PUT', `/v1/nodes/${uuid}/states/power`, { target }))).toBe(409)
    expect((await set(uuid, 'disable_power_off', false)).body.disable_power_off).toBe(false)
    expect(await statusOf(site.api('PUT', `/v1/nodes/${uuid}/states/power`, { target: 'power off' }))).toBe(202)
  })

  it('what belongs to the server is not its own to give', async () => {
    const uuid = await newNode(site)
    for (const name of [
      'boot_mode',
      'secure_boot',
      'console_enabled',
      'provision_state',
      'allocation_uuid',
      'health',
      'traits',
    ])
      expect([name, await statusOf(set(uuid, name, 'uefi'))]).toEqual([name, 400])
  })
})

describe('a node is created', () => {
  it('in enroll since 1.11, and available for older clients, as they know no other', async () => {
    const at = async (version: number) =>
      (
        await site.api(
          'POST',
          '/v1/nodes',
          { driver: 'fake-hardware' },
          { 'X-OpenStack-Ironic-API-Version': `1.${version}` },
        )
      ).body.provision_state
    expect([await at(1), await at(10), await at(11)]).toEqual([null, 'available', 'enroll'])
  })

  it('with everything that Ironic’s creation takes', async () => {
    const given = {
      name: fresh('metal3~host'), boot_mode: 'uefi', secure_boot: false, console_enabled: false, shard: 's1', instance_name: 'web-1',
      disable_power_off: true, maintenance: true, retired: true, retired_reason: 'old', owner: 'o', lessee: 'l', description: 'd',
      automated_clean: false, network_data: { links: [], networks: [] }, resource_class: 'r', deploy_interface: 'direct',
    } // prettier-ignore
    const { status, body } = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', ...given })
    expect([status, body]).toEqual([201, expect.objectContaining(given)])
    expect((await site.api('GET', `/v1/nodes?instance_name=web-1`)).body.nodes).toMatchObject([{ uuid: body.uuid }])
    expect(await statusOf(site.api('POST', '/v1/nodes', { driver: 'fake-hardware', protected: true }))).toBe(400)
    expect(await statusOf(site.api('POST', '/v1/nodes', { driver: 'fake-hardware', conductor_group: 'nowhere' }))).toBe(
      400,
    )
  })
})

describe('a node is deleted', () => {
  it('50: not with an instance, nor in a state that is under way, except in maintenance', async () => {
    const uuid = await newNode(site, {}, `provision_state = 'active', instance_uuid = '${crypto.randomUUID()}'`)
    const remove = () => statusOf(site.api('DELETE', `/v1/nodes/${uuid}`))
    expect(await remove()).toBe(409)
    await setNode(site, uuid, 'instance_uuid = NULL')
    expect(await remove()).toBe(409)
    await setNode(site, uuid, 'maintenance = 1')
    expect(await remove()).toBe(204)
  })

  it('leaves nothing of it behind, blobs included', async () => {
    const uuid = await newNode(site)
    const key = `sites/x/inventory-${uuid}`
    await site.host.blobs.put(key, new TextEncoder().encode('{}'))
    await write(site, `INSERT INTO inventories (node, inventory_blob, created_at) VALUES (?, ?, 'now')`, [uuid, key])
    await site.api('PUT', `/v1/nodes/${uuid}/traits/CUSTOM_A`)
    expect(await statusOf(site.api('DELETE', `/v1/nodes/${uuid}`))).toBe(204)
    const sql = site.host.store.organisation(site.enrolled.organisation)
    for (const table of ['inventories', 'node_traits'])
      expect([table, await sql.all(`SELECT * FROM ${table} WHERE node = ?`, [uuid])]).toEqual([table, []])
    expect(await site.host.blobs.get(key)).toBeNull()
  })
})
