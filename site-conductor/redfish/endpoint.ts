// Where a BMC's Redfish service is, and what may be asked of it: every reference in an answer is the BMC's own word, and leads nowhere else.
import { lookup as resolve, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { RedfishError } from './errors.ts'

export interface Endpoint {
  /** `https://bmc.example:8443` */
  readonly origin: string
  /** Path of the service root, with a slash at its end: `/redfish/v1/`. */
  readonly root: string
}

const DEFAULT_ROOT = '/redfish/v1/'
const MAX_REFERENCE = 2048

/** Addresses that are no BMC's: this network, link-local and multicast ones, and where clouds keep their metadata (as in deploy/fetch-networks.ts). */
const NOBODY = new BlockList()
NOBODY.addSubnet('0.0.0.0', 8)
NOBODY.addSubnet('169.254.0.0', 16)
NOBODY.addSubnet('224.0.0.0', 3)
NOBODY.addAddress('::', 'ipv6')
NOBODY.addSubnet('fe80::', 10, 'ipv6')
NOBODY.addSubnet('ff00::', 8, 'ipv6')
for (const metadata of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) NOBODY.addAddress(metadata)
for (const metadata of ['fd00:ec2::254', 'fd20:ce::254']) NOBODY.addAddress(metadata, 'ipv6')
/** An IPv4 address as a NAT64 reaches it (RFC 6052 §2.1). */
const NAT64 = new BlockList()
NAT64.addSubnet('64:ff9b::', 96, 'ipv6')

/** An address as Ironic takes it: a scheme is optional (https), a path is the service root. Throws 'argument'. */
export function parseEndpoint(address: string): Endpoint {
  const bare = isIP(address) === 6 ? `[${address}]` : address
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(bare) ? bare : `https://${bare}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new RedfishError('argument', 'not an http or https address')
  if (url.username !== '' || url.password !== '')
    throw new RedfishError('argument', 'user and password do not belong into the address')
  if (url.search !== '' || url.hash !== '') throw new RedfishError('argument', 'only a path may follow the address')
  if (isNobodys(url.hostname.replace(/^\[|\]$/g, '')))
    throw new RedfishError('argument', 'a link-local or multicast address is not that of a BMC')
  const root = url.pathname === '/' ? DEFAULT_ROOT : `${url.pathname.replace(/\/+$/, '')}/`
  return { origin: url.origin, root }
}

/** The path (with its query) of a reference that a BMC gave, seen from `base`. Throws 'protocol' when it leads to another origin. */
export function pathOf(endpoint: Endpoint, reference: string, base = endpoint.root): string {
  const url =
    reference.length <= MAX_REFERENCE && URL.canParse(reference, endpoint.origin + base)
      ? new URL(reference, endpoint.origin + base)
      : undefined
  if (url === undefined) throw new RedfishError('protocol', 'the BMC names a resource by something that is no URI')
  if (url.origin !== endpoint.origin || url.username !== '' || url.password !== '')
    throw new RedfishError('protocol', 'the BMC names a resource at another address, which is not followed')
  return url.pathname + url.search
}

export function isNobodys(address: string): boolean {
  const family = isIP(address)
  if (family === 6 && NAT64.check(address, 'ipv6')) return true
  return family !== 0 && NOBODY.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** What a name resolves to, without addresses that are no BMC's. */
export const checkedLookup: LookupFunction = (name, options, found) => {
  resolve(name, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return found(error, '', 0)
    const usable = addresses.filter(({ address }) => !isNobodys(address))
    const [first] = usable
    if (first === undefined) return found(new Error(`${name} is a link-local or multicast address`), '', 0)
    if (options.all === true) return found(null, usable)
    return found(null, first.address, first.family)
  })
}
