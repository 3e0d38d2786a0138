// What an inspection by agent makes of the agent's answer, our own agent's and Ironic's.
import { afterEach, expect, test } from 'vitest'
import { commands } from '../../../agent/command-list.ts'
import type { InspectionData } from '../../../shared/agent-protocol.ts'
import { bytesInFrame } from '../../../shared/protocol.ts'
import { PAGE_BYTES } from '../../link/pages.ts'
import ipmi from '../ipmi.ts'
import { inspectionFacts } from '../../inspection/facts.ts'
import { HOOKS, type HookName } from '../../inspection/hooks.ts'
import { DEFAULT_INSPECTION, type InspectionSettings } from '../../inspection/settings.ts'
import { agentRig } from './testdata/agent-rig.ts'

const rig = agentRig(ipmi)
afterEach(rig.close)

const disk = {
  model: 'Disk of a well-known maker', serial: 'S4YPNF0M123456', vendor: 'ATA', wwn: '0x50014ee2b5e7a1c0', size: 4e12,
  wwn_with_extension: '0x50014ee2b5e7a1c0', wwn_vendor_extension: null, rotational: true, hctl: '2:0:0:0',
  by_path: '/dev/disk/by-path/pci-0000:00:1f.2-ata-1', logical_sectors: 512, physical_sectors: 4096, tran: 'sata',
} // prettier-ignore
const nic = (i: number) => ({
  name: `eth${i}`,
  mac_address: `52:54:00:00:${String(i >> 8).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
  has_carrier: true,
  vendor: '0x15b3',
})
const found = (count: number, pxe: string | null = null): InspectionData => ({
  inventory: {
    interfaces: Array.from({ length: count }, (_, i) => nic(i)),
    cpu: { model_name: 'CPU', frequency: '2000', count: 8, architecture: 'x86_64', flags: [], socket_count: 1 },
    disks: Array.from({ length: count }, (_, i) => ({ ...disk, name: `/dev/sd${i}` })),
    memory: { total: 2 ** 33, physical_mb: 8192 },
    system_vendor: {
      product_name: 'P',
      serial_number: 'S',
      manufacturer: 'M',
      firmware: { vendor: null, version: null, build_date: null },
    },
    boot: { current_boot_mode: 'uefi', pxe_interface: pxe },
    hostname: null,
  },
  root_disk: { ...disk, name: '/dev/sd0' },
  pci_devices: Array.from({ length: count }, (_, i) => ({
    bus: `0000:${i}`, vendor_id: '8086', product_id: '1234', class: '020000', revision: '00',
  })), // prettier-ignore
  numa_topology: { ram: [], nics: [], cpus: Array.from({ length: count }, (_, i) => ({ cpu: i, numa_node: 0 })) },
})

const factsOf = ({ inventory, ...pluginData }: InspectionData, settings: Partial<InspectionSettings> = {}) =>
  inspectionFacts({ inventory, pluginData, properties: {} }, { ...DEFAULT_INSPECTION, ...settings })

test('the NIC that it booted from is the one that boots', () => {
  const { ports, properties } = factsOf(found(2, '01-52-54-00-00-00-01'))
  expect(ports).toEqual({
    nics: [
      { address: '52:54:00:00:00:00', pxe_enabled: false, add: false },
      { address: '52:54:00:00:00:01', pxe_enabled: true, add: true },
    ],
    keep: 'all',
    update_pxe_enabled: true,
  })
  expect(properties).toEqual({ cpu_arch: 'x86_64', cpus: 8, memory_mb: 8192, local_gb: 3724 })
  expect(factsOf(found(1))['ports'], 'nobody says which one it was').toEqual({
    nics: [{ address: '52:54:00:00:00:00', pxe_enabled: true, add: true }],
    keep: 'all',
    update_pxe_enabled: false,
  })
})

test('plugin data tells the NICs by name, as Ironic’s does, and which one boots', () => {
  const data = found(2, '01-52-54-00-00-00-01')
  const { interfaces } = data.inventory
  const inventory = { ...data.inventory, interfaces: [...interfaces, { ...nic(2), mac_address: null }] }
  const facts = factsOf({ ...data, inventory })
  const [first, second] = [nic(0), nic(1)].map(({ name, mac_address }, i) => ({
    name,
    mac_address,
    pxe_enabled: i === 1,
  }))
  expect(facts['plugin_data']).toMatchObject({
    macs: [second!.mac_address],
  })
  const { all_interfaces: all, valid_interfaces: valid } = facts['plugin_data'] as Record<string, object>
  expect(all).toEqual({ eth0: first, eth1: second })
  expect(valid, 'add_ports pxe').toEqual({ eth1: second })
})

test('what a very large machine has fits into a message', () => {
  const { inventory, ...data } = found(1000, '01-52-54-00-00-00-01')
  const lldp = [[4, '61'.repeat(500)]]
  const interfaces = inventory.interfaces.map((each) => ({ ...each, lldp }))
  const flags = Array.from({ length: 150 }, (_, i) => `flag_of_cpu_${i}`)
  const large = {
    ...data,
    inventory: { ...inventory, interfaces, cpu: { ...inventory.cpu, flags } },
    data: Array.from({ length: 1000 }, (_, i) => ['cpu', `${i}`, 'name', 'value']),
    logs: 'x'.repeat(100_000),
    lldp_raw: Object.fromEntries(interfaces.map(({ name }) => [name, lldp])),
  }
  const hooks = Object.keys(HOOKS) as HookName[]
  const facts = factsOf(large, { hooks, addPorts: 'all', keepPorts: 'present' })
  expect(bytesInFrame(facts)).toBeLessThan(PAGE_BYTES)
  expect((facts['ports'] as { keep: string }).keep, 'NICs that the hub is not told of are not gone').toBe('all')
  expect((facts['plugin_data'] as { pci_devices: unknown[] }).pci_devices.length).toBeGreaterThan(100)
})

test('a machine without a NIC is no inspected machine', () => {
  expect(() => factsOf(found(0))).toThrow('no NIC')
})

test('Ironic’s own agent, which has no such command, is asked for its inventory', async () => {
  const { context, ran } = await rig.start(commands.filter(({ name }) => !name.startsWith('inspection.')))
  const inspecting = ipmi.interfaces.inspect!['agent']!.steps!['inspect_hardware']!(context)
  // The agent's machine has no NIC: that its answer was looked at is what counts.
  await expect(inspecting).rejects.toThrow('no NIC')
  expect(ran).toEqual(['get_hardware_info'])
})
