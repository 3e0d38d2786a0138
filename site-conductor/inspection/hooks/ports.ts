// The valid NICs are to have ports; all NICs say which one boots. What becomes of ports that are there is their policy.
import type { Fields, Hook } from '../found.ts'

export const ports: Hook = ({ pluginData, inventory }, { addPorts, keepPorts, updatePxeEnabled }) => {
  const all = Object.values((pluginData['all_interfaces'] ?? {}) as Fields) as Nic[]
  const valid = new Set((pluginData['macs'] ?? []) as string[])
  const adds = addPorts !== 'disabled'
  const nics = all.map(({ mac_address: mac, pxe_enabled }) => {
    return [mac, { pxe_enabled, add: adds && valid.has(mac) }] as const
  })
  return {
    nics: Object.fromEntries(nics),
    ports: {
      keep: keepPorts === 'added' && !adds ? 'present' : keepPorts,
      // Where nobody says which NIC booted, ports that are there stay as they are.
      update_pxe_enabled: updatePxeEnabled && Boolean(inventory.boot?.pxe_interface),
    },
  }
}

interface Nic {
  readonly mac_address: string
  readonly pxe_enabled: boolean
}
