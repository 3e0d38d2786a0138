// The networks of an instance as OpenStack's network_data.json describes them (Ironic's get_node_network_data), from what Neutron knows of its VIFs: addresses
// are fixed ones, so that an instance comes up without DHCP, too.
import { netmask } from '../../dhcp/address.ts'
import type { Context } from '../../driver.ts'
import { type NeutronPort, type NeutronSubnet, neutronOf } from './api.ts'
import { type Place, tenantPlaces } from './cabling.ts'

type Described = Record<string, unknown>

/** Undefined: the instance has no networks. */
export async function networkData<Info>(context: Context<Info>): Promise<Described | undefined> {
  const neutron = neutronOf(context)
  const [links, networks, dns] = [[] as Described[], [] as Described[], new Set<string>()]
  for (const { place, vif } of tenantPlaces(context.node)) {
    const port = await neutron.port(vif)
    if (port === undefined) continue
    const { mtu } = await neutron.network(port.network_id, `the network of VIF ${vif}`)
    links.push(...linksOf(place, port, mtu))
    for (const { subnet_id: id, ip_address: ip } of port.fixed_ips) {
      const subnet = await neutron.subnet(id)
      networks.push({
        id: `network${networks.length}`,
        link: vif,
        network_id: port.network_id,
        ...addressOf(subnet, ip),
      })
      for (const address of subnet.dns_nameservers) dns.add(address)
    }
  }
  if (links.length === 0) return undefined
  return { links, networks, services: [...dns].map((address) => ({ type: 'dns', address })) }
}

/** What carries the VIF: a NIC, or a bond with its NICs. */
function linksOf({ nics, group, mac }: Place, port: NeutronPort, mtu: number | undefined): Described[] {
  const common = { id: port.id, vif_id: port.id, ...(mtu !== undefined && { mtu }) }
  const own = { ethernet_mac_address: mac ?? port.mac_address }
  if (group === undefined) return [{ ...common, type: 'phy', ...own }]
  const members = nics.map(({ uuid, address }) => ({ id: uuid, type: 'phy', ethernet_mac_address: address }))
  const options = Object.entries(group.properties).map(([key, value]) => [
    key.startsWith('bond') ? key : `bond_${key}`,
    value,
  ])
  const bond = {
    type: 'bond',
    bond_links: nics.map(({ uuid }) => uuid),
    ...(group.mode !== null && { bond_mode: group.mode }),
  }
  return [...members, { ...common, ...Object.fromEntries(options), ...bond, ...own }]
}

/** IPv6 as the subnet says it is given; a fixed address otherwise. */
function addressOf(subnet: NeutronSubnet, ip: string): Described {
  const routes = subnet.host_routes.map(({ destination, nexthop }) => ({ ...split(destination), gateway: nexthop }))
  const { ipv6_address_mode: mode } = subnet
  if (subnet.ip_version === 6 && mode != null) return { type: mode === 'slaac' ? 'ipv6_slaac' : `ipv6_${mode}`, routes }
  const gateway = subnet.gateway_ip === null ? {} : { gateway: subnet.gateway_ip }
  return { type: `ipv${subnet.ip_version}`, ip_address: ip, netmask: split(subnet.cidr).netmask, ...gateway, routes }
}

function split(cidr: string): { network: string; netmask: string | number } {
  const [network = '', prefix = ''] = cidr.split('/')
  return { network, netmask: network.includes(':') ? Number(prefix) : netmask(Number(prefix)) }
}
