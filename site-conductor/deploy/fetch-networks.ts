// From where this conductor fetches what the API names: images that it writes, kernels, ramdisks and volumes of nodes. A URL is somebody's wish; which
// services of this host and of its network may be asked in its name, the site's configuration says. Every address of every hop is looked at, and connected to.
import { lookup as resolve, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { FaultError } from '../../shared/faults.ts'
import { parseNetwork } from '../site/networks.ts'

// Nothing of a site's is there: this host, link-local and multicast addresses, and where clouds tell a machine its secrets without being link-local (Alibaba,
// Azure, Oracle; AWS and Google over IPv6).
const NEVER_IPV4 = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
]
const NEVER = [
  ...NEVER_IPV4,
  ...NEVER_IPV4.map(translated),
  ...['::/128', '::1/128', 'fe80::/10', 'ff00::/8', 'fd00:ec2::254/128', 'fd20:ce::254/128'],
]

/** As a NAT64 of the network reaches it (RFC 6052 §2.1). */
function translated(network: string): string {
  const [address, bits] = network.split('/')
  return `64:ff9b::${address}/${96 + Number(bits)}`
}

export class FetchNetworks {
  readonly #allows: (address: string) => boolean

  /** `only`: the networks that are fetched from, whatever they are; none: every one but those above. */
  constructor(only: readonly string[]) {
    const networks = (only.length > 0 ? only : NEVER).map(parseNetwork)
    const wanted = only.length > 0
    this.#allows = (address) => networks.some(({ holds }) => holds(address)) === wanted
  }

  /** Throws a FaultError for an address that is not fetched from. What a name means, `lookup` looks at. */
  check({ hostname }: URL): void {
    const address = hostname.replace(/^\[|\]$/g, '')
    if (isIP(address) !== 0 && !this.#allows(address)) throw refused(address)
  }

  /** The addresses of a name that are fetched from; a FaultError where there are none. */
  readonly lookup: LookupFunction = (name, options, found) => {
    resolve(name, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return found(error, '', 0)
      const usable = addresses.filter(({ address }) => this.#allows(address))
      const [first] = usable
      if (first === undefined) return found(refused(name), '', 0)
      if (options.all === true) return found(null, usable)
      return found(null, first.address, first.family)
    })
  }
}

function refused(host: string): FaultError {
  return new FaultError('image.not_found', `this conductor fetches nothing from ${host}`, {
    hint: 'name a server of the site, or its network in fetchNetworks at the conductor',
  })
}
