// What each hook makes of what was found.
import { expect, test } from 'vitest'
import { inspectionFacts } from './facts.ts'
import type { Found, FoundNic } from './found.ts'
import { DEFAULT_HOOKS, HOOKS, type HookName } from './hooks.ts'
import {
  DEFAULT_INSPECTION,
  hooksError,
  inspectionSettings,
  physicalNetworkError,
  type InspectionSettings,
} from './settings.ts'

const mac = (i: number) => `52:54:00:00:00:0${i}`
const nic = (i: number, more: Partial<FoundNic> = {}): FoundNic => ({ name: `eth${i}`, mac_address: mac(i), ...more })
const settings = (more: Partial<InspectionSettings> = {}): InspectionSettings => ({ ...DEFAULT_INSPECTION, ...more })
const found = (inventory: Found['inventory'], more: Partial<Found> = {}): Found => ({
  inventory,
  pluginData: {},
  properties: {},
  ...more,
})
const run = (name: HookName, of: Found, more: Partial<InspectionSettings> = {}) => HOOKS[name].run(of, settings(more))
const pci = (...ids: string[]) =>
  ids.map((id, i) => ({ bus: `0000:0${i}:00.0`, vendor_id: id.split(':')[0], product_id: id.split(':')[1] }))

test('without a choice it is Ironic’s hooks, and what its users’ schedulers read', () => {
  expect(DEFAULT_HOOKS).toEqual([
    'ramdisk-error', 'validate-interfaces', 'ports', 'architecture', 'cpus', 'memory', 'root-device',
  ]) // prettier-ignore
})

test.each<[string, string[], string | undefined]>([
  ['none', [], undefined],
  ['all', Object.keys(HOOKS), undefined],
  ['one that is none', ['cpu'], 'there is no hook cpu; possible are ramdisk-error'],
  ['ports without the one that chooses the NICs', ['ports'], 'ports needs validate-interfaces'],
  ['a name of every object', ['toString'], 'there is no hook toString'],
])('hooks of a site: %s', (_, names, why) => {
  if (why === undefined) expect(hooksError(names)).toBeUndefined()
  else expect(hooksError(names)).toContain(why)
})

test('ramdisk-error: what the ramdisk calls an error fails the inspection, where the hook is chosen', () => {
  const broken = found({ interfaces: [nic(0)] }, { pluginData: { error: 'no disks' } })
  expect(() => inspectionFacts(broken, settings())).toThrow('the ramdisk could not inspect it: no disks')
  expect(inspectionFacts(broken, settings({ hooks: [] }))).toMatchObject({ properties: {} })
  expect(run('ramdisk-error', found({}, { pluginData: { error: null } }))).toBeUndefined()
})

const three = {
  interfaces: [nic(0), nic(1, { ipv4_address: '10.2.0.9' }), nic(2, { ipv6_address: 'fd00::1%eth2' })],
  boot: { pxe_interface: `01-${mac(1).replaceAll(':', '-').toUpperCase()}` },
}
test.each<[InspectionSettings['addPorts'], Found['inventory'], string[]]>([
  ['pxe', three, ['eth1']],
  ['pxe', { interfaces: three.interfaces }, ['eth0', 'eth1', 'eth2']],
  ['active', three, ['eth1', 'eth2']],
  ['all', three, ['eth0', 'eth1', 'eth2']],
  ['disabled', three, ['eth0', 'eth1', 'eth2']],
  ['all', { interfaces: [nic(0), { name: 'lo', mac_address: mac(9) }] }, ['eth0']],
])('validate-interfaces: add_ports %s', (addPorts, inventory, names) => {
  const { pluginData } = run('validate-interfaces', found(inventory), { addPorts })!
  expect(Object.keys(pluginData!['valid_interfaces'] as object)).toEqual(names)
})

test('validate-interfaces: a machine without such a NIC is no inspected machine; a BMC may know of none', () => {
  expect(() => run('validate-interfaces', found({ interfaces: [nic(0, { mac_address: null })] }))).toThrow('no NIC')
  expect(() => run('validate-interfaces', found({ interfaces: [nic(0)] }), { addPorts: 'active' })).toThrow('active')
  expect(run('validate-interfaces', found({}))).toBeUndefined()
})

test.each<[Partial<InspectionSettings>, object, boolean[]]>([
  [{}, { keep: 'all', update_pxe_enabled: true }, [false, true, false]],
  [{ addPorts: 'all', keepPorts: 'added' }, { keep: 'added', update_pxe_enabled: true }, [true, true, true]],
  [{ addPorts: 'disabled', keepPorts: 'added' }, { keep: 'present', update_pxe_enabled: true }, [false, false, false]],
  [{ updatePxeEnabled: false }, { keep: 'all', update_pxe_enabled: false }, [false, true, false]],
])('ports: %o', (chosen, policy, adds) => {
  const { ports } = inspectionFacts(found(three), settings(chosen)) as { ports: { nics: { add: boolean }[] } }
  const { nics, ...rest } = ports
  expect([rest, nics.map(({ add }) => add)]).toEqual([policy, adds])
})

test('architecture, cpus, memory, root-device and boot-mode: one property each', () => {
  const all = found(
    {
      interfaces: [nic(0)],
      cpu: { architecture: 'x86_64', count: 4 },
      memory: { total: 2 ** 32, physical_mb: 4096 },
      boot: { current_boot_mode: 'uefi' },
    },
    { pluginData: { root_disk: { size: 10 * 2 ** 30 + 5 } } },
  )
  expect(inspectionFacts(all, settings({ hooks: [...DEFAULT_HOOKS, 'boot-mode'] }))).toMatchObject({
    properties: { cpu_arch: 'x86_64', cpus: 4, memory_mb: 4096, local_gb: 9 },
    capabilities: { boot_mode: 'uefi' },
  })
  expect(inspectionFacts(all, settings())).not.toHaveProperty('capabilities')
  expect(inspectionFacts(all, settings({ hooks: ['architecture'] }))['properties']).toEqual({ cpu_arch: 'x86_64' })
  expect(run('root-device', found({}, { pluginData: { root_disk: null } }))).toEqual({ properties: { local_gb: 0 } })
})

test.each<[string[], object]>([
  [['fpu', 'vmx'], { cpu_vt: 'true' }],
  [['svm'], { cpu_vt: 'true' }],
  [
    ['aes', 'pse', 'pdpe1gb', 'smx'],
    { cpu_aes: 'true', cpu_hugepages: 'true', cpu_hugepages_1g: 'true', cpu_txt: 'true' },
  ],
  [[], {}],
])('cpu-capabilities: %o', (flags, capabilities) => {
  expect(run('cpu-capabilities', found({ cpu: { flags } }))).toEqual({ capabilities })
})

const aliases = inspectionSettings({
  inspectionHooks: [],
  inspectionAddPorts: 'pxe',
  inspectionKeepPorts: 'all',
  inspectionUpdatePxeEnabled: true,
  inspectionPciAliases: ['8086:1521=i350', '10DE:20B5=a100'],
  inspectionPhysicalNetworks: ['10.2.3.0/24=near', '10.2.0.0/16=site', 'fd00::/8=six'],
  inspectionAccelerators: ['10de:20b5=GPU:NVIDIA A100'],
})

test('pci-devices: a capability counts the devices of its name', () => {
  const pluginData = { pci_devices: pci('8086:1521', '8086:1521', '10de:20b5', '1af4:1000') }
  expect(run('pci-devices', found({}, { pluginData }), aliases)).toEqual({ capabilities: { i350: '2', a100: '1' } })
  expect(run('pci-devices', found({}), aliases)).toEqual({ capabilities: {} })
})

test('accelerators: those that are known, where they are', () => {
  const pluginData = { pci_devices: pci('8086:1521', '10de:20b5') }
  expect(run('accelerators', found({}, { pluginData }), aliases)).toEqual({
    properties: {
      accelerators: [
        { vendor_id: '10de', device_id: '20b5', type: 'GPU', device_info: 'NVIDIA A100', pci_address: '0000:01:00.0' },
      ],
    },
  })
  expect(run('accelerators', found({}, { pluginData: { pci_devices: [] } }), aliases)).toEqual({ properties: { accelerators: [] } }) // prettier-ignore
  expect(run('accelerators', found({}), aliases), 'nobody looked').toBeUndefined()
})

const disks = (...serials: (string | null)[]) => ({
  disks: serials.map((serial, i) => ({ name: `/dev/sd${i}`, size: 1, serial })),
})
test.each<[string, Partial<Found>, object | undefined]>([
  ['one that is new', { earlierDisks: ['a', 'b'] }, { properties: { root_device: { serial: 'c' } } }],
  ['two that are new', { earlierDisks: ['a'] }, undefined],
  ['none that is new', { earlierDisks: ['a', 'b', 'c'] }, undefined],
  ['no inspection before', {}, undefined],
  ['a root device that is known', { earlierDisks: ['a', 'b'], properties: { root_device: { name: 'x' } } }, undefined],
])('raid-device: %s', (_, more, changes) => {
  expect(run('raid-device', found(disks('a', null, 'b', 'c'), more))).toEqual(changes)
})

test('raid-device: what the next inspection compares with is kept', () => {
  const of = found({ interfaces: [nic(0)], ...disks('a', null, 'b') })
  const facts = inspectionFacts(of, settings({ hooks: ['raid-device'] }))
  expect(facts['driver_internal_info']).toEqual({ inspected_disks: ['a', 'b'] })
  expect(inspectionFacts(of, settings())).not.toHaveProperty('driver_internal_info')
})

test('extra-hardware: the list becomes a tree; what is no such list stays as it is', () => {
  const data = [['cpu', 'logical', 'number', '8'], ['disk', 'sda', 'vendor', 'ATA'], [], ['__proto__', 'a', 'b', 'c']]
  const hooks: HookName[] = ['extra-hardware']
  const { plugin_data: told } = inspectionFacts(found({}, { pluginData: { data } }), settings({ hooks }))
  expect(JSON.parse(JSON.stringify(told))).toEqual(
    JSON.parse(
      '{"extra": {"cpu": {"logical": {"number": 8}}, "disk": {"sda": {"vendor": "ATA"}}, "__proto__": {"a": {"b": "c"}}}}',
    ),
  )
  expect(run('extra-hardware', found({}, { pluginData: { data: ['x'] } }))).toBeUndefined()
})

// Chassis 00:11:22:33:44:55, port Gi1/0/7, TTL, name sw1.
const lldp = [[1, '04001122334455'], [2, `05${Buffer.from('Gi1/0/7').toString('hex')}`], [3, '0078'], [5, '737731']] // prettier-ignore

test('parse-lldp: by the names of NICs, told with them or by the collector', () => {
  const of = found(
    { interfaces: [nic(0, { lldp }), nic(1), nic(2, { lldp: 'nonsense' })] },
    { pluginData: { lldp_raw: { eth1: lldp } } },
  )
  const sw = { switch_chassis_id: '00:11:22:33:44:55', switch_port_id: 'Gi1/0/7', switch_system_name: 'sw1' }
  expect(run('parse-lldp', of)).toEqual({ pluginData: { parsed_lldp: { eth0: sw, eth1: sw } } })
  expect(run('parse-lldp', found({ interfaces: [nic(0)] }))).toBeUndefined()
})

test('local-link-connection: where the cable ends; a chassis without a MAC address is none that a port can name', () => {
  const unnamed = [
    [1, '0773773'],
    [2, '0731'],
  ]
  const of = found({ interfaces: [nic(0, { lldp }), nic(1, { lldp: unnamed }), nic(2)] })
  expect(run('local-link-connection', of)).toEqual({
    nics: {
      [mac(0)]: { local_link_connection: { switch_id: '00:11:22:33:44:55', port_id: 'Gi1/0/7', switch_info: 'sw1' } },
    },
  })
})

test('physical-network: the first network that holds an address of the NIC', () => {
  const of = found({
    interfaces: [nic(0, { ipv4_address: '10.2.3.4' }), nic(1, { ipv4_address: '10.2.9.9' }), nic(2, { ipv4_address: '192.0.2.1', ipv6_address: 'fd00::1%eth2' }), nic(3)],
  }) // prettier-ignore
  expect(run('physical-network', of, aliases)).toEqual({
    nics: {
      [mac(0)]: { physical_network: 'near' },
      [mac(1)]: { physical_network: 'site' },
      [mac(2)]: { physical_network: 'six' },
    },
  })
  expect(physicalNetworkError('10.2.0.0/16=site')).toBeUndefined()
  expect(physicalNetworkError('10.2.0.0/16')).toContain('does not name')
  expect(physicalNetworkError('10.2.0.0/99=a')).toContain('is not a network')
})

test('what several hooks say of one NIC is told together', () => {
  const inventory = { interfaces: [nic(0, { lldp, ipv4_address: '10.2.3.4' })] }
  const hooks: HookName[] = ['physical-network', 'local-link-connection']
  const { ports } = inspectionFacts(found(inventory), { ...aliases, hooks })
  expect(ports).toEqual({
    nics: [{ address: mac(0), local_link_connection: expect.anything() as unknown, physical_network: 'near' }],
    keep: 'all',
    update_pxe_enabled: false,
  })
})
