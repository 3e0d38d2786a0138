// Every other resource as openstacksdk makes, finds, lists, changes and deletes it.
import { expect } from 'vitest'
import type { Story } from '../story.ts'
import type { Sdk } from './sdk.ts'

interface Resource {
  /** As methods name one, and many. */
  readonly one: string
  readonly many: string
  /** Where the API has it. */
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  /** By update_…, under the SDK's name for it and the API's. */
  readonly update: readonly [name: string, field: string, value: unknown]
  /** Has no find_…. */
  readonly unfound?: true
}

const steps = [{ interface: 'bios', step: 'factory_reset', args: {}, priority: 10 }]

const resourcesOf = (node: string): readonly Resource[] => [
  { one: 'chassis', many: 'chassis', path: 'chassis', body: { description: 'rack 7' }, update: ['description', 'description', 'rack 8'] }, // prettier-ignore
  { one: 'port_group', many: 'port_groups', path: 'portgroups', body: { node_id: node, name: 'bond', mode: '802.3ad', is_standalone_ports_supported: false }, update: ['is_standalone_ports_supported', 'standalone_ports_supported', true] }, // prettier-ignore
  { one: 'port', many: 'ports', path: 'ports', body: { node_id: node, address: '52:54:00:00:07:03', is_pxe_enabled: false, physical_network: 'p1' }, update: ['is_pxe_enabled', 'pxe_enabled', true] }, // prettier-ignore
  { one: 'volume_connector', many: 'volume_connectors', path: 'volume/connectors', body: { node_id: node, type: 'iqn', connector_id: 'iqn.2026-01.test:a' }, update: ['connector_id', 'connector_id', 'iqn.2026-01.test:b'] }, // prettier-ignore
  { one: 'volume_target', many: 'volume_targets', path: 'volume/targets', body: { node_id: node, volume_type: 'iscsi', boot_index: 0, volume_id: 'v' }, update: ['volume_id', 'volume_id', 'w'] }, // prettier-ignore
  { one: 'deploy_template', many: 'deploy_templates', path: 'deploy_templates', body: { name: 'CUSTOM_T', steps }, update: ['name', 'name', 'CUSTOM_U'], unfound: true }, // prettier-ignore
]

export async function resources(story: Story, sdk: Sdk): Promise<void> {
  const { baremetal } = sdk
  const node = await baremetal('create_node', [], {
    name: 'resources',
    driver: 'fake-hardware',
    resource_class: 'gold',
    provision_state: 'manageable',
  })
  for (const resource of resourcesOf(node.id)) await itsLife(resource, story, sdk)
  await story.api.provision(node.id, 'provide')
  await story.reach('available', node.id)
  await nodes(sdk)
  await allocations(story, sdk)
  await driversAndConductors(sdk)
}

async function itsLife({ one, many, path, body, update, unfound }: Resource, { api }: Story, sdk: Sdk): Promise<void> {
  const { baremetal, raises } = sdk
  const shown = (id: string) => api.call('GET', `/${path}/${id}`)
  const made = await baremetal(`create_${one}`, [], body)
  expect(made).toMatchObject(body)
  const { id } = made as { id: string }

  expect(await baremetal(`get_${one}`, [id])).toMatchObject({ id, ...body })
  const [name, field, value] = update
  expect(await baremetal(`get_${one}`, [id], { fields: [name] })).toMatchObject({
    [name]: body[name],
    created_at: null,
  })
  if (unfound === undefined) {
    expect(await baremetal(`find_${one}`, [id])).toMatchObject({ id })
    expect(await baremetal(`find_${one}`, [crypto.randomUUID()])).toBeNull()
  }
  expect(await baremetal(many, [], { details: true })).toContainEqual(expect.objectContaining({ id, ...body }))
  expect(await baremetal(many, [], { fields: ['id', 'extra'], limit: 1 })).toContainEqual(expect.objectContaining({ id, extra: {} })) // prettier-ignore

  expect(await baremetal(`update_${one}`, [id], { [name]: value })).toMatchObject({ [name]: value })
  expect(await baremetal(`patch_${one}`, [id, [{ op: 'add', path: '/extra/a', value: 1 }]])).toMatchObject({ extra: { a: 1 } }) // prettier-ignore
  expect(await shown(id)).toMatchObject({ [field]: value, extra: { a: 1 } })

  expect(await baremetal(`delete_${one}`, [id])).toMatchObject({ id })
  await expect(shown(id)).rejects.toMatchObject({ status: 404 })
  expect(await baremetal(`delete_${one}`, [id])).toBeNull()
  const gone = await raises('baremetal', `delete_${one}`, [id], { ignore_missing: false })
  expect(gone).toMatchObject({ raised: 'ResourceNotFound', status: 404 })
}

async function nodes({ baremetal }: Sdk): Promise<void> {
  expect(await baremetal('find_node', ['resources'])).toMatchObject({ name: 'resources' })
  expect(await baremetal('find_node', ['absent'])).toBeNull()
  const filters = { provision_state: 'available', resource_class: 'gold', driver: 'fake-hardware', is_maintenance: false, associated: false } // prettier-ignore
  expect(await baremetal('nodes', [], filters)).toMatchObject([{ name: 'resources', provision_state: 'available' }])
  expect(await baremetal('nodes', [], { ...filters, is_maintenance: true })).toEqual([])
  for (const name of ['page-a', 'page-b', 'page-c'])
    await baremetal('create_node', [], { name, driver: 'fake-hardware', provision_state: 'enroll' })
  const pages = (await baremetal('nodes', [], { details: true, limit: 1 })) as { name: string }[]
  expect(pages.map(({ name }) => name).sort()).toEqual(['page-a', 'page-b', 'page-c', 'resources'])
}

async function allocations({ api }: Story, { baremetal, raises }: Sdk): Promise<void> {
  const { id } = await baremetal('create_allocation', [], { name: 'one', resource_class: 'gold' })
  const active = await baremetal('wait_for_allocation', [id], { timeout: 30 })
  expect(active).toMatchObject({ name: 'one', state: 'active' })
  const { uuid, ...node } = await api.node('resources')
  expect([active.node_id, node['allocation_uuid'], node['instance_uuid']]).toEqual([uuid, id, id])
  expect(await baremetal('get_allocation', ['one'], { fields: ['name', 'state'] })).toMatchObject({ state: 'active' })
  expect(await baremetal('allocations', [], { node: 'resources', state: 'active' })).toMatchObject([{ id }])
  expect(await baremetal('update_allocation', ['one'], { extra: { a: 1 } })).toMatchObject({ extra: { a: 1 } })
  expect(await baremetal('patch_allocation', [id, [{ op: 'add', path: '/extra/b', value: 2 }]])).toMatchObject({ extra: { a: 1, b: 2 } }) // prettier-ignore

  // There is no second node of gold.
  const second = await baremetal('create_allocation', [], { resource_class: 'gold' })
  expect(await raises('baremetal', 'wait_for_allocation', [second.id], { timeout: 30 })).toMatchObject({ raised: 'ResourceFailure', said: expect.stringContaining('gold') }) // prettier-ignore
  expect(await baremetal('wait_for_allocation', [second.id], { ignore_error: true })).toMatchObject({ state: 'error' })
  for (const each of [second.id, 'one']) await baremetal('delete_allocation', [each])
  expect(await api.node('resources')).toMatchObject({ allocation_uuid: null, instance_uuid: null })
}

async function driversAndConductors({ baremetal, raises }: Sdk): Promise<void> {
  const fake = { name: 'fake-hardware', default_power_interface: 'fake', enabled_deploy_interfaces: expect.arrayContaining(['direct']) } // prettier-ignore
  expect(await baremetal('drivers', [], { details: true })).toMatchObject([fake])
  expect(await baremetal('get_driver', ['fake-hardware'])).toMatchObject(fake)
  expect(await baremetal('list_driver_vendor_passthru', ['fake-hardware'])).toEqual({})
  const none = await raises('baremetal', 'call_driver_vendor_passthru', ['fake-hardware', 'POST', 'nothing'])
  expect(none).toMatchObject({ raised: 'BadRequestException', status: 400, said: expect.stringContaining('nothing') })
  const [conductor] = await baremetal('conductors')
  expect(conductor).toMatchObject({ alive: true })
  expect(await baremetal('get_conductor', [conductor.hostname])).toMatchObject({ drivers: ['fake-hardware'] })
}
