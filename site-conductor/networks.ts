// Networks as the configuration names them: `10.2.0.0/16`, `fd00::/8`; and those in which nothing of a site is, whatever the API names.
import { lookup as resolve, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

export interface Network {
  /** Of the prefix: of two that hold an address the longer one is closer. */
  readonly bits: number
  /** False for what is no address. An IPv4 address is also held in IPv6 notation. */
  holds(address: string): boolean
}

/** Throws an Error that says what is wrong with it. */
export function parseNetwork(text: string): Network {
  const [, address = '', prefix = ''] = /^([\d.:a-f]+)\/(\d{1,3})$/i.exec(text) ?? []
  const family = isIP(address)
  const bits = Number(prefix)
  if (family === 0 || bits > (family === 4 ? 32 : 128))
    throw new Error(`${JSON.stringify(text)} is not a network such as 10.2.0.0/16`)
  const list = new BlockList()
  list.addSubnet(address, bits, typeOf(family))
  return { bits, holds: (host) => isIP(host) !== 0 && list.check(host, typeOf(isIP(host))) }
}

export function networkError(text: string): string | undefined {
  try {
    parseNetwork(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const typeOf = (family: number) => (family === 4 ? 'ipv4' : 'ipv6')

// This network, link-local and multicast addresses, and where clouds tell a machine its secrets without being link-local (Alibaba, Azure, Oracle; AWS and
// Google over IPv6).
const NOBODYS_IPV4 = [
  ...['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
]

/** Nothing of a site's is there. */
export const NOBODYS: readonly string[] = [
  ...NOBODYS_IPV4,
  ...NOBODYS_IPV4.map(translated),
  ...['::/128', 'fe80::/10', 'ff00::/8', 'fd00:ec2::254/128', 'fd20:ce::254/128'],
]

/** An IPv4 network as a NAT64 of the network reaches it (RFC 6052 §2.1). */
export function translated(network: string): string {
  const [address, bits] = network.split('/')
  return `64:ff9b::${address}/${96 + Number(bits)}`
}

/** What a name resolves to, without the addresses that are not allowed; the error of `refused` where none is left. */
export function checkedLookup(allows: (address: string) => boolean, refused: (name: string) => Error): LookupFunction {
  return (name, options, found) => {
    resolve(name, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return found(error, '', 0)
      const usable = addresses.filter(({ address }) => allows(address))
      const [first] = usable
      if (first === undefined) return found(refused(name), '', 0)
      if (options.all === true) return found(null, usable)
      return found(null, first.address, first.family)
    })
  }
}
