// IPv4 and hardware addresses as text: '10.0.0.1', '52:54:00:aa:bb:cc' (always lower case).
import { CodecError } from './cursor.ts'
import type { Reader, Writer } from './cursor.ts'

export const UNSPECIFIED = '0.0.0.0'
export const BROADCAST = '255.255.255.255'

export function readIpv4(reader: Reader): string {
  return reader.take(4).join('.')
}

export function writeIpv4(writer: Writer, address: string): void {
  writer.u32(ipv4Number(address))
}

/** '10.0.0.1' → 0x0a000001. Anything but four plain decimal bytes is a CodecError. */
export function ipv4Number(address: string): number {
  const parts = address.split('.')
  if (parts.length !== 4) throw new CodecError(`not an IPv4 address: ${JSON.stringify(address)}`)
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) {
      throw new CodecError(`not an IPv4 address: ${JSON.stringify(address)}`)
    }
    value = value * 256 + Number(part)
  }
  return value
}

export function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
}

/** 24 → '255.255.255.0'. */
export function netmask(prefixLength: number): string {
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > 32) {
    throw new CodecError(`not an IPv4 prefix length: ${prefixLength}`)
  }
  return ipv4Text(prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0)
}

/** The directed broadcast address of the network that `address` is in. */
export function broadcastAddress(address: string, prefixLength: number): string {
  return ipv4Text((ipv4Number(address) | ~ipv4Number(netmask(prefixLength))) >>> 0)
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** '52:54:00:AA:BB:CC' or with dashes → its bytes. */
export function macBytes(mac: string): Buffer {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2})*$/i.test(mac)) {
    throw new CodecError(`not a hardware address: ${JSON.stringify(mac)}`)
  }
  return Buffer.from(mac.replace(/[:-]/g, ''), 'hex')
}
