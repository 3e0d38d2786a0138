// What Ironic takes although it need not: clients in the field send it. Seen beside a running Ironic 21.4.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { newNode, sample } from './testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  site = await startTestSite()
})
afterAll(() => site.stop())

it.each([
  ['nodes', ['extra', 'properties', 'driver_info', 'instance_info', 'network_data']],
  ['ports', ['extra', 'local_link_connection']],
  ['portgroups', ['extra', 'properties']],
  ['volume/connectors', ['extra']],
  ['volume/targets', ['extra', 'properties']],
  ['chassis', ['extra']],
  ['allocations', ['extra']],
  ['deploy_templates', ['extra']],
])('null for an object of %s is an empty one, at creation and in a patch', async (path, fields) => {
  const node = await newNode(site, {}, `power_state = 'power off'`)
  const nulls = Object.fromEntries(fields.map((name) => [name, null]))
  const empty = Object.fromEntries(fields.map((name) => [name, {}]))
  const made = await site.api('POST', `/v1/${path}`, { ...sample(path, node), ...nulls })
  expect([made.status, made.body]).toEqual([201, expect.objectContaining(empty)])
  if (path === 'allocations') return // their patch is a matter of their state
  const one = `/v1/${path}/${made.body.uuid}`
  const [name] = fields as [string]
  await site.api('PATCH', one, [{ op: 'add', path: `/${name}`, value: { a: { b: 1 } } }])
  const patched = await site.api('PATCH', one, [{ op: 'replace', path: `/${name}`, value: null }])
  expect([patched.status, patched.body]).toEqual([200, expect.objectContaining({ [name]: {} })])
})

it('null for a flag or the group of a node is what it has without', async () => {
  const body = { driver: 'fake-hardware', retired: null, disable_power_off: null, conductor_group: null }
  const made = await site.api('POST', '/v1/nodes', body)
  expect([made.status, made.body]).toEqual([201, expect.objectContaining({ retired: false, disable_power_off: false })])
  const patch = ['retired', 'protected'].map((name) => ({ op: 'add', path: `/${name}`, value: null }))
  const patched = await site.api('PATCH', `/v1/nodes/${made.body.uuid}`, patch)
  expect([patched.status, patched.body]).toEqual([200, expect.objectContaining({ retired: false, protected: false })])
})

it('null for smart NICs of a port is none', async () => {
  const node = await newNode(site)
  const link = { local_link_connection: { port_id: 'rep0', hostname: 'nic-1' } }
  const made = await site.api('POST', '/v1/ports', { ...sample('ports', node), ...link, is_smartnic: null })
  expect([made.status, made.body.is_smartnic]).toEqual([201, false])
  const change = (value: unknown) =>
    site.api('PATCH', `/v1/ports/${made.body.uuid}`, [{ op: 'add', path: '/is_smartnic', value }])
  expect((await change(true)).body.is_smartnic).toBe(true)
  const patched = await change(null)
  expect([patched.status, patched.body.is_smartnic]).toEqual([200, false])
})

it.each<[string, Record<string, string>]>([
  ['nodes', { automated_clean: 'False', maintenance: 'yes', retired: 'True', disable_power_off: 'on', console_enabled: 'n' }], // prettier-ignore
  ['ports', { pxe_enabled: 'False', is_smartnic: 'f', available_for_dynamic_portgroup: '0' }],
  ['portgroups', { standalone_ports_supported: 'False' }],
])('a flag of %s may be its text, as the openstack client says it', async (path, texts) => {
  const node = await newNode(site)
  const flags = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, /^(True|yes|on)$/.test(text)]))
  const made = await site.api('POST', `/v1/${path}`, { ...sample(path, node), ...texts })
  expect([made.status, made.body]).toEqual([201, expect.objectContaining(flags)])
  const [name] = Object.keys(texts) as [string]
  const one = `/v1/${path}/${made.body.uuid}`
  const patched = await site.api('PATCH', one, [{ op: 'add', path: `/${name}`, value: 'True' }])
  expect([patched.status, patched.body[name]]).toEqual([200, true])
  const none = await site.api('PATCH', one, [{ op: 'add', path: `/${name}`, value: 'maybe' }])
  expect([none.status, none.body.detail]).toEqual([400, `${name}: expected a boolean`])
})

it('null for the UUID of what is made is none', async () => {
  for (const path of ['nodes', 'ports', 'portgroups', 'chassis', 'deploy_templates']) {
    const made = await site.api('POST', `/v1/${path}`, { ...sample(path, await newNode(site)), uuid: null })
    expect([path, made.status, made.body.uuid]).toEqual([path, 201, expect.stringMatching(/^[0-9a-f-]{36}$/)])
  }
})

it('the allocation of a node, before there were any, is not there whatever the method', async () => {
  const path = `/v1/nodes/${await newNode(site)}/allocation`
  const old = { 'X-OpenStack-Ironic-API-Version': '1.51' }
  expect((await site.api('DELETE', path, undefined, old)).status).toBe(404)
})

it('a trait is added with an empty object as well as with nothing, and with nothing else', async () => {
  const path = `/v1/nodes/${await newNode(site)}/traits/CUSTOM_A`
  expect((await site.api('PUT', path, {})).status).toBe(204)
  expect((await site.api('PUT', path)).status).toBe(204)
  expect((await site.api('PUT', path, { a: 1 })).status).toBe(400)
  expect((await site.api('PUT', path, [])).status).toBe(400)
})

it('nodes of a chassis that is not there are 404, not none', async () => {
  const { status, body } = await site.api('GET', `/v1/nodes?chassis_uuid=${crypto.randomUUID()}`)
  expect([status, body.code]).toEqual([404, 'not_found'])
})

it('lengths are counted in characters, not in units of UTF-16', async () => {
  const owner = '𝔽'.repeat(255)
  const made = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', owner })
  expect([made.status, made.body.owner]).toEqual([201, owner])
  const longer = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', owner: `${owner}x` })
  expect([longer.status, longer.body.detail]).toEqual([400, 'owner: at most 255 characters are possible'])
})

it('an allocation without a resource class, or with an empty one, is refused unless it names its node', async () => {
  const { status, body } = await site.api('POST', '/v1/allocations', { resource_class: '' })
  expect([status, body.code]).toEqual([400, 'request.invalid'])
})
