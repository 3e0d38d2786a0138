// What an inspection found, and what hooks make of it.
import type { Inventory } from '../../shared/agent-protocol.ts'
import type { InspectionSettings } from './settings.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface FoundNic extends Fields {
  readonly name: string
  readonly mac_address: string | null
  readonly ipv4_address?: string | null | undefined
  readonly ipv6_address?: string | null | undefined
}

/** Of an agent all is there; a BMC knows less, and what it knows nothing of is absent. */
export interface FoundInventory extends Fields {
  readonly interfaces?: readonly FoundNic[]
  readonly cpu?: Partial<Inventory['cpu']>
  readonly memory?: Inventory['memory']
  readonly disks?: readonly { readonly name: string; readonly size: number; readonly serial?: string | null }[]
  readonly boot?: { readonly current_boot_mode?: string | null; readonly pxe_interface?: string | null }
}

export interface Found {
  readonly inventory: FoundInventory
  readonly pluginData: Fields
  /** Of the node, as they are. */
  readonly properties: Fields
  /** Serial numbers of the disks that the inspection before found; undefined where there was none. */
  readonly earlierDisks?: readonly string[] | undefined
}

/** What becomes of the port of a NIC. */
export interface NicChange {
  /** Where no port has the address, there is to be one. */
  readonly add?: boolean
  readonly pxe_enabled?: boolean
  readonly local_link_connection?: Fields
  readonly physical_network?: string
}

/** `null` in properties and plugin data removes the key. */
export interface Changes {
  readonly properties?: Fields
  readonly capabilities?: Readonly<Record<string, string>>
  readonly pluginData?: Fields
  /** By MAC address, in lower case. */
  readonly nics?: Readonly<Record<string, NicChange>>
  /** Which ports stay, and whether those that do are told by `pxe_enabled` which one boots. */
  readonly ports?: { readonly keep: InspectionSettings['keepPorts']; readonly update_pxe_enabled: boolean }
}

/** Throws a FaultError where the inspection has failed. Changes nothing itself. */
export type Hook = (found: Found, settings: InspectionSettings) => Changes | undefined

/** The NICs that have a MAC address, with it in lower case. */
export function nicsOf({ interfaces = [] }: FoundInventory) {
  return interfaces.flatMap((nic) => (nic.mac_address ? [{ ...nic, mac: nic.mac_address.toLowerCase() }] : []))
}

export interface PciDevice {
  readonly bus: string
  /** `8086:1521`: vendor and product, four hexadecimal digits each. */
  readonly id: string
}

/** Agents tell them as plugin data; undefined where nobody does. */
export function pciDevicesOf({ pluginData, inventory }: Found): readonly PciDevice[] | undefined {
  const told = pluginData['pci_devices'] ?? inventory['pci_devices']
  if (!Array.isArray(told)) return undefined
  return (told as readonly (Fields | null)[]).flatMap((each) =>
    each
      ? [{ bus: String(each['bus']), id: `${String(each['vendor_id'])}:${String(each['product_id'])}`.toLowerCase() }]
      : [],
  )
}
