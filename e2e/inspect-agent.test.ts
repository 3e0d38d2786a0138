// Inspection by the agent: the machine boots the ramdisk, which says what the machine is made of; what it found is the node's afterwards.
import { expect, test } from 'vitest'
import { INSPECT_BY_AGENT } from '../cloud/plans.ts'
import { startStory } from './story.ts'

interface Kept {
  readonly inventory: { readonly interfaces: readonly { readonly mac_address: string }[] }
  readonly plugin_data: Record<string, unknown>
}
interface Port {
  readonly address: string
  readonly pxe_enabled: boolean
  readonly physical_network: string | null
}

test.concurrent('a machine is inspected by its agent, gets ports for its NICs, and is off afterwards', async (context) => {
  await using story = await startStory(context)
  const { api, machine, node } = story
  expect(await api.node(node)).toMatchObject({ inspect_interface: 'agent' })
  await api.call('POST', '/inspection_rules', {
    actions: [
      {
        op: 'set-port-attribute',
        args: { port_id: '{inventory[interfaces][1][mac_address]}', path: '/physical_network', value: 'storage' },
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
  const [first, second] = inventory.interfaces.map(({ mac_address: mac }) => mac)
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
    { address: first, pxe_enabled: true, physical_network: null },
    { address: second, pxe_enabled: false, physical_network: 'storage' },
  ])
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
