import { expect, test } from 'vitest'
import { fails, LINK, MAC, nic, OnFakeNeutron } from './on-fake-neutron.ts'

const on = new OnFakeNeutron()
const { context, run, ask } = on

test('an instance’s networks are plugged in with the address of its NIC, and out with one of their own', async () => {
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  const at = await context({ ports: [nic({ vifs: { tenant_vif_port_id: vif.id }, clientId: 'ff:00' })] })
  const bound = {
    mac_address: MAC,
    'binding:host_id': 'node-1',
    'binding:vnic_type': 'baremetal',
    extra_dhcp_opts: [{ opt_name: '61', opt_value: 'ff:00' }],
  }
  await run('configure_tenant_networks', at)
  expect(on.neutron.ports).toMatchObject([bound])
  await run('reattach_networking', at)
  expect(on.neutron.ports).toMatchObject([bound])
  await run('unconfigure_tenant_networks', at)
  expect(on.neutron.ports).toMatchObject([{ 'binding:host_id': '', 'binding:profile': {} }])
  expect(on.neutron.ports[0]!['mac_address']).not.toBe(MAC)
})

test('a bond is told with its mode, its options and all its cables', async () => {
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
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
  expect(on.neutron.ports).toMatchObject([
    {
      mac_address: group.address,
      'binding:profile': { local_link_information: [LINK, other], local_group_information: information },
    },
  ])
  await run('add_cleaning_network', await context({ ports, portgroups: [group] }))
  expect(on.neutron.ports[1]).toMatchObject({
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

test('what a VIF is on decides which port may have it; what is none is refused', async () => {
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  expect(await ask('vif_facts', { vif: vif.id })).toEqual({ physical: ['phys2'] })
  Object.assign(on.neutron.networks[4]!, {
    segments: [{ 'provider:physical_network': 'a' }, { 'provider:physical_network': null }],
  })
  expect(await ask('vif_facts', { vif: vif.id })).toEqual({ physical: ['a'] })
  expect(await fails(ask('vif_facts', { vif: 'nothing' }))).toMatchObject({ code: 'request.invalid' })
})

test.for(['..', '.', 'a/b', 'x'.repeat(300)])(
  'a VIF %j, which is no id of Neutron, is asked for nowhere',
  async (vif) => {
    let asked = 0
    on.neutron.instead = () => void asked++
    expect((await fails(ask('vif_facts', { vif }))).message).toBe(`VIF ${vif} is no port of Neutron`)
    await ask('vif_detach', { vif })
    expect(asked).toBe(0)
  },
)

test('a VIF gets the address of its NIC when it is attached, and is plugged in where its instance runs already', async () => {
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: 'fa:16:3e:00:00:01' })
  await ask('vif_attach', { vif: vif.id, place: 'nic-1', active: false })
  expect(on.neutron.ports).toMatchObject([{ mac_address: MAC, 'binding:host_id': '' }])
  await ask('vif_attach', { vif: vif.id, place: 'nic-1', active: true })
  expect(on.neutron.ports).toMatchObject([{ mac_address: MAC, 'binding:host_id': 'node-1' }])
  await ask('vif_detach', { vif: vif.id })
  expect(on.neutron.ports).toMatchObject([{ 'binding:host_id': '' }])
  expect(on.neutron.ports[0]!['mac_address']).not.toBe(MAC)
  expect(await fails(ask('vif_attach', { vif: vif.id, place: 'nic-9', active: false }))).toMatchObject({
    code: 'unavailable',
  })
})

test('a port that has another address or DHCP client identifier has it in Neutron, plugged in as before', async () => {
  const profile = { local_link_information: [LINK] }
  const vif = on.neutron.port({
    network_id: 'n-tenant',
    mac_address: MAC,
    'binding:host_id': 'node-1',
    'binding:profile': profile,
  })
  await ask('vif_changed', { vif: vif.id, address: '52:54:00:00:00:55', clientId: '01:02' })
  expect(on.neutron.ports).toMatchObject([
    {
      mac_address: '52:54:00:00:00:55',
      'binding:host_id': 'node-1',
      'binding:profile': profile,
      extra_dhcp_opts: [{ opt_name: '61', opt_value: '01:02' }],
    },
  ])
  await ask('vif_changed', { vif: vif.id, clientId: null })
  expect(on.neutron.ports).toMatchObject([{ extra_dhcp_opts: [{ opt_name: '61', opt_value: null }] }])
})

test('an address that was being changed when nobody was there any more is changed, and plugged in, by asking again', async () => {
  const plugged = { 'binding:host_id': 'node-1', 'binding:profile': { local_link_information: [LINK] } }
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: MAC, ...plugged })
  const ports = [nic({ vifs: { tenant_vif_port_id: vif.id } })]
  const change = { vif: vif.id, address: '52:54:00:00:00:55' }
  for (const died of [1, 2]) {
    const at = await context({ ports })
    let changes = 0
    const before = () => {
      if (++changes > died) throw new Error('killed')
    }
    await ask('vif_changed', change, { ...at, before }).catch(() => {})
    await ask('vif_changed', change, at)
    expect(on.neutron.ports).toMatchObject([{ mac_address: change.address, ...plugged }])
    change.address = MAC
  }
})

test('a VIF that is not plugged in is not when its address has changed, either', async () => {
  const vif = on.neutron.port({ network_id: 'n-tenant', mac_address: MAC })
  const at = await context({ ports: [nic({ vifs: { tenant_vif_port_id: vif.id } })] })
  await ask('vif_changed', { vif: vif.id, address: '52:54:00:00:00:55' }, at)
  expect(on.neutron.ports).toMatchObject([{ mac_address: '52:54:00:00:00:55', 'binding:host_id': '' }])
})

test('an address that Neutron refuses leaves the instance on its network', async () => {
  const profile = { local_link_information: [LINK] }
  const plugged = { mac_address: MAC, 'binding:host_id': 'node-1', 'binding:profile': profile }
  const vif = on.neutron.port({ network_id: 'n-tenant', ...plugged })
  on.neutron.port({ network_id: 'n-tenant', mac_address: '52:54:00:00:00:55' })
  const refusal = await fails(ask('vif_changed', { vif: vif.id, address: '52:54:00:00:00:55' }))
  expect(refusal.message).toContain('is in use')
  expect(on.neutron.ports[0]).toMatchObject(plugged)
})
