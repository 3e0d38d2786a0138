// Networks as the configuration names them: `10.2.0.0/16`, `fd00::/8`.
import { BlockList, isIP } from 'node:net'

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
