import { expect, test } from 'vitest'
import type { Grant } from '../../../shared/protocol.ts'
import { fails, implementation, LINK, MAC, nic, OnFakeNeutron, quick, SETTINGS } from './on-fake-neutron.ts'

const on = new OnFakeNeutron()
const { context, without, run, ask, there } = on

test('a machine is put on a network with one port a NIC, told to whoever wires switches, and taken off again', async () => {
  const { facts } = await run('add_provisioning_network')
  expect(on.neutron.ports).toMatchObject([
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
  expect(on.neutron.ports).toEqual([])
  expect(removed.facts).toMatchObject({ vifs: { 'nic-1': { provisioning_vif_port_id: null } } })
})

test('done twice it leaves the port that is there', async () => {
  await run('add_provisioning_network')
  const again = await run('add_provisioning_network')
  expect(there()).toEqual([['port-1', 'n-prov', MAC]])
  expect(again.facts).toMatchObject({ vifs: { 'nic-1': { provisioning_vif_port_id: 'port-1' } } })
  expect(on.neutron.changes).toEqual(['POST /ports'])
})

test('a port that was created, but whose answer was lost, is found by who comes next', async () => {
  on.neutron.instead = (request, done) => (request.method === 'POST' ? (done(), { status: 502 }) : undefined)
  expect((await fails(run('add_cleaning_network'))).code).toBe('openstack.unreachable')
  on.neutron.instead = () => undefined
  await run('add_cleaning_network')
  expect(there()).toEqual([['port-1', 'n-clean', MAC]])
})

test('ports of other work go first, and what others left on the network with the NIC’s address', async () => {
  await run('add_cleaning_network')
  on.neutron.port({ network_id: 'n-prov', mac_address: MAC, device_id: 'another node', device_owner: 'baremetal:none' })
  const stranger = on.neutron.port({
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
  expect(on.neutron.ports).toMatchObject([{ 'binding:profile': { local_link_information: [link] } }])
})

test('the port of the tenant is never taken for one of ours', async () => {
  const vif = on.neutron.port({
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
  expect(on.neutron.changes).toEqual([])
})

test('a node may name networks and security groups of its own, which count more than those of its conductor', async () => {
  const driverInfo = { provisioning_network: 'n-clean', provisioning_network_security_groups: ['g1'] }
  await run(
    'add_provisioning_network',
    await context({ driverInfo }, { ...SETTINGS, securityGroups: { provisioning: ['g2'], cleaning: ['g3'] } }),
  )
  await run('add_cleaning_network', await context({}, { ...SETTINGS, securityGroups: { cleaning: ['g3'] } }))
  expect(on.neutron.ports).toMatchObject([{ network_id: 'n-clean', security_groups: ['g3'] }])
  await run('add_provisioning_network', await context({ driverInfo }))
  expect(on.neutron.ports).toMatchObject([{ network_id: 'n-clean', security_groups: ['g1'] }])
})

test('NICs that are not cabled are left out, and said on the timeline', async () => {
  const at = await context({ ports: [nic(), nic({ link: {} }, '52:54:00:00:00:02', 'nic-2')] })
  await run('add_cleaning_network', at)
  expect(on.neutron.ports).toHaveLength(1)
  expect(at.notes).toContainEqual({
    stage: 'network.not_cabled',
    body: expect.objectContaining({ address: '52:54:00:00:00:02' }),
  })
})

test('one NIC that Neutron refuses keeps no other off the network; all of them are a failure', async () => {
  const second = '52:54:00:00:00:02'
  on.neutron.port({ network_id: 'n-clean', mac_address: second, device_owner: 'compute:nova' })
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
  on.neutron.unbound = true
  const fault = await fails(run('add_cleaning_network'))
  expect([fault.message, fault.hint]).toEqual([
    expect.stringContaining('no mechanism driver'),
    expect.stringContaining('neutron-server'),
  ])
  expect(on.neutron.ports).toEqual([])
})

test('ports are waited for until they are ACTIVE, where the conductor is told to', async () => {
  on.neutron.status = 'DOWN'
  let asked = 0
  on.neutron.instead = ({ path }) => {
    if (path.includes('ports?id=') && ++asked === 3) on.neutron.ports[0]!['status'] = 'ACTIVE'
    return undefined
  }
  await run('add_cleaning_network', await context({}, { ...SETTINGS, portActiveTimeoutS: 3000 }))
  expect(asked).toBe(3)
  on.neutron.ports[0]!['status'] = 'DOWN'
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
  on.neutron.instead = () => ({ status: 503, body: { message: 'Service Unavailable' } })
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
  expect(on.neutron.ports).toEqual([])
})

test('a conductor without an OpenStack says which key is missing', async () => {
  const at = await without()
  expect((await fails(run('add_cleaning_network', at))).hint).toContain('openstackFile')
})

test('a smart NIC is wired by the agent on it', async () => {
  const link = { port_id: 'rep0', hostname: 'nic-host' }
  await run('add_cleaning_network', await context({ ports: [nic({ link, smartNic: true })] }))
  expect(on.neutron.ports).toMatchObject([{ 'binding:vnic_type': 'smart-nic', 'binding:host_id': 'nic-host' }])
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

test('a port that could not be bound before is made anew, now that it can', async () => {
  await run('add_cleaning_network')
  on.neutron.ports[0]!['binding:vif_type'] = 'binding_failed'
  await run('add_cleaning_network')
  expect(there()).toEqual([['port-2', 'n-clean', MAC]])
})

test('work that needs a network of its own is asked about before it begins', async () => {
  await ask('validate_work', { work: 'cleaning' })
  expect(await fails(ask('validate_work', { work: 'rescuing' }))).toMatchObject({
    message: 'no rescuing network is configured',
    hint: expect.stringContaining('driver_info.rescuing_network'),
  })
})

test('when its instance has gone a machine is on no network, also where what was begun for it was not undone', async () => {
  await run('add_provisioning_network')
  const { facts } = await run('unconfigure_tenant_networks')
  expect(on.neutron.ports).toEqual([])
  expect(facts).toMatchObject({ vifs: { 'nic-1': { provisioning_vif_port_id: null } } })
})
