// What a switch says of one port, by the names that Ironic's hook parse-lldp gives it in plugin_data.parsed_lldp. Of what is said twice the first counts.
import { z } from 'zod'
import { MAU_TYPES } from './mau-types.ts'
import {
  aggregationOf, bytesOf, capabilitiesOf, chassisIdOf, managementAddressOf, numberOf, organisationOf, physicalOf, portIdOf,
  protocolOf, protocolVlanOf, textOf, TYPE, vlanOf, type OfOrganisation, type Tlv,
} from './tlv.ts' // prettier-ignore

export type ParsedLldp = Readonly<Record<string, unknown>>

/** Of one frame: it has 1,500 bytes, and a TLV two at least. */
const MAX_TLVS = 750
/** Of each list. */
const MAX_ENTRIES = 64
const Tlvs = z.array(z.tuple([z.int(), z.string()])).max(MAX_TLVS)

/** Those of an interface as an agent tells them, [[type, hex], …]; none where it tells none, or anything else. */
export function tlvsOf(told: unknown): readonly Tlv[] {
  return Tlvs.safeParse(told).data ?? []
}

class Told {
  readonly all: Record<string, unknown> = {}

  set(name: string, value: unknown): void {
    if (value !== undefined && !Object.hasOwn(this.all, name)) this.all[name] = value
  }

  add(name: string, value: unknown): void {
    if (value === undefined) return
    const list = (this.all[name] ??= []) as unknown[]
    if (list.length < MAX_ENTRIES) list.push(value)
  }
}

type Reading = (told: Told, value: Buffer) => void

const BASIC: Readonly<Record<number, Reading>> = {
  [TYPE.chassisId]: (told, value) => told.set('switch_chassis_id', chassisIdOf(value)?.text),
  [TYPE.portId]: (told, value) => told.set('switch_port_id', portIdOf(value)?.text),
  [TYPE.portDescription]: (told, value) => told.set('switch_port_description', textOf(value)),
  [TYPE.systemName]: (told, value) => told.set('switch_system_name', textOf(value)),
  [TYPE.systemDescription]: (told, value) => told.set('switch_system_description', textOf(value)),
  [TYPE.capabilities](told, value) {
    const found = capabilitiesOf(value)
    told.set('switch_capabilities_support', found?.supported)
    told.set('switch_capabilities_enabled', found?.enabled)
  },
  [TYPE.managementAddress]: (told, value) => told.add('switch_mgmt_addresses', managementAddressOf(value)),
}

const aggregation: Reading = (told, value) => {
  const found = aggregationOf(value)
  told.set('switch_port_link_aggregation_enabled', found?.enabled)
  told.set('switch_port_link_aggregation_support', found?.supported)
  told.set('switch_port_link_aggregation_id', found?.id)
}

const OF_8021: Readonly<Record<number, Reading>> = {
  1: (told, value) => told.set('switch_port_untagged_vlan_id', numberOf(value)),
  2(told, value) {
    const found = protocolVlanOf(value)
    told.set('switch_port_protocol_vlan_enabled', found?.enabled)
    told.set('switch_port_protocol_vlan_support', found?.supported)
    told.add('switch_port_protocol_vlan_ids', found?.id)
  },
  3: (told, value) => told.add('switch_port_vlans', vlanOf(value)),
  4: (told, value) => told.add('switch_protocol_identities', protocolOf(value)),
  6: (told, value) => told.set('switch_port_management_vlan_id', numberOf(value)),
  7: aggregation,
}

const OF_8023: Readonly<Record<number, Reading>> = {
  1(told, value) {
    const found = physicalOf(value)
    const mau = found && MAU_TYPES.get(found.mau)
    if (mau === undefined) return
    told.set('switch_port_autonegotiation_enabled', found!.enabled)
    told.set('switch_port_autonegotiation_support', found!.supported)
    told.set('switch_port_physical_capabilities', found!.capabilities)
    told.set('switch_port_mau_type', mau)
  },
  3: aggregation,
  4: (told, value) => told.set('switch_port_mtu', numberOf(value)),
}

const ORGANISATIONS: Readonly<Record<string, Readonly<Record<number, Reading>>>> = {
  '0080c2': OF_8021,
  '00120f': OF_8023,
}

export function parseLldp(tlvs: readonly Tlv[]): ParsedLldp {
  const told = new Told()
  for (const [type, hex] of tlvs) {
    const value = bytesOf(hex)
    if (value === undefined) continue
    if (type === TYPE.organisation) readOrganisation(told, organisationOf(value))
    else BASIC[type]?.(told, value)
  }
  return told.all
}

function readOrganisation(told: Told, found: OfOrganisation | undefined): void {
  if (found) ORGANISATIONS[found.oui]?.[found.subtype]?.(told, found.value)
}

/** Where the cable ends, as a port's local_link_connection; undefined where the switch does not say which port of which MAC address. */
export function linkOf(tlvs: readonly Tlv[]): Readonly<Record<string, string>> | undefined {
  const first = <T>(type: number, read: (value: Buffer) => T | undefined): T | undefined => {
    const hex = tlvs.find(([each]) => each === type)?.[1]
    const value = hex === undefined ? undefined : bytesOf(hex)
    return value && read(value)
  }
  const chassis = first(TYPE.chassisId, chassisIdOf)
  const port = first(TYPE.portId, portIdOf)
  const name = first(TYPE.systemName, textOf)
  if (!chassis?.isMac || port === undefined) return undefined
  return { switch_id: chassis.text, port_id: port.text, ...(name && { switch_info: name }) }
}
