// A machine on Neutron's networks whose conductor dies in the middle of a change, or whose Neutron is away. Neutron is one in memory here, so that it can stop
// at any point.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { FakeNeutron } from '../../site-conductor/network/neutron/fake-neutron.ts'
import { fakeKeystone } from '../../site-conductor/openstack/fake-keystone.ts'
import { startStory, type Story } from '../story.ts'

interface Told extends Story {
  readonly neutron: FakeNeutron
  readonly uuid: string
  /** Addresses of the Neutron ports that are there for the machine, by network. */
  where(): [network: unknown, mac: unknown][]
}

const MAC = '52:54:00:0a:00:01'

async function told(
  context: TestContext,
  conductor: 'inside' | 'process',
  act: (told: Told) => Promise<void>,
): Promise<void> {
  const neutron = new FakeNeutron()
  const keystone = await fakeKeystone({ network: neutron.answer })
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-neutron-faults-'))
  const [file, secretFile] = [join(folder, 'openstack.json'), join(folder, 'secret')]
  await writeFile(secretFile, 'secret')
  const networks = { provisioning: 'prov', cleaning: 'clean', servicing: 'prov' }
  const login = { authUrl: keystone.authUrl, username: 'ferrule', project: 'service', secretFile, region: 'east' }
  await writeFile(file, JSON.stringify({ ...login, retries: 1, timeoutS: 2, neutron: { networks } }))
  try {
    const conductorConfig = { boot: false, drivers: ['fake-hardware'], openstackFile: file }
    await using story = await startStory(context, { machines: 0, conductor, conductorConfig })
    const { api } = story
    const wanted = { driver: 'fake-hardware', network_interface: 'neutron' }
    const { uuid } = (await api.call('POST', '/nodes', wanted)) as { uuid: string }
    const local_link_connection = { switch_id: '0a:1b:2c:3d:4e:5f', port_id: 'Ethernet1/1' }
    await api.call('POST', '/ports', { node_uuid: uuid, address: MAC, local_link_connection })
    await api.provision(uuid, 'manage')
    await story.reach('manageable', uuid)
    const where = () => neutron.ports.map((port): [unknown, unknown] => [port['network_id'], port['mac_address']])
    await act(Object.assign(Object.create(story) as Story, { neutron, uuid, where }))
  } finally {
    await keystone.close()
    await rm(folder, { recursive: true })
  }
}

/** The next request of that method stops Neutron, before or after it has done it, until `reached` has been heard. */
function stopAt(neutron: FakeNeutron, method: string, at: 'before' | 'after'): Promise<void> {
  return new Promise((reached) => {
    neutron.instead = (request, done) => {
      if (request.method !== method) return undefined
      if (at === 'after') done()
      neutron.instead = () => undefined
      reached()
      return 'silence'
    }
  })
}

for (const [method, at] of [
  ['POST', 'before'],
  ['POST', 'after'],
  ['DELETE', 'before'],
  ['DELETE', 'after'],
] as const)
  test.concurrent(`a conductor killed ${at} Neutron's ${method} of a port finishes the cleaning and leaves none`, async (context) => {
    await told(context, 'process', async ({ neutron, api, uuid, site, reach, where }) => {
      const stopped = stopAt(neutron, method, at)
      await api.provision(uuid, 'provide')
      await stopped
      await site.conductor.kill()
      const created = () => neutron.changes.filter((change) => change === 'POST /ports').length
      const before = created()
      await site.conductor.start()
      await reach('available', uuid)
      expect(where()).toEqual([])
      expect(created() - before, 'what is there is not made again').toBe(method === 'POST' && at === 'before' ? 1 : 0)
    })
  })

test.concurrent('a Neutron that is away fails the cleaning with its words, and the next one is well', async (context) => {
  await told(context, 'inside', async ({ neutron, api, uuid, fail, reach, where }) => {
    neutron.instead = ({ method }) =>
      method === 'GET' ? undefined : { status: 503, body: { message: 'no server is available' } }
    await api.provision(uuid, 'provide')
    const { last_error: why } = await fail('clean failed', uuid)
    expect(why).toContain(
      'network.add_cleaning_network failed: Neutron answered POST /ports with 503: no server is available',
    )
    neutron.instead = () => undefined
    await api.provision(uuid, 'manage')
    await reach('manageable', uuid)
    await api.provision(uuid, 'provide')
    await reach('available', uuid)
    expect(where()).toEqual([])
  })
})

test.concurrent('a Neutron that never answers ends a deployment, whose machine is off and on no network', async (context) => {
  await told(context, 'inside', async ({ neutron, api, uuid, fail, reach, until, where }) => {
    await api.provision(uuid, 'provide')
    await reach('available', uuid)
    const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
    await api.call('POST', `/nodes/${uuid}/vifs`, { id: vif.id })
    neutron.instead = ({ method, path }) => (method === 'PUT' && path.includes(vif.id) ? 'silence' : undefined)
    await api.provision(uuid, 'active')
    const failed = await fail('deploy failed', uuid)
    expect(failed.last_error).toContain('network.configure_tenant_networks failed: Neutron at ')
    expect(failed.last_error).toContain('no answer within 2 s')
    neutron.instead = () => undefined
    await until('the end of what follows', async () => (await api.node(uuid))['power_state'] === 'power off')
    expect(where()).toEqual([['n-tenant', expect.anything()]])
    await api.provision(uuid, 'active')
    await reach('active', uuid)
    expect(where()).toEqual([['n-tenant', MAC]])
  })
})

test.concurrent('a VIF that Neutron does not have, or cannot be asked about, is not attached', async (context) => {
  await told(context, 'inside', async ({ neutron, api, uuid }) => {
    const attach = (id: string) => api.call('POST', `/nodes/${uuid}/vifs`, { id })
    const attached = async () => ((await api.call('GET', `/nodes/${uuid}/vifs`)) as { vifs: unknown[] }).vifs
    await expect(attach('nothing')).rejects.toMatchObject({ status: 400 })
    const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
    neutron.instead = ({ method }) => (method === 'PUT' ? { status: 503, body: {} } : undefined)
    await expect(attach(vif.id)).rejects.toMatchObject({ status: 503 })
    expect(await attached()).toEqual([])
    neutron.instead = () => undefined
    await attach(vif.id)
    expect(await attached()).toEqual([{ id: vif.id }])
    neutron.instead = ({ method }) => (method === 'PUT' ? { status: 503, body: {} } : undefined)
    await expect(api.call('DELETE', `/nodes/${uuid}/vifs/${vif.id}`)).rejects.toMatchObject({ status: 503 })
    expect(await attached()).toEqual([{ id: vif.id }])
  })
})
