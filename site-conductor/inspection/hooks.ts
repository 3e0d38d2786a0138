// Inspection hooks (Ironic's names): what is made of what an inspection found. Those that a site has chosen run in the order of this table, each of
// which sees what those before it made of the plugin data.
import type { Hook } from './found.ts'
import { accelerators } from './hooks/accelerators.ts'
import { architecture } from './hooks/architecture.ts'
import { bootMode } from './hooks/boot-mode.ts'
import { cpuCapabilities } from './hooks/cpu-capabilities.ts'
import { cpus } from './hooks/cpus.ts'
import { extraHardware } from './hooks/extra-hardware.ts'
import { localLinkConnection } from './hooks/local-link-connection.ts'
import { memory } from './hooks/memory.ts'
import { parseLldpHook } from './hooks/parse-lldp.ts'
import { pciDevices } from './hooks/pci-devices.ts'
import { physicalNetwork } from './hooks/physical-network.ts'
import { ports } from './hooks/ports.ts'
import { raidDevice } from './hooks/raid-device.ts'
import { ramdiskError } from './hooks/ramdisk-error.ts'
import { rootDevice } from './hooks/root-device.ts'
import { validateInterfaces } from './hooks/validate-interfaces.ts'

export interface HookEntry {
  readonly run: Hook
  readonly about: string
  /** Another one, without which it has nothing to work on. */
  readonly needs?: HookName
  /** Where nobody has chosen any. */
  readonly isDefault?: true
}

const entry = (run: Hook, about: string): HookEntry => ({ run, about })
const byDefault = (run: Hook, about: string): HookEntry => ({ run, about, isDefault: true })

export type HookName =
  | 'ramdisk-error'
  | 'validate-interfaces'
  | 'ports'
  | 'architecture'
  | 'cpus'
  | 'memory'
  | 'root-device'
  | 'boot-mode'
  | 'cpu-capabilities'
  | 'pci-devices'
  | 'accelerators'
  | 'raid-device'
  | 'extra-hardware'
  | 'parse-lldp'
  | 'local-link-connection'
  | 'physical-network'

// prettier-ignore
export const HOOKS: Readonly<Record<HookName, HookEntry>> = {
  'ramdisk-error':         byDefault(ramdiskError, 'What the ramdisk calls an error fails the inspection'),
  'validate-interfaces':   byDefault(validateInterfaces, 'Which NICs are to have ports (`inspectionAddPorts`), as `all_interfaces`, `valid_interfaces` and `macs` of the plugin data; a machine without one is no inspected machine'),
  'ports':                 { ...byDefault(ports, 'Those NICs get ports; `inspectionKeepPorts` and `inspectionUpdatePxeEnabled` say what becomes of ports that are there'), needs: 'validate-interfaces' },
  'architecture':          byDefault(architecture, '`properties.cpu_arch`'),
  'cpus':                  byDefault(cpus, '`properties.cpus`'),
  'memory':                byDefault(memory, '`properties.memory_mb`'),
  'root-device':           byDefault(rootDevice, "`properties.local_gb`: the size of the disk that the node's root device hints mean, in GiB, without one; 0 without a disk"),
  'boot-mode':             entry(bootMode, 'Capability `boot_mode`: uefi or bios, as the machine was booted'),
  'cpu-capabilities':      entry(cpuCapabilities, "Capabilities that are `true` where the CPU has the flag: `cpu_vt` (vmx, svm), `cpu_aes` (aes), `cpu_hugepages` (pse), `cpu_hugepages_1g` (pdpe1gb), `cpu_txt` (smx)"),
  'pci-devices':           entry(pciDevices, 'A capability for each name in `inspectionPciAliases`: so many such PCI devices there are'),
  'accelerators':          entry(accelerators, '`properties.accelerators`: the PCI devices that `inspectionAccelerators` lists'),
  'raid-device':           entry(raidDevice, '`properties.root_device`: the serial number of the one disk that was not there at the inspection before, where the node has no `root_device`. The inspection before must have had this hook, too'),
  'extra-hardware':        entry(extraHardware, "`data` of the plugin data (hardware-detect's list, of a ramdisk that has it) as `extra`: {class: {device: {name: value}}}"),
  'parse-lldp':            entry(parseLldpHook, 'What switches say of themselves (LLDP) by the names of the NICs, as `parsed_lldp` of the plugin data'),
  'local-link-connection': entry(localLinkConnection, "`local_link_connection` of ports: `switch_id`, `port_id` and `switch_info` from LLDP, where the switch's chassis id is a MAC address; keys that are there stay"),
  'physical-network':      entry(physicalNetwork, '`physical_network` of ports, by the IP addresses that their NICs have in the ramdisk (`inspectionPhysicalNetworks`)'),
}

export const DEFAULT_HOOKS: readonly HookName[] = (Object.keys(HOOKS) as HookName[]).filter(
  (name) => HOOKS[name].isDefault,
)
