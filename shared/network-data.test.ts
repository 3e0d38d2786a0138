import { expect, test } from 'vitest'
import { networkDataProblem } from './network-data.ts'

const nic = { id: 'nic0', type: 'phy', ethernet_mac_address: '52:54:00:00:00:01', mtu: 1500 }
const other = { ...nic, id: 'nic1', ethernet_mac_address: '52-54-00-00-00-02' }
const bond = { id: 'bond0', type: 'bond', bond_links: ['nic0', 'nic1'], bond_mode: '802.3ad' }
const vlan = { id: 'vlan7', type: 'vlan', vlan_link: 'bond0', vlan_id: 7, vlan_mac_address: '52:54:00:00:00:03' }
const v4 = {
  id: 'network0',
  type: 'ipv4',
  link: 'vlan7',
  ip_address: '10.0.0.2',
  netmask: '255.255.255.0',
  routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' }],
}
const v6 = { id: 'network1', type: 'ipv6', link: 'nic0', ip_address: '2001:db8::2/64', gateway: '2001:db8::1' }
const whole = {
  links: [nic, other, bond, vlan],
  networks: [v4, v6, { id: 'network2', type: 'ipv4_dhcp', link: 'nic1' }],
  services: [{ type: 'dns', address: '10.0.0.53' }],
}

test.each([
  ['nothing', {}],
  ['NICs, a bond, a VLAN and networks of every kind', whole],
  [
    'as nova writes it',
    {
      links: [{ id: 'tap1', type: 'ovs', vif_id: 'f7f0', mtu: null, ethernet_mac_address: 'fa:16:3e:60:32:83' }],
      networks: [
        {
          id: 'network0',
          type: 'ipv6',
          link: 'tap1',
          network_id: 'n',
          ip_address: '2001:db8::2',
          netmask: 'ffff:ffff:ffff::',
          routes: [],
          services: [],
        },
      ],
      services: [],
    },
  ],
  ['keys that are not described', { ...whole, more: 1, links: [{ ...nic, bond_miimon: 100 }], networks: [] }],
])('takes %s', (_, value) => expect(networkDataProblem(value)).toBeUndefined())

test.each([
  ['no networks', { links: [] }, 'network_data.networks'],
  ['a text', 'x', 'network_data'],
  ['a link without an id', { ...whole, links: [{ type: 'phy' }] }, 'id'],
  ['a bad MAC', { links: [{ ...nic, ethernet_mac_address: 'x' }], networks: [] }, 'ethernet_mac_address'],
  ['a bond of nothing', { links: [{ ...bond, bond_links: [] }], networks: [] }, 'bond_links'],
  [
    'a VLAN number that there is not',
    { links: [nic, { ...vlan, vlan_link: 'nic0', vlan_id: 4096 }], networks: [] },
    'vlan_id',
  ],
  ['an unknown kind of network', { links: [nic], networks: [{ ...v6, type: 'ipx' }] }, 'networks.0.type'],
  [
    'a static network without an address',
    { links: [nic], networks: [{ id: 'a', type: 'ipv4', link: 'nic0' }] },
    'networks.0.ip_address',
  ],
  ['a bad address', { links: [nic], networks: [{ ...v6, ip_address: '1.2.3' }] }, 'networks.0.ip_address'],
  ['a network of no link', { links: [nic], networks: [v4] }, 'there is no link "vlan7"'],
  ['a bond of no link', { links: [bond], networks: [] }, 'there is no link "nic0"'],
  ['an id twice', { links: [nic, nic], networks: [] }, '"nic0" is there twice'],
])('refuses %s, and says where', (_, value, where) => expect(networkDataProblem(value)).toContain(where))
