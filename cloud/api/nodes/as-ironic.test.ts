// Answers about nodes that were once others than Ironic's, as a run beside a real one showed (e2e/ironic).
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'
import { fresh } from '../../hosts/test-conductor.ts'
import { newNode, setNode } from '../testdata/samples.ts'

let site: TestSite
let uuid: string
const withoutConsole = new Set<string>()
const name = fresh('as-ironic')
beforeAll(async () => {
  site = await startTestSite({
    answer({ node, interface: iface, method }) {
      if (method === 'get_supported_indicators') return [{ name: 'led-0@chassis', readonly: false, states: ['off'] }]
      if (iface === 'console' && withoutConsole.has(node)) throw new Error('it has none')
    },
  })
  uuid = await newNode(site, { name })
  await site.conductor.granted(uuid)
})
afterAll(() => site.stop())

const at = (minor: number) => ({ 'X-OpenStack-Ironic-API-Version': `1.${minor}` })

it('network data of no links is none that a patch can write; null takes it away, and a new node may say that it has none', async () => {
  const patch = (value: unknown) =>
    site.api('PATCH', `/v1/nodes/${uuid}`, [{ op: 'add', path: '/network_data', value }])
  const refused = await patch({})
  expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining('links')])
  const cleared = await patch(null)
  expect([cleared.status, cleared.body.network_data]).toEqual([200, {}])
  const make = (value: object) => site.api('POST', '/v1/nodes', { driver: 'fake-hardware', network_data: value })
  const made = await make({})
  expect([made.status, made.body.network_data]).toEqual([201, {}])
  expect((await make({ networks: [] })).status).toBe(400)
  await site.api('DELETE', `/v1/nodes/${made.body.uuid}`)
})

it('the conductor group without a name is that of nodes which name none', async () => {
  const other = await site.api('POST', '/v1/sites', { name: 'elsewhere' })
  const away = await newNode(site, {}, `site = '${other.body.uuid}'`)
  expect((await site.api('GET', '/v1/nodes?conductor_group=elsewhere')).body.nodes).toMatchObject([{ uuid: away }])
  const { body } = await site.api('GET', '/v1/nodes?conductor_group=')
  expect(body.nodes.map((node: { uuid: string }) => node.uuid)).toEqual([uuid])
})

it('the group without a name may be written where it is the node’s own, and nowhere else', async () => {
  const group = (node: string) =>
    site.api('PATCH', `/v1/nodes/${node}`, [{ op: 'replace', path: '/conductor_group', value: '' }])
  expect((await group(uuid)).status).toBe(200)
  const [away] = (await site.api('GET', '/v1/nodes?conductor_group=elsewhere')).body.nodes
  expect((await group(away.uuid)).status).toBe(409)
})

it('ports of a node_uuid that is no UUID cannot be asked for: 400', async () => {
  const asked = (node: string) => site.api('GET', `/v1/ports?node_uuid=${node}`)
  expect([(await asked('zzz')).status, (await asked(uuid)).status]).toEqual([400, 200])
  expect((await asked(crypto.randomUUID())).status).toBe(404)
})

it('allocations of a node that is not there cannot be asked for: 400', async () => {
  const { status, body } = await site.api('GET', '/v1/allocations?node=absent')
  expect([status, body.detail]).toEqual([400, expect.stringContaining('absent')])
})

it.each(['', '/states', '/ports'])('a node by its name, before there were names, is not found (%s)', async (below) => {
  expect((await site.api('GET', `/v1/nodes/${name}${below}`, undefined, at(4))).status).toBe(404)
  expect((await site.api('GET', `/v1/nodes/${name}${below}`, undefined, at(5))).status).toBe(200)
})

it('the address of an indicator has its name as it is', async () => {
  const { indicators } = (await site.api('GET', `/v1/nodes/${uuid}/management/indicators`)).body
  const hrefs = indicators[0].links.map(({ href }: { href: string }) => href)
  const path = `nodes/${uuid}/management/indicators/led-0@chassis`
  expect(hrefs).toEqual([`${site.host.url}/v1/${path}`, `${site.host.url}/${path}`])
})

it('where a console is watched: at the console', async () => {
  const { status, headers } = await site.api('PUT', `/v1/nodes/${uuid}/states/console`, { enabled: false })
  expect([status, headers.get('location')]).toEqual([
    202,
    expect.stringMatching(/\/v1\/nodes\/[^/]+\/states\/console$/),
  ])
})

it('a console that is on can be switched off, also where the machine has none', async () => {
  const node = await newNode(site)
  withoutConsole.add(node)
  await setNode(site, node, 'console_enabled = 1')
  const turn = async (enabled: boolean | null) =>
    (await site.api('PUT', `/v1/nodes/${node}/states/console`, { enabled })).status
  expect([await turn(true), await turn(null), await turn(false), await turn(false)]).toEqual([400, 400, 202, 400])
  expect((await site.api('GET', `/v1/nodes/${node}`)).body.console_enabled).toBe(false)
})

it('what can be no name is 400, also before there were names', async () => {
  for (const below of ['', '/states', '/ports'])
    expect((await site.api('GET', `/v1/nodes/bad%20name${below}`, undefined, at(3))).status).toBe(400)
  const verb = await site.api('PUT', '/v1/nodes/bad%20name/states/provision', { target: 'manage' }, at(3))
  expect([verb.status, verb.body.detail]).toEqual([400, expect.stringContaining('bad name')])
})

it('what logical disks of a driver may have is newer than 1.11: 406', async () => {
  const asked = (minor: number) =>
    site.api('GET', '/v1/drivers/absent/raid/logical_disk_properties', undefined, at(minor))
  expect([(await asked(11)).status, (await asked(12)).status]).toEqual([406, 404])
})

it('a name to validate is newer than 1.4: 406', async () => {
  const asked = (ident: string, minor: number) =>
    site.api('GET', `/v1/nodes/validate?node=${ident}`, undefined, at(minor))
  expect([(await asked(name, 4)).status, (await asked(name, 5)).status, (await asked(uuid, 4)).status]).toEqual([406, 200, 200]) // prettier-ignore
})

it.each(['retired', 'protected'])('an empty reason needs no node that is %s', async (flag) => {
  const patch = (value: string) => [{ op: 'add', path: `/${flag}_reason`, value }]
  expect((await site.api('PATCH', `/v1/nodes/${uuid}`, patch(''))).status).toBe(200)
  expect((await site.api('PATCH', `/v1/nodes/${uuid}`, patch('x'))).status).toBe(400)
})

it('the shard with the most nodes is the first', async () => {
  for (const shard of ['b', 'b', 'b', 'b', 'a']) await newNode(site, { shard })
  const { shards } = (await site.api('GET', '/v1/shards')).body
  const counts = shards.map(({ count }: { count: number }) => count)
  expect(counts).toEqual(counts.toSorted((a: number, b: number) => b - a))
  expect(shards[0]).toEqual({ name: 'b', count: 4 })
})

it('the owner of a node that is allocated to an owner stays', async () => {
  const node = await newNode(site)
  const allocation = (await site.api('POST', '/v1/allocations', { resource_class: 'none', owner: 'me' })).body.uuid
  await setNode(site, node, `allocation = '${allocation}', owner = 'me'`)
  const patch = (path: string) => site.api('PATCH', `/v1/nodes/${node}`, [{ op: 'add', path, value: 'you' }])
  const owner = await patch('/owner')
  expect([owner.status, owner.body.detail]).toEqual([409, expect.stringContaining(allocation)])
  expect((await patch('/lessee')).status).toBe(200)
})

it('a node whose console is on keeps its driver', async () => {
  const node = await newNode(site)
  await setNode(site, node, 'console_enabled = 1')
  const patch = await site.api('PATCH', `/v1/nodes/${node}`, [{ op: 'replace', path: '/driver', value: 'ipmi' }])
  expect([patch.status, patch.body.detail]).toEqual([409, expect.stringContaining('console')])
})

it('an instance is called what nova shows, from the beginning and whenever that changes', async () => {
  const named = async (...patch: object[]) =>
    (await site.api('PATCH', `/v1/nodes/${node}`, patch)).body.instance_name as string | null
  const shown = (value: string) => ({ op: 'add', path: '/instance_info/display_name', value })
  const made = await site.api('POST', '/v1/nodes', {
    driver: 'fake-hardware',
    instance_info: { display_name: 'web' },
  })
  const node = made.body.uuid as string
  expect(made.body.instance_name).toBe('web')
  expect(await named(shown('db'))).toBe('db')
  expect(await named({ op: 'add', path: '/instance_info/other', value: 1 })).toBe('db')
  expect(await named(shown('x'), { op: 'add', path: '/instance_name', value: 'mail' })).toBe('mail')
  expect(await named(shown('z')), 'one that somebody chose stays').toBe('mail')
  const remove = { op: 'remove', path: '/instance_name' }
  expect(await named(remove, { op: 'add', path: '/instance_info/other', value: 2 })).toBeNull()
  expect(await named({ op: 'add', path: '/instance_info/other', value: 3 })).toBeNull()
  expect(await named(shown('y'))).toBe('y')
  expect(await named({ op: 'remove', path: '/instance_info/display_name' })).toBeNull()
  const both = await site.api('POST', '/v1/nodes', {
    driver: 'fake-hardware',
    instance_info: { display_name: 'web' },
    instance_name: 'own',
  })
  expect(both.body.instance_name).toBe('own')
})

it('names are those of hosts below 1.10', async () => {
  const make = (given: string, minor: number) =>
    site.api('POST', '/v1/nodes', { driver: 'fake-hardware', name: given }, at(minor))
  for (const given of ['a_b', 'a~b', '-a', 'a..b', 'True', 'a.B']) {
    const old = await make(given, 9)
    expect([given, old.status, old.body.detail]).toEqual([given, 400, expect.stringContaining('host')])
  }
  expect((await make('a_b', 10)).status).toBe(201)
  const { uuid: node } = (await make('host-1.example.org', 9)).body
  const rename = (value: string, minor: number) =>
    site.api('PATCH', `/v1/nodes/${node}`, [{ op: 'replace', path: '/name', value }], at(minor))
  expect([(await rename('c_d', 9)).status, (await rename('c_d', 10)).status]).toEqual([400, 200])
})

it('secrets in the arguments of the steps under way are shown as ******', async () => {
  const step = { interface: 'bios', step: 'x', args: { password: 'hidden', n: [1] } }
  const json = (value: unknown) => `'${JSON.stringify(value)}'`
  const info = { clean_steps: [step], agent_token: 'hidden', fence: 'session' }
  const steps = ['clean_step', 'deploy_step', 'service_step']
  const set = [...steps.map((name) => `${name} = ${json(step)}`), `driver_internal_info = ${json(info)}`]
  const node = await newNode(site, {}, set.join(', '))
  const { body, text } = await site.api('GET', `/v1/nodes/${node}`)
  const shown = { ...step, args: { password: '******', n: [1] } }
  for (const name of steps) expect([name, body[name]]).toEqual([name, shown])
  expect(body.driver_internal_info).toEqual({ clean_steps: [shown], agent_token: '******', fence: 'session' })
  expect(text).not.toContain('hidden')
})

it('before 1.25 a node may leave its chassis within a patch that puts it into one again', async () => {
  const { uuid: chassis } = (await site.api('POST', '/v1/chassis', {})).body
  const node = await newNode(site, { chassis_uuid: chassis })
  const leave = { op: 'remove', path: '/chassis_uuid' }
  const patch = (operations: unknown) => site.api('PATCH', `/v1/nodes/${node}`, operations, at(24))
  expect((await patch([leave, { ...leave, op: 'add', value: chassis }])).status).toBe(200)
  expect((await patch([{ ...leave, op: 'add', value: chassis }, leave])).status).toBe(406)
  const free = await newNode(site)
  expect((await site.api('PATCH', `/v1/nodes/${free}`, [leave], at(24))).status).toBe(200)
})
