// Networks of the instance of a node whose network interface wires it: what its conductor says of a VIF is heard, and nothing else of what it answers.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import { FaultError } from '../../../shared/faults.ts'
import { FAKE_DRIVER } from '../../hosts/test-conductor.ts'
import type { TestSite } from '../../hosts/test-site.ts'
import { freshMac, newNode } from '../testdata/samples.ts'

const driver = {
  ...FAKE_DRIVER,
  interfaces: { ...FAKE_DRIVER.interfaces, network: ['noop', 'wiring'] },
  wires: ['wiring'],
}

let site: TestSite
let facts: unknown
let plug: () => unknown
beforeAll(async () => {
  site = await startTestSite({
    drivers: [driver],
    answer: ({ method }) => (method === 'vif_facts' ? facts : method === 'vif_attach' ? plug() : null),
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
