// Options that hold IPv4 addresses: 1, 3, 6, 28 (RFC 2132 §3.3, §3.5, §3.8, §5.3), 50 and 54 (§9.1, §9.7).
import { readIpv4, writeIpv4 } from '../address.ts'
import { CodecError, Reader, Writer } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

function oneAddress(code: number, name: string): OptionCodec<string> {
  return {
    code,
    name,
    decode(bytes) {
      const reader = new Reader(bytes)
      const address = readIpv4(reader)
      reader.end(name)
      return address
    },
    encode(address) {
      const writer = new Writer()
      writeIpv4(writer, address)
      return writer.finish()
    },
  }
}

function manyAddresses(code: number, name: string): OptionCodec<string[]> {
  return {
    code,
    name,
    decode(bytes) {
      const reader = new Reader(bytes)
      const addresses = [readIpv4(reader)]
      while (reader.left > 0) addresses.push(readIpv4(reader))
      return addresses
    },
    encode(addresses) {
      if (addresses.length === 0) throw new CodecError(`${name}: at least one address`)
      const writer = new Writer()
      for (const address of addresses) writeIpv4(writer, address)
      return writer.finish()
    },
  }
}

export const subnetMask = oneAddress(1, 'subnet mask')
export const routers = manyAddresses(3, 'routers')
export const dnsServers = manyAddresses(6, 'domain name servers')
export const broadcast = oneAddress(28, 'broadcast address')
export const requestedAddress = oneAddress(50, 'requested address')
export const serverIdentifier = oneAddress(54, 'server identifier')
