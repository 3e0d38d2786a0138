import type { Fields, Hook } from '../found.ts'
import { parseLldp, tlvsOf } from '../lldp/parsed.ts'
import type { Tlv } from '../lldp/tlv.ts'

export const parseLldpHook: Hook = ({ inventory: { interfaces = [] }, pluginData }) => {
  const found = interfaces.flatMap((nic) => {
    const parsed = parseLldp(lldpOf(nic, pluginData))
    return Object.keys(parsed).length > 0 ? [[nic.name, parsed] as const] : []
  })
  return found.length > 0 ? { pluginData: { parsed_lldp: Object.fromEntries(found) } } : undefined
}

/** With the NIC, or as the collector `lldp` of Ironic's agent tells it. */
export function lldpOf(nic: Fields & { readonly name: string }, pluginData: Fields): readonly Tlv[] {
  const raw = (pluginData['lldp_raw'] ?? {}) as Fields
  return tlvsOf(raw[nic.name] ?? nic['lldp'])
}
