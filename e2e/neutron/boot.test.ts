// A machine that really boots while it is on a network of Neutron, one in memory here: firmware, DHCP, agent and all.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { FakeNeutron } from '../../site-conductor/network/neutron/fake-neutron.ts'
import { fakeKeystone } from '../../site-conductor/openstack/fake-keystone.ts'
import { startStory, type Story } from '../story.ts'

async function onNeutron(
  context: TestContext,
  dhcp: 'neutron' | 'conductor',
  act: (story: Story, neutron: FakeNeutron) => Promise<void>,
): Promise<void> {
  const neutron = new FakeNeutron()
  const keystone = await fakeKeystone({ network: neutron.answer }, { open: true })
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-neutron-boot-'))
  const file = join(folder, 'openstack.json')
  const networks = { provisioning: 'prov', cleaning: 'clean', inspection: 'prov' }
  const endpoints = { network: keystone.urlOf('network') }
  await writeFile(file, JSON.stringify({ authType: 'none', endpoints, neutron: { networks, dhcp } }))
  try {
    await using story = await startStory(context, { conductorConfig: { openstackFile: file } })
    const { api, node } = story
    await api.patchNode(node, { network_interface: 'neutron' })
    const { ports } = (await api.call('GET', `/nodes/${node}/ports`)) as { ports: { uuid: string }[] }
    const value = { switch_id: '0a:1b:2c:3d:4e:5f', port_id: 'Ethernet1/1' }
    await api.call('PATCH', `/ports/${ports[0]!.uuid}`, [{ op: 'add', path: '/local_link_connection', value }])
    await api.provision(node, 'manage')
    await story.reach('manageable')
    await act(story, neutron)
  } finally {
    await keystone.close()
    await rm(folder, { recursive: true })
  }
}

test.concurrent('an inspection boots on the network for it, with addresses of the conductor, and leaves it', async (context) => {
  await onNeutron(context, 'conductor', async ({ api, node, machine, reach, until }, neutron) => {
    await api.provision(node, 'inspect')
    await until('the agent', async () => (await api.node(node)).provision_state === 'inspect wait')
    expect(neutron.ports).toMatchObject([{ network_id: 'n-prov', mac_address: machine.options.mac, device_id: node }])
    expect(neutron.ports[0]).not.toHaveProperty('extra_dhcp_opts')
    expect(await reach('manageable')).toMatchObject({ properties: { cpu_arch: 'x86_64' } })
    expect(machine.offToOn()).toBe(1)
    expect(neutron.ports).toEqual([])
  })
})

test.concurrent("with Neutron's DHCP it is told where to boot from, and the conductor's says nothing to the machine", async (context) => {
  await onNeutron(context, 'neutron', async ({ api, node, machine, until, fail }, neutron) => {
    await api.provision(node, 'inspect')
    const options = await until(
      'options',
      () => neutron.ports[0]?.['extra_dhcp_opts'] as { opt_name: string; opt_value: string }[],
    )
    expect(options.map(({ opt_name: name }) => name)).toEqual(['tag:!ipxe,67', 'tag:ipxe,67', '66', '150', '255'])
    expect(options[1]!.opt_value).toMatch(/^http:\/\/[\d.]+:\d+\/[\w-]{24}\/boot\.ipxe$/)
    await until('the wait', async () => (await api.node(node)).provision_state === 'inspect wait')
    await until('a machine that got no answer', () => machine.console().includes('no DHCP offer'))
    const stages = (await api.timeline(node)).map(({ type }) => type)
    expect(stages.filter((type) => type.startsWith('boot.'))).toEqual([])
    await api.provision(node, 'abort')
    await fail('inspect failed')
    await until('the end of what follows', () => neutron.ports.length === 0)
  })
})
