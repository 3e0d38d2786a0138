// Inspection by the agent: the machine boots the ramdisk, which says what the machine is made of; what it found is the node's afterwards.
import { expect, test } from 'vitest'
import { lldpFrame as lldpFrameOf } from '../agent/testing.ts'
import { INSPECT_BY_AGENT } from '../cloud/plans.ts'
import type { HookName } from '../site-conductor/inspection/hooks.ts'
import { startStory } from './story.ts'

interface Kept {
  readonly inventory: { readonly interfaces: readonly { readonly mac_address: string }[] }
  readonly plugin_data: Record<string, unknown>
}
interface Port {
  readonly address: string
  readonly pxe_enabled: boolean
  readonly physical_network: string | null
  readonly local_link_connection: Record<string, string>
}

test.concurrent('a machine is inspected by its agent, gets a port for the NIC that booted it, and is off afterwards', async (context) => {
  await using story = await startStory(context)
  const { api, machine, node } = story
  expect(await api.node(node)).toMatchObject({ inspect_interface: 'agent' })
  await api.call('POST', '/inspection_rules', {
    actions: [
      {
        op: 'set-port-attribute',
        args: { port_id: '{inventory[interfaces][0][mac_address]}', path: '/physical_network', value: 'storage' },
      },
    ],
  })
  await api.provision(node, 'manage')
  await story.reach('manageable')
  await api.provision(node, 'inspect')
  const found = await story.reach('manageable')
  expect(found).toMatchObject({
    power_state: 'power off',
    boot_mode: 'uefi',
    properties: { cpu_arch: 'x86_64', cpus: 1, memory_mb: 4096, local_gb: 7, capabilities: 'boot_mode:uefi' },
  })
  expect(machine.offToOn()).toBe(1)

  const { inventory, plugin_data: more } = (await api.call('GET', `/nodes/${node}/inventory`)) as Kept
  const [first] = inventory.interfaces.map(({ mac_address: mac }) => mac)
  expect(first).toBe(machine.options.mac)
  expect(more).toMatchObject({
    root_disk: { name: machine.disk.path },
    boot_interface: machine.options.mac,
    pci_devices: [{ bus: '0000:00:03.0', vendor_id: '1af4', product_id: '1000', class: '020000', revision: '00' }],
    configuration: { collectors: expect.arrayContaining(['default', 'pci-devices']) as unknown },
  })
  const { ports } = (await api.call('GET', `/ports?node=${node}&detail=true`)) as { ports: Port[] }
  expect(
    ports.map(({ address, pxe_enabled, physical_network }) => ({ address, pxe_enabled, physical_network })),
  ).toEqual([
    // The other one did not boot the machine (add_ports pxe, as Ironic's default).
    { address: first, pxe_enabled: true, physical_network: 'storage' },
  ])
  expect(more).toMatchObject({ valid_interfaces: { eth0: { mac_address: first } }, macs: [first] })
  expect(Object.keys(more['all_interfaces'] as object)).toEqual(['eth0', 'eth1'])
  const finished = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  expect(finished.slice(1)).toEqual(INSPECT_BY_AGENT.map((step) => `${step.interface}.${step.step}`))
})

test.concurrent('an inspection is aborted while its agent is awaited, and the machine is off afterwards', async (context) => {
  await using story = await startStory(context)
  const { api, machine, node } = story
  await api.provision(node, 'manage')
  await story.reach('manageable')
  machine.options.cable = 'pulled'
  await api.provision(node, 'inspect')
  await story.until('inspect wait', async () => (await api.node(node)).provision_state === 'inspect wait')
  await api.provision(node, 'abort')
  expect((await story.fail('inspect failed')).last_error).toContain('aborted')
  await story.until('power off', async () => (await api.node(node)).power_state === 'power off')
  expect(machine.transitions.at(-1)?.kind).toBe('power off')
})

test.concurrent('what is made of an inspection is what the site has chosen', async (context) => {
  const conductorConfig = {
    kernelArguments: 'ipa-collect-lldp=1',
    inspectionHooks: [
      'validate-interfaces', 'ports', 'architecture', 'boot-mode', 'cpu-capabilities', 'pci-devices', 'raid-device', 'parse-lldp',
      'local-link-connection',
    ] satisfies HookName[], // prettier-ignore
    inspectionAddPorts: 'all' as const,
    inspectionKeepPorts: 'present' as const,
    inspectionPciAliases: ['1af4:1000=virtio'],
  }
  const lldpFrame = lldpFrameOf('Gi1/0/7', [[5, Buffer.from('sw1')]])
  await using story = await startStory(context, { conductorConfig, lldpFrame })
  const { api, machine, node } = story
  const gone = '52:54:00:ff:ff:ff'
  await api.call('POST', '/ports', { node_uuid: node, address: gone, pxe_enabled: false })
  await api.provision(node, 'manage')
  await story.reach('manageable')
  const before = (await api.node(node)) as unknown as { properties: Record<string, unknown> }
  await api.provision(node, 'inspect')
  const found = (await story.reach('manageable')) as unknown as typeof before
  const { capabilities, ...properties } = found.properties
  // Hooks that are not chosen change nothing.
  expect({ ...properties, cpu_arch: 'x86_64' }).toEqual({
    ...before.properties,
    capabilities: undefined,
    cpu_arch: 'x86_64',
  })
  expect(capabilities).toBe('boot_mode:uefi,cpu_hugepages:true,cpu_aes:true,cpu_vt:true,virtio:1')

  const { inventory, plugin_data: more } = (await api.call('GET', `/nodes/${node}/inventory`)) as Kept
  const sw1 = { switch_chassis_id: '00:11:22:33:44:55', switch_port_id: 'Gi1/0/7', switch_system_name: 'sw1' }
  expect(more['parsed_lldp']).toEqual({ eth0: sw1 })
  const { ports } = (await api.call('GET', `/ports?node=${node}&detail=true`)) as { ports: Port[] }
  const link = { switch_id: '00:11:22:33:44:55', port_id: 'Gi1/0/7', switch_info: 'sw1' }
  expect(
    ports.map(({ address, pxe_enabled, local_link_connection }) => ({ address, pxe_enabled, local_link_connection })),
  ).toEqual([
    { address: machine.options.mac, pxe_enabled: true, local_link_connection: link },
    { address: inventory.interfaces[1]!.mac_address, pxe_enabled: false, local_link_connection: {} },
  ])
})
