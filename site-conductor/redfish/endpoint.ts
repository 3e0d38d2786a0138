// Where a BMC's Redfish service is, and what may be asked of it: every reference in an answer is the BMC's own word, and leads nowhere else.
import { isIP } from 'node:net'
import { checkedLookup, NOBODYS, parseNetwork } from '../networks.ts'
import { RedfishError } from './errors.ts'

export interface Endpoint {
  /** `https://bmc.example:8443` */
  readonly origin: string
  /** Path of the service root, with a slash at its end: `/redfish/v1/`. */
  readonly root: string
}

const DEFAULT_ROOT = '/redfish/v1/'
const MAX_REFERENCE = 2048

const nobodys = NOBODYS.map(parseNetwork)

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

/** Is it the address of no BMC? */
export const isNobodys = (address: string): boolean => nobodys.some(({ holds }) => holds(address))

/** What a name resolves to, without addresses that are no BMC's. */
export const lookup = checkedLookup(
  (address) => !isNobodys(address),
  (name) => new Error(`${name} is a link-local or multicast address`),
)
