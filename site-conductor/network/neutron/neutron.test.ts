import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Env, systemEnv } from '../../../shared/env.ts'
import { type Fault, toFault } from '../../../shared/faults.ts'
import { networkDataProblem } from '../../../shared/network-data.ts'
import type { Grant } from '../../../shared/protocol.ts'
import type { BootTicket } from '../../boot/ticket.ts'
import { configDriveOf } from '../../deploy/instance-drive.ts'
import { ramdiskBoot } from '../../deploy/ramdisk-boot.ts'
import type { Implementation } from '../../driver.ts'
import fakeHardware from '../../drivers/fake-hardware.ts'
import { type FakeContext, fakeContext } from '../../fake-context.ts'
import { fakeGrant } from '../../fake-hub.ts'
import { OpenStack } from '../../openstack/client.ts'
import { OpenStackConfig } from '../../openstack/config.ts'
import { fakeKeystone, type FakeKeystone } from '../../openstack/fake-keystone.ts'
import { FakeNeutron } from './fake-neutron.ts'
import { neutron as interfaces } from './neutron.ts'

const MAC = '52:54:00:00:00:01'
const LINK = { switch_id: 'aa:bb:cc:00:11:22', port_id: 'Eth1' }
const quick: Env = { ...systemEnv, setTimer: (ms, run) => systemEnv.setTimer(ms <= 10_000 ? ms / 1000 : ms, run) }
const implementation = interfaces<unknown>()['neutron'] as Implementation

let neutron: FakeNeutron
let keystone: FakeKeystone
let opened: { close(): Promise<void> }[]

beforeEach(async () => {
  neutron = new FakeNeutron()
  opened = []
  keystone = await fakeKeystone({ network: neutron.answer }, { open: true })
})
afterEach(async () => {
  await Promise.all(opened.map((each) => each.close()))
  await keystone.close()
})

type Nic = Grant['ports'][number]
const nic = (more: Partial<NonNullable<Nic['wiring']>> = {}, address = MAC, uuid = 'nic-1'): Nic => ({
  uuid,
  address,
  pxeEnabled: true,
  wiring: { link: LINK, vifs: {}, ...more },
})
const SETTINGS = { networks: { provisioning: 'prov', cleaning: 'n-clean' } }

async function context(node: Partial<Grant> = {}, settings: object = SETTINGS): Promise<FakeContext> {
  const config = { authType: 'none', endpoints: { network: keystone.urlOf('network') }, retries: 1, neutron: settings }
  const openstack = new OpenStack(quick, OpenStackConfig.parse(config))
  const grant = fakeGrant('node-1', { driver: 'fake-hardware', ports: [nic()], ...node })
  const made = await fakeContext(fakeHardware, { node: grant, openstack })
  opened.push(openstack, made)
  return { ...made, env: quick }
}

const run = async (step: string, at?: FakeContext) =>
  (await implementation.steps![step]!(at ?? (await context()))) ?? {}
const fails = async (work: Promise<unknown>): Promise<Fault> =>
  await work.then(() => expect.unreachable('it succeeded'), toFault)
const there = () => neutron.ports.map(({ id, network_id, mac_address }) => [id, network_id, mac_address])

test('a machine is put on a network with one port a NIC, told to whoever wires switches, and taken off again', async () => {
  const { facts } = await run('add_provisioning_network')
  expect(neutron.ports).toMatchObject([
    {
      network_id: 'n-prov',
      mac_address: MAC,
      device_id: 'node-1',
      device_owner: 'baremetal:none',
      project_id: 'p',
      'binding:vnic_type': 'baremetal',
      'binding:host_id': 'node-1',
      'binding:profile': { local_link_information: [LINK] },
    },
  ])
  expect(facts).toMatchObject({ vifs: { 'nic-1': { provisioning_vif_port_id: 'port-1', cleaning_vif_port_id: null } } })
  const removed = await run('remove_provisioning_network')
  expect(neutron.ports).toEqual([])
  expect(removed.facts).toMatchObject({ vifs: { 'nic-1': { provisioning_vif_port_id: null } } })
})

test('done twice it leaves the port that is there', async () => {
  await run('add_provisioning_network')
  const again = await run('add_provisioning_network')
  expect(there()).toEqual([['port-1', 'n-prov', MAC]])
  expect(again.facts).toMatchObject({ vifs: { 'nic-1': { provisioning_vif_port_id: 'port-1' } } })
  expect(neutron.changes).toEqual(['POST /ports'])
})

test('a port that was created, but whose answer was lost, is found by who comes next', async () => {
  neutron.instead = (request, done) => (request.method === 'POST' ? (done(), { status: 502 }) : undefined)
  expect((await fails(run('add_cleaning_network'))).code).toBe('openstack.unreachable')
  neutron.instead = () => undefined
  await run('add_cleaning_network')
  expect(there()).toEqual([['port-1', 'n-clean', MAC]])
})

test('ports of other work go first, and what others left on the network with the NIC’s address', async () => {
  await run('add_cleaning_network')
  neutron.port({ network_id: 'n-prov', mac_address: MAC, device_id: 'another node', device_owner: 'baremetal:none' })
  const stranger = neutron.port({
    network_id: 'n-prov',
    mac_address: '52:54:00:00:00:77',
    device_owner: 'baremetal:none',
  })
  await run('add_provisioning_network')
  expect(there()).toEqual([
    [stranger.id, 'n-prov', stranger.mac_address],
    ['port-4', 'n-prov', MAC],
  ])
})

test('a port that is cabled otherwise now is made anew', async () => {
  await run('add_cleaning_network')
  const link = { ...LINK, port_id: 'Eth2' }
  await run('add_cleaning_network', await context({ ports: [nic({ link })] }))
  expect(neutron.ports).toMatchObject([{ 'binding:profile': { local_link_information: [link] } }])
})

test('the port of the tenant is never taken for one of ours', async () => {
  const vif = neutron.port({
    network_id: 'n-clean',
    mac_address: MAC,
    device_id: 'node-1',
    device_owner: 'baremetal:none',
  })
  const ports = [nic({ vifs: { tenant_vif_port_id: vif.id } })]
  await run('remove_cleaning_network', await context({ ports }))
  await fails(run('add_cleaning_network', await context({ ports })))
  expect(there()).toEqual([[vif.id, 'n-clean', MAC]])
})

test.for([
  ['no network is configured', {}, {}, 'no provisioning network is configured'],
  [
    'there is none such',
    { driverInfo: { provisioning_network: 'nowhere' } },
    SETTINGS,
    'driver_info.provisioning_network: Neutron has no network nowhere',
  ],
  [
    'the name is not one network’s',
    {},
    { networks: { provisioning: 'twin' } },
    'neutron.networks.provisioning of the conductor: Neutron has 2 networks twin',
  ],
  ['no NIC boots', { ports: [{ ...nic(), pxeEnabled: false }] }, SETTINGS, 'no port of the node has pxe_enabled'],
  [
    'no NIC is cabled',
    { ports: [nic({ link: {} })] },
    SETTINGS,
    `local_link_connection is empty at all ports of the node that boot (${MAC})`,
  ],
  [
    'the groups are no list',
    { driverInfo: { provisioning_network_security_groups: 'x' } },
    SETTINGS,
    'provisioning_network_security_groups',
  ],
] as const)('nobody is put anywhere where %s', async ([, node, settings, why]) => {
  const fault = await fails(run('add_provisioning_network', await context(node as Partial<Grant>, settings)))
  expect([fault.code, fault.message]).toEqual(['driver.invalid_info', expect.stringContaining(why)])
  expect(neutron.changes).toEqual([])
})

test('a node may name networks and security groups of its own, which count more than those of its conductor', async () => {
  const driverInfo = { provisioning_network: 'n-clean', provisioning_network_security_groups: ['g1'] }
  await run(
    'add_provisioning_network',
    await context({ driverInfo }, { ...SETTINGS, securityGroups: { provisioning: ['g2'], cleaning: ['g3'] } }),
  )
  await run('add_cleaning_network', await context({}, { ...SETTINGS, securityGroups: { cleaning: ['g3'] } }))
  expect(neutron.ports).toMatchObject([{ network_id: 'n-clean', security_groups: ['g3'] }])
  await run('add_provisioning_network', await context({ driverInfo }))
  expect(neutron.ports).toMatchObject([{ network_id: 'n-clean', security_groups: ['g1'] }])
})

test('NICs that are not cabled are left out, and said on the timeline', async () => {
  const at = await context({ ports: [nic(), nic({ link: {} }, '52:54:00:00:00:02', 'nic-2')] })
  await run('add_cleaning_network', at)
  expect(neutron.ports).toHaveLength(1)
  expect(at.notes).toContainEqual({
    stage: 'network.not_cabled',
    body: expect.objectContaining({ address: '52:54:00:00:00:02' }),
  })
})

test('one NIC that Neutron refuses keeps no other off the network; all of them are a failure', async () => {
  const second = '52:54:00:00:00:02'
  neutron.port({ network_id: 'n-clean', mac_address: second, device_owner: 'compute:nova' })
  const at = await context({ ports: [nic(), nic({}, second, 'nic-2')] })
  await run('add_cleaning_network', at)
  expect(at.notes).toContainEqual({
    stage: 'network.port_failed',
    body: expect.objectContaining({ network: 'cleaning' }),
  })
  expect(
    (await fails(run('add_cleaning_network', await context({ ports: [nic({}, second, 'nic-2')] })))).message,
  ).toContain('is in use')
})

test('a port that nobody binds is taken back, and the failure says where to look', async () => {
  neutron.unbound = true
  const fault = await fails(run('add_cleaning_network'))
  expect([fault.message, fault.hint]).toEqual([
    expect.stringContaining('no mechanism driver'),
    expect.stringContaining('neutron-server'),
  ])
  expect(neutron.ports).toEqual([])
})

test('ports are waited for until they are ACTIVE, where the conductor is told to', async () => {
  neutron.status = 'DOWN'
  let asked = 0
  neutron.instead = ({ path }) => {
    if (path.includes('ports?id=') && ++asked === 3) neutron.ports[0]!['status'] = 'ACTIVE'
    return undefined
  }
  await run('add_cleaning_network', await context({}, { ...SETTINGS, portActiveTimeoutS: 3000 }))
  expect(asked).toBe(3)
  neutron.ports[0]!['status'] = 'DOWN'
  asked = 10
  const clock = { now: 0 }
  const hurried = {
    ...(await context({}, { ...SETTINGS, portActiveTimeoutS: 5 })),
    env: { ...quick, mono: () => (clock.now += 2000) },
  }
  expect((await fails(run('add_cleaning_network', hurried))).message).toBe(
    "Neutron's ports did not become ACTIVE within 5 s: port-1 (DOWN)",
  )
})

test('a Neutron that is away is a failure that says so, soon', async () => {
  neutron.instead = () => ({ status: 503, body: { message: 'Service Unavailable' } })
  const fault = await fails(run('add_cleaning_network'))
  expect(fault).toMatchObject({
    code: 'openstack.unreachable',
    message: expect.stringContaining('503: Service Unavailable'),
  })
})

test('whoever may not act any more creates nothing', async () => {
  const before = () => {
    throw new Error('taken away')
  }
  const at = { ...(await context()), before }
  await expect(run('add_cleaning_network', at)).rejects.toThrow('taken away')
  expect(neutron.ports).toEqual([])
})

test('a conductor without an OpenStack says which key is missing', async () => {
  const at = await fakeContext(fakeHardware, { node: fakeGrant('n', { driver: 'fake-hardware' }) })
  opened.push(at)
  expect((await fails(run('add_cleaning_network', at))).hint).toContain('openstackFile')
})

test('an instance’s networks are plugged in with the address of its NIC, and out with one of their own', async () => {
  const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  const at = await context({ ports: [nic({ vifs: { tenant_vif_port_id: vif.id }, clientId: 'ff:00' })] })
  const bound = {
    mac_address: MAC,
    'binding:host_id': 'node-1',
    'binding:vnic_type': 'baremetal',
    extra_dhcp_opts: [{ opt_name: '61', opt_value: 'ff:00' }],
  }
  await run('configure_tenant_networks', at)
  expect(neutron.ports).toMatchObject([bound])
  await run('reattach_networking', at)
  expect(neutron.ports).toMatchObject([bound])
  await run('unconfigure_tenant_networks', at)
  expect(neutron.ports).toMatchObject([{ 'binding:host_id': '', 'binding:profile': {} }])
  expect(neutron.ports[0]!['mac_address']).not.toBe(MAC)
})

test('a bond is told with its mode, its options and all its cables', async () => {
  const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  const other = { ...LINK, port_id: 'Eth2' }
  const group = {
    uuid: 'bond',
    name: 'bond0',
    address: '52:54:00:00:00:99',
    mode: '802.3ad',
    properties: { xmit_hash_policy: 'layer3+4', bond_miimon: 100 },
    vifs: { tenant_vif_port_id: vif.id },
  }
  const ports = [nic({ portgroup: 'bond' }), nic({ portgroup: 'bond', link: other }, '52:54:00:00:00:02', 'nic-2')]
  const information = {
    id: 'bond',
    name: 'bond0',
    bond_mode: '802.3ad',
    bond_properties: { bond_xmit_hash_policy: 'layer3+4', bond_miimon: 100 },
  }
  await run('configure_tenant_networks', await context({ ports, portgroups: [group] }))
  expect(neutron.ports).toMatchObject([
    {
      mac_address: group.address,
      'binding:profile': { local_link_information: [LINK, other], local_group_information: information },
    },
  ])
  await run('add_cleaning_network', await context({ ports, portgroups: [group] }))
  expect(neutron.ports[1]).toMatchObject({
    mac_address: MAC,
    'binding:profile': { local_link_information: [LINK], local_group_information: information },
  })
})

test('an instance whose network is gone from Neutron is not started without it', async () => {
  const ports = [nic({ vifs: { tenant_vif_port_id: 'gone' } })]
  expect((await fails(run('configure_tenant_networks', await context({ ports })))).message).toContain(
    'VIF gone is no port of Neutron',
  )
  await run('unconfigure_tenant_networks', await context({ ports }))
})

test('a smart NIC is wired by the agent on it', async () => {
  const link = { port_id: 'rep0', hostname: 'nic-host' }
  await run('add_cleaning_network', await context({ ports: [nic({ link, smartNic: true })] }))
  expect(neutron.ports).toMatchObject([{ 'binding:vnic_type': 'smart-nic', 'binding:host_id': 'nic-host' }])
})

test('validation asks for the networks that any node needs, and for those that this one names', async () => {
  const validate = async (node: Partial<Grant>, settings: object = SETTINGS) =>
    await implementation.validate!(await context(node, settings))
  await validate({})
  expect((await fails(validate({}, { networks: { provisioning: 'prov' } }))).message).toBe(
    'no cleaning network is configured',
  )
  expect((await fails(validate({ driverInfo: { rescuing_network: 'nowhere' } }))).message).toContain(
    'driver_info.rescuing_network',
  )
})

const OPTIONS = [{ name: '67', value: 'loader' }]
const opts = [{ opt_name: '67', opt_value: 'loader', ip_version: 4 }]

test("Neutron's DHCP is told what the machine boots with the port that it is on its network with now", async () => {
  const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  const at = await context({ ports: [nic({ vifs: { tenant_vif_port_id: vif.id } })] })
  const dhcp = implementation.dhcp!(at.site)!
  await run('add_cleaning_network', at)
  await dhcp.tell(at, OPTIONS)
  expect(neutron.ports.map((port) => port['extra_dhcp_opts'])).toEqual([undefined, opts])
  await run('remove_cleaning_network', at)
  await dhcp.tell(at, OPTIONS)
  expect(neutron.ports.map((port) => port['extra_dhcp_opts'])).toEqual([opts])
})

test('a conductor that gives the addresses itself tells nobody', async () => {
  expect(implementation.dhcp!((await context({}, { ...SETTINGS, dhcp: 'conductor' })).site)).toBeUndefined()
  const at = await fakeContext(fakeHardware, { node: fakeGrant('n', { driver: 'fake-hardware' }) })
  opened.push(at)
  expect(implementation.dhcp!(at.site)).toBeUndefined()
})

test('a machine that boots on a network of Neutron is let in without an address, and its DHCP hears of it', async () => {
  const tickets: BootTicket[] = []
  const door = {
    admit: (ticket: BootTicket) => void tickets.push(ticket),
    withdraw: () => {},
    dhcpOptions: () => OPTIONS,
  }
  const boot = {
    door,
    givesAddresses: true,
    ramdisk: { kernel: '/k', initrd: '/i' },
    files: {},
    agentApiUrl: 'https://10.0.0.1:6384',
    kernelArguments: '',
    caSha256: '0',
  }
  const made = await context({ address: null, interfaces: { network: 'neutron' } })
  await run('add_cleaning_network', made)
  const at = { ...made, site: { ...made.site, boot: boot as never } }
  await ramdiskBoot().steps!['prepare_ramdisk']!(at)
  expect(tickets).toMatchObject([{ macs: [MAC], addressElsewhere: true }])
  expect(tickets[0]).not.toHaveProperty('address')
  expect(neutron.ports).toMatchObject([{ network_id: 'n-clean', extra_dhcp_opts: opts }])
})

test("an instance's config drive is told of its networks, which are as Neutron has them", async () => {
  const none = { host_routes: [], dns_nameservers: [] }
  const route = { destination: '10.9.0.0/16', nexthop: '10.1.5.254' }
  neutron.subnets.push(
    {
      ...none,
      id: 's4',
      ip_version: 4,
      cidr: '10.1.5.0/24',
      gateway_ip: '10.1.5.1',
      host_routes: [route],
      dns_nameservers: ['10.9.9.9'],
    },
    { ...none, id: 's6', ip_version: 6, cidr: 'fd00::/64', gateway_ip: null, ipv6_address_mode: 'slaac' },
    { ...none, id: 't6', ip_version: 6, cidr: 'fd01::/64', gateway_ip: 'fd01::1', ipv6_address_mode: null },
  )
  const fixed = (...ips: [string, string][]) => ({
    network_id: 'n-tenant',
    fixed_ips: ips.map(([subnet_id, ip_address]) => ({ subnet_id, ip_address })),
  })
  const one = neutron.port({ mac_address: 'fa:16:3e:00:00:01', ...fixed(['s4', '10.1.5.7'], ['s6', 'fd00::7']) })
  const two = neutron.port({ mac_address: 'fa:16:3e:00:00:02', ...fixed(['t6', 'fd01::7']) })
  const group = {
    uuid: 'bond',
    name: null,
    address: null,
    mode: '802.3ad',
    properties: { miimon: 100 },
    vifs: { tenant_vif_port_id: two.id },
  }
  const ports = [
    nic({ vifs: { tenant_vif_port_id: one.id } }),
    nic({ portgroup: 'bond' }, '52:54:00:00:00:02', 'nic-2'),
  ]
  const at = await context({ ports, portgroups: [group], interfaces: { network: 'neutron' } })
  const data = await implementation.networkData!(at)
  expect(networkDataProblem(data)).toBeUndefined()
  expect(data).toEqual({
    links: [
      { id: 'nic-2', type: 'phy', ethernet_mac_address: '52:54:00:00:00:02' },
      {
        id: two.id,
        vif_id: two.id,
        mtu: 1500,
        type: 'bond',
        bond_links: ['nic-2'],
        bond_mode: '802.3ad',
        bond_miimon: 100,
        ethernet_mac_address: 'fa:16:3e:00:00:02',
      },
      { id: one.id, vif_id: one.id, mtu: 1500, type: 'phy', ethernet_mac_address: MAC },
    ],
    networks: [
      {
        id: 'network0',
        link: two.id,
        network_id: 'n-tenant',
        type: 'ipv6',
        ip_address: 'fd01::7',
        netmask: 64,
        gateway: 'fd01::1',
        routes: [],
      },
      {
        id: 'network1',
        link: one.id,
        network_id: 'n-tenant',
        type: 'ipv4',
        ip_address: '10.1.5.7',
        netmask: '255.255.255.0',
        gateway: '10.1.5.1',
        routes: [{ network: '10.9.0.0', netmask: '255.255.0.0', gateway: '10.1.5.254' }],
      },
      { id: 'network2', link: one.id, network_id: 'n-tenant', type: 'ipv6_slaac', routes: [] },
    ],
    services: [{ type: 'dns', address: '10.9.9.9' }],
  })
  const drive = async (context: Record<string, unknown>) => {
    const text = await configDriveOf({ ...at, task: { ...at.task, context } })
    return text === undefined
      ? undefined
      : gunzipSync(Buffer.from(text, 'base64')).toString('latin1').includes('10.1.5.7')
  }
  const configdrive = JSON.stringify({ meta_data: { hostname: 'h' } })
  expect(await drive({ instance_info: { configdrive } })).toBe(true)
  expect(
    await drive({ instance_info: { configdrive: JSON.stringify({ network_data: { links: [], networks: [] } }) } }),
  ).toBe(false)
  expect(await drive({ instance_info: {} })).toBeUndefined()
})

test('a port that could not be bound before is made anew, now that it can', async () => {
  await run('add_cleaning_network')
  neutron.ports[0]!['binding:vif_type'] = 'binding_failed'
  await run('add_cleaning_network')
  expect(there()).toEqual([['port-2', 'n-clean', MAC]])
})

const ask = async (method: string, args: Record<string, unknown>, at?: FakeContext) =>
  await implementation.methods![method]!(at ?? (await context()), args)

test('what a VIF is on decides which port may have it; what is none is refused', async () => {
  const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  expect(await ask('vif_facts', { vif: vif.id })).toEqual({ physical: ['phys2'] })
  Object.assign(neutron.networks[4]!, {
    segments: [{ 'provider:physical_network': 'a' }, { 'provider:physical_network': null }],
  })
  expect(await ask('vif_facts', { vif: vif.id })).toEqual({ physical: ['a'] })
  expect(await fails(ask('vif_facts', { vif: 'nothing' }))).toMatchObject({ code: 'request.invalid' })
})

test('a VIF gets the address of its NIC when it is attached, and is plugged in where its instance runs already', async () => {
  const vif = neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  await ask('vif_attach', { vif: vif.id, place: 'nic-1', active: false })
  expect(neutron.ports).toMatchObject([{ mac_address: MAC, 'binding:host_id': '' }])
  await ask('vif_attach', { vif: vif.id, place: 'nic-1', active: true })
  expect(neutron.ports).toMatchObject([{ mac_address: MAC, 'binding:host_id': 'node-1' }])
  await ask('vif_detach', { vif: vif.id })
  expect(neutron.ports).toMatchObject([{ 'binding:host_id': '' }])
  expect(neutron.ports[0]!['mac_address']).not.toBe(MAC)
  expect(await fails(ask('vif_attach', { vif: vif.id, place: 'nic-9', active: false }))).toMatchObject({
    code: 'unavailable',
  })
})

test('a port that has another address or DHCP client identifier has it in Neutron, plugged in as before', async () => {
  const profile = { local_link_information: [LINK] }
  const vif = neutron.port({
    network_id: 'n-tenant',
    mac_address: MAC,
    'binding:host_id': 'node-1',
    'binding:profile': profile,
  })
  await ask('vif_changed', { vif: vif.id, address: '52:54:00:00:00:55', clientId: '01:02' })
  expect(neutron.ports).toMatchObject([
    {
      mac_address: '52:54:00:00:00:55',
      'binding:host_id': 'node-1',
      'binding:profile': profile,
      extra_dhcp_opts: [{ opt_name: '61', opt_value: '01:02' }],
    },
  ])
  await ask('vif_changed', { vif: vif.id, clientId: null })
  expect(neutron.ports).toMatchObject([{ extra_dhcp_opts: [{ opt_name: '61', opt_value: null }] }])
})
