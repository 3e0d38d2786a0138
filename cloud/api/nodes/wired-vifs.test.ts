// Networks of the instance of a node whose network interface wires it: what its conductor says of a VIF is heard, and nothing else of what it answers.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import { FaultError } from '../../../shared/faults.ts'
import { FAKE_DRIVER } from '../../hosts/test-conductor.ts'
import type { TestSite } from '../../hosts/test-site.ts'
import { freshMac, newNode, setNode } from '../testdata/samples.ts'

const driver = {
  ...FAKE_DRIVER,
  interfaces: { ...FAKE_DRIVER.interfaces, network: ['noop', 'wiring'] },
  wires: ['wiring'],
}

let site: TestSite
let facts: unknown
let plug: (method: string) => unknown
beforeAll(async () => {
  site = await startTestSite({
    drivers: [driver],
    answer: ({ method }) => (method === 'vif_facts' ? facts : plug(method)),
  })
})
afterAll(() => site.stop())

async function wired(): Promise<string> {
  const node = await newNode(site, { network_interface: 'wiring' })
  for (const physical_network of ['p1', 'p2'])
    await site.api('POST', '/v1/ports', { node_uuid: node, address: freshMac(), physical_network })
  return node
}
const attach = async (node: string) => (await site.api('POST', `/v1/nodes/${node}/vifs`, { id: 'v1' })).status
const places = async (node: string) =>
  (await site.api('GET', `/v1/nodes/${node}/ports?fields=physical_network,internal_info`)).body.ports as {
    physical_network: string
    internal_info: object
  }[]

it('the physical networks of a VIF choose its port', async () => {
  plug = () => null
  facts = { physical: ['p2'] }
  const node = await wired()
  expect(await attach(node)).toBe(204)
  expect(await places(node)).toMatchObject([
    { internal_info: {} },
    { physical_network: 'p2', internal_info: { tenant_vif_port_id: 'v1' } },
  ])
})

it.for([{ kind: 'node.delete' }, { vif: 'v2' }, { on: { table: 'port', uuid: 'x' } }, { physical: 'p1' }])(
  'a conductor cannot have another command carried out by what it answers: %j',
  async (more) => {
    plug = () => null
    const [node, other] = [await wired(), await newNode(site)]
    facts = { physical: ['p2'], node: other, ...more }
    expect(await attach(node)).toBe(204)
    expect((await site.api('GET', `/v1/nodes/${other}`)).status).toBe(200)
    expect((await site.api('GET', `/v1/nodes/${node}/vifs`)).body).toEqual({ vifs: [{ id: 'v1' }] })
  },
)

it('a VIF that could not be plugged in is attached to nothing', async () => {
  plug = () => {
    throw new FaultError('openstack.refused', 'no such network')
  }
  facts = { physical: [] }
  const node = await wired()
  expect(await attach(node)).toBeGreaterThanOrEqual(400)
  expect((await site.api('GET', `/v1/nodes/${node}/vifs`)).body).toEqual({ vifs: [] })
})

/** The network service refuses; meanwhile a task has begun to work on the node. */
const refusedBeside = (node: string) => async () => {
  await setNode(site, node, `task = '018f0000-0000-7000-8000-000000000000'`)
  throw new FaultError('openstack.refused', 'no such network')
}
const REFUSED = { status: 502, body: { code: 'openstack.refused' } }

it('a VIF that could not be plugged in is attached to nothing, also where work on the node has begun meanwhile', async () => {
  facts = { physical: [] }
  const node = await wired()
  plug = refusedBeside(node)
  expect(await site.api('POST', `/v1/nodes/${node}/vifs`, { id: 'v1' })).toMatchObject(REFUSED)
  expect((await site.api('GET', `/v1/nodes/${node}/vifs`)).body).toEqual({ vifs: [] })
})

it('a VIF that could not be unplugged stays attached where it was, also where work on the node has begun meanwhile', async () => {
  facts = { physical: ['p2'] }
  plug = () => null
  const node = await wired()
  await attach(node)
  const before = await places(node)
  plug = refusedBeside(node)
  expect(await site.api('DELETE', `/v1/nodes/${node}/vifs/v1`)).toMatchObject(REFUSED)
  expect(await places(node)).toEqual(before)
})

it('a port of whose change the network service wants nothing keeps its address, though it may not be changed any more', async () => {
  facts = { physical: ['p2'] }
  plug = () => null
  const node = await wired()
  await attach(node)
  const [, port] = (await site.api('GET', `/v1/nodes/${node}/ports/detail`)).body.ports as { uuid: string }[]
  plug = async () => {
    await setNode(site, node, `provision_state = 'active'`)
    throw new FaultError('openstack.refused', 'no such network')
  }
  const patch = [
    { op: 'add', path: '/address', value: freshMac() },
    { op: 'add', path: '/extra/client-id', value: '01:02' },
  ]
  expect(await site.api('PATCH', `/v1/ports/${port!.uuid}`, patch)).toMatchObject(REFUSED)
  expect((await site.api('GET', `/v1/ports/${port!.uuid}`)).body).toMatchObject(port!)
})
