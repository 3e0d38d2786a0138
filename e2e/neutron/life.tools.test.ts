// A machine of fake hardware on Neutron's networks, through its whole life. The judge is Neutron: a real one, asked at each stage which ports are there.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest'
import { startStory, type Story } from '../story.ts'
import { PROJECT, type RealNeutron, startNeutron } from './start.ts'

const WORK = ['provisioning', 'cleaning', 'rescuing', 'inspection', 'servicing'] as const
let neutron: RealNeutron
let folder: string
const networks = new Map<string, string>()

beforeAll(async () => {
  neutron = await startNeutron()
  for (const [i, name] of [...WORK, 'tenant'].entries())
    networks.set(name, (await neutron.network(name, `10.1.${i}.0/24`)).id)
  folder = await mkdtemp(join(tmpdir(), 'ferrule-neutron-story-'))
}, 60_000)
afterAll(async () => {
  await neutron?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function openstackFile(name: string, more: object = {}): Promise<string> {
  const file = join(folder, `${name}.json`)
  const neutronOf = { networks: Object.fromEntries(WORK.map((work) => [work, work])) }
  await writeFile(
    file,
    JSON.stringify({ authType: 'none', endpoints: { network: neutron.url }, neutron: neutronOf, ...more }),
  )
  return file
}

let macs = 0
const freshMac = () => `52:54:00:09:00:${(++macs).toString(16).padStart(2, '0')}`
const link = (port: number) => ({ switch_id: '0a:1b:2c:3d:4e:5f', port_id: `Ethernet1/${port}`, switch_info: 'leaf-7' })

async function enrolled({ api }: Story, driver_info: object = {}) {
  const { uuid } = (await api.call('POST', '/nodes', {
    driver: 'fake-hardware',
    network_interface: 'neutron',
    driver_info,
  })) as { uuid: string }
  const address = freshMac()
  const port = (await api.call('POST', '/ports', { node_uuid: uuid, address, local_link_connection: link(1) })) as {
    uuid: string
  }
  return { uuid, address, port: port.uuid }
}

/** What Neutron has with this address, or for this node: on which network, bound to what. */
async function portsOf(node: string) {
  const { ports } = await neutron.ask('GET', '/ports')
  const name = (id: string) => [...networks].find(([, each]) => each === id)![0]
  return ports
    .filter((port) => port.device_id === node || port['binding:host_id'] === node)
    .map((port) => ({
      network: name(port.network_id),
      mac: port.mac_address,
      vnic: port['binding:vnic_type'],
      vif: port['binding:vif_type'],
      status: port.status,
    }))
}
const on = (network: string, mac: string) => ({ network, mac, vnic: 'baremetal', vif: 'other', status: 'ACTIVE' })

async function story(context: TestContext, name: string, more: object = {}) {
  return await startStory(context, {
    machines: 0,
    conductorConfig: { boot: false, drivers: ['fake-hardware'], openstackFile: await openstackFile(name, more) },
  })
}

test(
  'a machine is on the network of what is done with it, and on its tenant’s in between',
  { timeout: 180_000 },
  async (context) => {
    await using told = await story(context, 'life')
    const { api, reach } = told
    const { uuid, address, port } = await enrolled(told, { fake_delays: { deploy: 700, rescue: 700 } })
    const seen: string[] = []
    /** Asked until the node rests: the networks that the machine was on, in their order. */
    const verb = async (name: string, state: string, more: Record<string, unknown> = {}) => {
      seen.length = 0
      await api.provision(uuid, name, more)
      let done = false
      const watched = (async () => {
        while (!done) {
          for (const { network } of await portsOf(uuid)) if (seen.at(-1) !== network) seen.push(network)
          await new Promise((next) => setTimeout(next, 150))
        }
      })()
      await reach(state, uuid).finally(() => (done = true))
      await watched
      return seen
    }
    const internal = async () => ((await api.call('GET', `/ports/${port}`)) as { internal_info: object }).internal_info

    await verb('manage', 'manageable')
    expect(await api.call('GET', `/nodes/${uuid}/validate`)).toMatchObject({ network: { result: true } })
    expect(await verb('provide', 'available')).toEqual(['cleaning'])
    expect(await portsOf(uuid)).toEqual([])
    expect(await internal()).toEqual({})

    const { port: vif } = await neutron.ask('POST', '/ports', {
      port: { network_id: networks.get('tenant'), project_id: PROJECT, name: 'vif' },
    })
    await api.call('POST', `/nodes/${uuid}/vifs`, { id: vif.id })
    expect(await verb('active', 'active')).toEqual(['provisioning', 'tenant'])
    expect(await portsOf(uuid)).toEqual([on('tenant', address)])
    expect(await internal()).toEqual({ tenant_vif_port_id: vif.id })
    expect(await verb('rescue', 'rescue', { rescue_password: 'secret' })).toEqual(['tenant', 'rescuing', 'tenant'])
    expect(await verb('unrescue', 'active')).toEqual(['tenant'])
    const service_steps = [{ interface: 'deploy', step: 'burnin_cpu' }]
    expect(await verb('service', 'active', { service_steps })).toEqual(['tenant', 'servicing', 'tenant'])
    expect(await portsOf(uuid)).toEqual([on('tenant', address)])
    expect(await verb('rebuild', 'active')).toEqual(['tenant', 'provisioning', 'tenant'])
    expect(await verb('deleted', 'available')).toEqual(['tenant', 'cleaning'])
    expect(await portsOf(uuid)).toEqual([])
    const { port: left } = await neutron.ask('GET', `/ports/${vif.id}`)
    expect([left['binding:host_id'], left.mac_address === address]).toEqual(['', false])
  },
)

test(
  'VIFs of a running instance are plugged in and out where they belong, alone and as a bond',
  { timeout: 180_000 },
  async (context) => {
    await using told = await story(context, 'vifs')
    const { api, reach } = told
    const { uuid, address, port } = await enrolled(told)
    const other = await neutron.network('elsewhere', '10.2.0.0/24', 'physnet2')
    networks.set('elsewhere', other.id)
    const group = (await api.call('POST', '/portgroups', {
      node_uuid: uuid,
      name: 'bond0',
      address: '52:54:00:09:01:01',
      mode: '802.3ad',
      properties: { xmit_hash_policy: 'layer3+4' },
    })) as { uuid: string }
    for (const nic of [2, 3])
      await api.call('POST', '/ports', {
        node_uuid: uuid,
        address: `52:54:00:09:00:f${nic}`,
        portgroup_uuid: group.uuid,
        pxe_enabled: false,
        physical_network: 'physnet2',
        local_link_connection: link(nic),
      })
    const vifOn = async (network_id: string) =>
      (await neutron.ask('POST', '/ports', { port: { network_id, project_id: PROJECT } })).port
    const shown = async (id: string) => (await neutron.ask('GET', `/ports/${id}`)).port
    const attach = (id: string) => api.call('POST', `/nodes/${uuid}/vifs`, { id })
    for (const [verb, state] of [
      ['manage', 'manageable'],
      ['provide', 'available'],
      ['active', 'active'],
    ] as const) {
      await api.provision(uuid, verb)
      await reach(state, uuid)
    }

    const [first, bonded] = [await vifOn(networks.get('tenant')!), await vifOn(other.id)]
    await attach(bonded.id)
    await attach(first.id)
    expect(await shown(first.id)).toMatchObject({
      mac_address: address,
      'binding:host_id': uuid,
      'binding:vif_type': 'other',
      status: 'ACTIVE',
    })
    const options = { bond_mode: '802.3ad', bond_properties: { bond_xmit_hash_policy: 'layer3+4' } }
    expect(await shown(bonded.id)).toMatchObject({
      mac_address: '52:54:00:09:01:01',
      'binding:profile': {
        local_link_information: [link(2), link(3)],
        local_group_information: { id: group.uuid, name: 'bond0', ...options },
      },
    })
    await expect(attach(crypto.randomUUID())).rejects.toMatchObject({ status: 400 })
    await expect(attach((await vifOn(networks.get('tenant')!)).id)).rejects.toMatchObject({ status: 400 })

    await api.call('PUT', `/nodes/${uuid}/maintenance`, { reason: 'another NIC' })
    const moved = freshMac()
    await api.call('PATCH', `/ports/${port}`, [
      { op: 'replace', path: '/address', value: moved },
      { op: 'add', path: '/extra/client-id', value: 'ff:00:01' },
    ])
    expect(await shown(first.id)).toMatchObject({
      mac_address: moved,
      'binding:host_id': uuid,
      extra_dhcp_opts: [{ opt_name: '61', opt_value: 'ff:00:01' }],
    })
    // One that Neutron has on this network already is refused by it, and not kept here.
    const taken = await vifOn(networks.get('tenant')!)
    const patch = [{ op: 'replace', path: '/address', value: taken.mac_address }]
    await expect(api.call('PATCH', `/ports/${port}`, patch)).rejects.toMatchObject({ status: 502 })
    expect(await api.call('GET', `/ports/${port}`)).toMatchObject({ address: moved })
    await api.call('DELETE', `/nodes/${uuid}/maintenance`)

    await neutron.ask('PUT', `/ports/${first.id}`, { port: { 'binding:host_id': '' } })
    const steps = [{ interface: 'network', step: 'reattach_networking' }]
    await api.provision(uuid, 'service', { service_steps: steps })
    await reach('active', uuid)
    expect(await shown(first.id)).toMatchObject({ mac_address: moved, 'binding:host_id': uuid, status: 'ACTIVE' })

    await api.call('DELETE', `/nodes/${uuid}/vifs/${first.id}`)
    const left = await shown(first.id)
    expect([left['binding:host_id'], left.mac_address === moved]).toEqual(['', false])
  },
)

test(
  'a conductor that dies when Neutron has made a port leaves one, and none at the end',
  { timeout: 180_000 },
  async (context) => {
    const conductorConfig = { boot: false, drivers: ['fake-hardware'], openstackFile: await openstackFile('killed') }
    await using told = await startStory(context, { machines: 0, conductor: 'process', conductorConfig })
    const { api, reach, until, site } = told
    const { uuid, address } = await enrolled(told, { fake_delays: { boot: 3000, deploy: 2500 } })
    await api.provision(uuid, 'manage')
    await reach('manageable', uuid)
    await api.provision(uuid, 'provide')
    await until('a port in Neutron', async () => (await portsOf(uuid)).length > 0)
    await site.conductor.kill()
    await site.conductor.start()
    await until('the machine’s boot', async () => (await api.node(uuid)).provision_state === 'clean wait')
    expect(await portsOf(uuid)).toEqual([on('cleaning', address)])
    await reach('available', uuid)
    expect(await portsOf(uuid)).toEqual([])
  },
)
