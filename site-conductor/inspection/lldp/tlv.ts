// What a switch says of itself, one TLV after another: values of IEEE 802.1AB-2016 §8.5, of IEEE 802.1 (802.1Q-2014 annex D) and of IEEE 802.3
// (802.3-2015 §79). They come from whoever is at the other end of the cable: a value that is malformed, or of a kind not known here, is undefined.
import { isIPv6 } from 'node:net'

/** As an inventory has it: the type, and the value in hexadecimal. */
export type Tlv = readonly [type: number, hex: string]

export const TYPE = {
  chassisId: 1,
  portId: 2,
  portDescription: 4,
  systemName: 5,
  systemDescription: 6,
  capabilities: 7,
  managementAddress: 8,
  organisation: 127,
} as const

/** A TLV has 9 bits for its length. */
const MAX_VALUE_BYTES = 511
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Undefined for what is no hexadecimal text, or longer than any TLV. */
export function bytesOf(hex: string): Buffer | undefined {
  if (hex.length > 2 * MAX_VALUE_BYTES || !/^(?:[0-9a-f]{2})*$/i.test(hex)) return undefined
  return Buffer.from(hex, 'hex')
}

export function textOf(value: Buffer): string | undefined {
  try {
    // Some switches end their texts as C does.
    return utf8.decode(value).replace(/\0+$/, '')
  } catch {
    return undefined
  }
}

export function macOf(value: Buffer): string | undefined {
  return value.length === 6 ? [...value].map((byte) => byte.toString(16).padStart(2, '0')).join(':') : undefined
}

/** `family`: IANA's number of the kind of address. */
function addressOf(family: number | undefined, value: Buffer): string | undefined {
  if (family === 1) return value.length === 4 ? value.join('.') : undefined
  if (family === 6) return macOf(value)
  if (family !== 2 || value.length !== 16) return undefined
  const groups = value.toString('hex').match(/.{4}/g)!.join(':')
  return isIPv6(groups) ? new URL(`http://[${groups}]`).hostname.slice(1, -1) : undefined
}

type Id = { readonly isMac: boolean; readonly text: string }

/** `mac`, `address`: the subtypes that are no text; the others are component, alias, name and what is local to the switch, 1 to 7. */
function idOf(value: Buffer, { mac, address }: { readonly mac: number; readonly address: number }): Id | undefined {
  const [subtype = 0, ...rest] = value
  const body = value.subarray(1)
  const text =
    subtype === mac
      ? macOf(body)
      : subtype === address
        ? addressOf(rest[0], body.subarray(1))
        : subtype >= 1 && subtype <= 7
          ? textOf(body)
          : undefined
  return text === undefined || text === '' ? undefined : { isMac: subtype === mac, text }
}
export const chassisIdOf = (value: Buffer): Id | undefined => idOf(value, { mac: 4, address: 5 })
export const portIdOf = (value: Buffer): Id | undefined => idOf(value, { mac: 3, address: 4 })

/** §8.5.9: its length counts the family; what follows (the number of the interface, an OID) is nobody's business here. */
export function managementAddressOf(value: Buffer): string | undefined {
  const length = value[0] ?? 0
  if (length < 2 || value.length < 1 + length) return undefined
  return addressOf(value[1], value.subarray(2, 1 + length))
}

const CAPABILITIES = [
  '', 'Repeater', 'Bridge', 'WLAN', 'Router', 'Telephone', 'DOCSIS cable device', 'Station only', 'C-Vlan', 'S-Vlan', 'TPMR',
] // prettier-ignore
const capabilityNames = (bits: number) => CAPABILITIES.filter((name, bit) => name !== '' && (bits & (1 << bit)) !== 0)

export function capabilitiesOf(value: Buffer): { supported: string[]; enabled: string[] } | undefined {
  if (value.length !== 4) return undefined
  return { supported: capabilityNames(value.readUInt16BE(0)), enabled: capabilityNames(value.readUInt16BE(2)) }
}

export interface OfOrganisation {
  /** Six hexadecimal digits. */
  readonly oui: string
  readonly subtype: number
  readonly value: Buffer
}

export function organisationOf(value: Buffer): OfOrganisation | undefined {
  if (value.length < 4) return undefined
  return { oui: value.toString('hex', 0, 3), subtype: value[3]!, value: value.subarray(4) }
}

export const numberOf = (value: Buffer): number | undefined => (value.length === 2 ? value.readUInt16BE(0) : undefined)

/** The identifier and the name of a VLAN that the port is in. */
export function vlanOf(value: Buffer): { name: string; id: number } | undefined {
  const length = value[2]
  if (length === undefined || value.length < 3 + length) return undefined
  const name = textOf(value.subarray(3, 3 + length))
  return name === undefined ? undefined : { name, id: value.readUInt16BE(0) }
}

export function protocolVlanOf(value: Buffer): { supported: boolean; enabled: boolean; id: number } | undefined {
  if (value.length !== 3) return undefined
  return { supported: (value[0]! & 2) !== 0, enabled: (value[0]! & 4) !== 0, id: value.readUInt16BE(1) }
}

export function protocolOf(value: Buffer): string | undefined {
  const length = value[0]
  return length === undefined || value.length < 1 + length ? undefined : value.toString('hex', 1, 1 + length)
}

/** Of both organisations: 802.3 had it first, and gave it away. */
export function aggregationOf(value: Buffer): { supported: boolean; enabled: boolean; id: number } | undefined {
  if (value.length !== 5) return undefined
  return { supported: (value[0]! & 1) !== 0, enabled: (value[0]! & 2) !== 0, id: value.readUInt32BE(1) }
}

/** RFC 4836, IANAifMauAutoNegCapBits, the first bit first; what is not known is none. */
const PHYSICAL = [
  '', '10BASE-T hdx', '10BASE-T fdx', '100BASE-T4', '100BASE-TX hdx', '100BASE-TX fdx', '100BASE-T2 hdx', '100BASE-T2 fdx',
  'PAUSE fdx', 'Asym PAUSE fdx', 'Sym PAUSE fdx', 'Asym and Sym PAUSE fdx', '1000BASE-X hdx', '1000BASE-X fdx',
  '1000BASE-T hdx', '1000BASE-T fdx',
] // prettier-ignore

export interface Physical {
  readonly supported: boolean
  readonly enabled: boolean
  readonly capabilities: string[]
  /** dot3MauType of RFC 4836: 30 is 1000BASE-T full duplex. */
  readonly mau: number
}

export function physicalOf(value: Buffer): Physical | undefined {
  if (value.length !== 5) return undefined
  const bits = value.readUInt16BE(1)
  const capabilities = PHYSICAL.filter((name, i) => name !== '' && (bits & (0x8000 >> i)) !== 0).sort()
  return { supported: (value[0]! & 1) !== 0, enabled: (value[0]! & 2) !== 0, capabilities, mau: value.readUInt16BE(3) }
}
