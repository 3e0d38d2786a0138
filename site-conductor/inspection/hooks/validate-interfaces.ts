// Which NICs are to have ports. plugin_data: all_interfaces, valid_interfaces (by name) and macs (of the valid ones), which gophercloud knows the
// data by; Metal3 reads there which NIC boots.
import { FaultError } from '../../../shared/faults.ts'
import { nicsOf, type Hook } from '../found.ts'
import type { InspectionSettings } from '../settings.ts'

export const validateInterfaces: Hook = ({ inventory }, { addPorts }) => {
  // A BMC may know nothing of them.
  if (inventory.interfaces === undefined) return undefined
  const bootMac = macOf(inventory.boot?.pxe_interface)
  const nics = nicsOf(inventory).map(({ mac, ...nic }) => ({
    ...nic,
    mac,
    // Where nobody says which one it was, any may have been.
    boots: bootMac === undefined || bootMac === mac,
  }))
  if (nics.length === 0) throw new FaultError('agent.command', 'the machine has no NIC with a MAC address')
  const valid = nics.filter((nic) => nic.name !== 'lo' && WANTED[addPorts](nic))
  if (valid.length === 0)
    throw new FaultError('agent.command', `no NIC of the machine is one that add_ports ${addPorts} means`, {
      hint: 'change inspectionAddPorts of the conductor',
    })
  const named = (list: typeof nics) =>
    Object.fromEntries(list.map(({ name, mac, boots }) => [name, { name, mac_address: mac, pxe_enabled: boots }]))
  return {
    pluginData: { all_interfaces: named(nics), valid_interfaces: named(valid), macs: valid.map(({ mac }) => mac) },
  }
}

interface Nic {
  readonly boots: boolean
  readonly ipv4_address?: string | null | undefined
  readonly ipv6_address?: string | null | undefined
}

const WANTED: Readonly<Record<InspectionSettings['addPorts'], (nic: Nic) => boolean>> = {
  pxe: ({ boots }) => boots,
  active: ({ ipv4_address: v4, ipv6_address: v6 }) => Boolean(v4 ?? v6),
  all: () => true,
  disabled: () => true,
}

/** PXELINUX writes 01-52-54-…: the type of the network before the address. */
function macOf(bootif: string | null | undefined): string | undefined {
  const [mac] = /(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.exec(bootif ?? '') ?? []
  return mac?.toLowerCase().replaceAll('-', ':')
}
