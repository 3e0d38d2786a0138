import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { networkDataProblem } from '../../../shared/network-data.ts'
import type { BootTicket } from '../../boot/ticket.ts'
import { configDriveOf } from '../../deploy/instance-drive.ts'
import { ramdiskBoot } from '../../deploy/ramdisk-boot.ts'
import { implementation, MAC, nic, OnFakeNeutron, SETTINGS } from './on-fake-neutron.ts'

const on = new OnFakeNeutron()
const { context, without, run } = on

const OPTIONS = [{ name: '67', value: 'loader' }]

const opts = [{ opt_name: '67', opt_value: 'loader', ip_version: 4 }]

test("Neutron's DHCP is told what the machine boots with the port that it is on its network with now", async () => {
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  const at = await context({ ports: [nic({ vifs: { tenant_vif_port_id: vif.id } })] })
  const dhcp = implementation.dhcp!(at.site)!
  await run('add_cleaning_network', at)
  await dhcp.tell(at, OPTIONS)
  expect(on.neutron.ports.map((port) => port['extra_dhcp_opts'])).toEqual([undefined, opts])
  await run('remove_cleaning_network', at)
  await dhcp.tell(at, OPTIONS)
  expect(on.neutron.ports.map((port) => port['extra_dhcp_opts'])).toEqual([opts])
})

test('a conductor that gives the addresses itself tells nobody', async () => {
  expect(implementation.dhcp!((await context({}, { ...SETTINGS, dhcp: 'conductor' })).site)).toBeUndefined()
  const at = await without()
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
  expect(on.neutron.ports).toMatchObject([{ network_id: 'n-clean', extra_dhcp_opts: opts }])
})

test("an instance's config drive is told of its networks, which are as Neutron has them", async () => {
  const none = { host_routes: [], dns_nameservers: [] }
  const route = { destination: '10.9.0.0/16', nexthop: '10.1.5.254' }
  on.neutron.subnets.push(
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
  const one = on.neutron.port({ mac_address: 'fa:16:3e:00:00:01', ...fixed(['s4', '10.1.5.7'], ['s6', 'fd00::7']) })
  const two = on.neutron.port({ mac_address: 'fa:16:3e:00:00:02', ...fixed(['t6', 'fd01::7']) })
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
