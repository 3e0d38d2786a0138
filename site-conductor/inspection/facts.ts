// What the cloud is told of an inspection: what was found, and what the chosen hooks make of it, as much of that as fits into one message.
import { fitting } from '../drivers/fitting.ts'
import type { Changes, Fields, Found, NicChange } from './found.ts'
import { serialsOf } from './hooks/raid-device.ts'
import { HOOKS, type HookName } from './hooks.ts'
import type { InspectionSettings } from './settings.ts'

/** Shares of the one message that facts travel in. */
const ROOM = {
  disks: 12 * 1024,
  interfaces: 10 * 1024,
  named: 2.5 * 1024,
  nics: 6 * 1024,
  pci: 10 * 1024,
  cores: 8 * 1024,
  lldp: 4 * 1024,
  /** Whatever else is in the plugin data, together. */
  others: 5 * 1024,
} as const
/** Bytes of a serial number, and so many of them. */
const [MAX_SERIAL, MAX_SERIALS] = [128, 64]

interface Made {
  properties: Record<string, unknown>
  capabilities: Record<string, string>
  pluginData: Record<string, unknown>
  nics: Record<string, NicChange>
  ports: NonNullable<Changes['ports']>
}

/** Throws a FaultError where a hook says that the inspection has failed. */
export function inspectionFacts(found: Found, settings: InspectionSettings): Record<string, unknown> {
  const made = runHooks(found, settings)
  const { inventory } = found
  const interfaces = fitting(inventory.interfaces ?? [], ROOM.interfaces, ({ lldp: _lldp, ...nic }) => nic)
  const nics = fitting(
    Object.entries(made.nics).map(([address, change]) => ({ address, ...change })),
    ROOM.nics,
  )
  const ports = {
    nics: nics.list,
    ...made.ports,
    // Ports of NICs that nobody is told of are no ports of NICs that are gone.
    ...(nics.dropped > 0 && { keep: 'all' }),
  }
  return {
    inventory: {
      ...inventory,
      disks: fitting<object>(inventory.disks ?? [], ROOM.disks).list,
      interfaces: interfaces.list,
    },
    plugin_data: fittingData(made.pluginData),
    properties: made.properties,
    ...(Object.keys(made.capabilities).length > 0 && { capabilities: made.capabilities }),
    ...(inventory.boot?.current_boot_mode && { boot_mode: inventory.boot.current_boot_mode }),
    ...(nics.list.length > 0 && { ports }),
    ...(settings.hooks.includes('raid-device') && { driver_internal_info: { inspected_disks: keptSerials(found) } }),
  }
}

function runHooks(found: Found, settings: InspectionSettings): Made {
  const made: Made = {
    properties: {},
    capabilities: {},
    pluginData: { ...found.pluginData },
    nics: {},
    ports: { keep: 'all', update_pxe_enabled: false },
  }
  for (const name of Object.keys(HOOKS) as HookName[]) {
    if (!settings.hooks.includes(name)) continue
    const changes = HOOKS[name].run({ ...found, pluginData: made.pluginData }, settings)
    if (changes !== undefined) take(made, changes)
  }
  return made
}

function take(made: Made, { properties, capabilities, pluginData, nics, ports }: Changes): void {
  Object.assign(made.properties, properties)
  Object.assign(made.capabilities, capabilities)
  Object.assign(made.pluginData, pluginData)
  Object.assign(made.ports, ports)
  for (const [mac, change] of Object.entries(nics ?? {})) made.nics[mac] = { ...made.nics[mac], ...change }
}

const keptSerials = ({ inventory }: Found) =>
  serialsOf(inventory)
    .map((serial) => serial.slice(0, MAX_SERIAL))
    .slice(0, MAX_SERIALS)

interface Data extends Record<string, unknown> {
  readonly pci_devices?: readonly object[]
  readonly numa_topology?: { readonly cpus?: readonly object[] }
}

/** A tar of logs is longer than a message, and what hooks have taken apart is not told twice. */
const LEFT: ReadonlySet<string> = new Set(['logs', 'lldp_raw', 'error'])
const NAMED = ['all_interfaces', 'valid_interfaces'] as const

function fittingData(data: Data): Record<string, unknown> {
  const { pci_devices: pci, numa_topology: numa, parsed_lldp: lldp, all_interfaces, valid_interfaces, ...rest } = data
  const named = { all_interfaces, valid_interfaces }
  const others = Object.entries(rest).filter(([key, value]) => !LEFT.has(key) && value !== null)
  return {
    ...Object.fromEntries(fitting(others, ROOM.others).list),
    ...Object.fromEntries(NAMED.flatMap((key) => (named[key] ? [[key, fittingMap(named[key], ROOM.named)]] : []))),
    ...(pci && { pci_devices: fitting(pci, ROOM.pci).list }),
    ...(numa && { numa_topology: { ...numa, cpus: fitting(numa.cpus ?? [], ROOM.cores).list } }),
    ...(lldp !== undefined && { parsed_lldp: fittingMap(lldp, ROOM.lldp) }),
  }
}

const fittingMap = (map: unknown, maxBytes: number) =>
  Object.fromEntries(fitting(Object.entries(map as Fields), maxBytes).list)
