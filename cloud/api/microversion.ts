// Microversion negotiation as Ironic's clients expect it: 1.1 without a header, `latest` becomes the maximum, 406 outside of the range.
import { FaultError } from '../../shared/faults.ts'
import { VERSIONS } from './versions.ts'

export const MIN_VERSION = 1
/** The last one of which everything that is said is served. */
export const MAX_VERSION = Math.max(...Object.keys(VERSIONS).map(Number))

const OWN_HEADER = 'x-openstack-ironic-api-version'
const COMMON_HEADER = 'openstack-api-version'

export type Negotiated =
  | { readonly version: number }
  | { readonly version: null; readonly error: FaultError; readonly ranged: boolean }

/** The N of the 1.N that the request asks for. `ranged`: the refusal carries the range in its headers (an unparsable one does not). */
export function negotiate(headers: Headers): Negotiated {
  const wanted = headers.get(OWN_HEADER) ?? commonForm(headers.get(COMMON_HEADER))
  if (wanted === null) return { version: MIN_VERSION }
  const text = wanted.trim().toLowerCase()
  if (text === 'latest') return { version: MAX_VERSION }
  const match = /^(\d{1,4})\.(\d{1,6})$/.exec(text)
  if (!match) return refuse(`Invalid value for the version header: it is 1.N or latest.`, false)
  const [major, minor] = [Number(match[1]), Number(match[2])]
  if (major === 1 && minor >= MIN_VERSION && minor <= MAX_VERSION) return { version: minor }
  return refuse(
    `Version ${major}.${minor} was requested but is not supported by this server. The supported version range is: [1.${MIN_VERSION}, 1.${MAX_VERSION}].`,
    true,
  )
}

export function versionHeaders(version: number | null): Record<string, string> {
  const range = {
    'X-OpenStack-Ironic-API-Minimum-Version': `1.${MIN_VERSION}`,
    'X-OpenStack-Ironic-API-Maximum-Version': `1.${MAX_VERSION}`,
  }
  return version === null ? range : { ...range, 'X-OpenStack-Ironic-API-Version': `1.${version}` }
}

/** Throws 406 when a request of this version sets or asks for something newer. */
export function need(version: number, since: number, what: string): void {
  if (version < since) {
    throw new FaultError('version.unsupported', `${what} needs API version 1.${since}; this request has 1.${version}.`)
  }
}

// `OpenStack-API-Version: baremetal 1.89`, possibly among other services, separated by commas.
function commonForm(header: string | null): string | null {
  for (const part of header?.split(',') ?? []) {
    const [service, version] = part.trim().split(/\s+/)
    if (service?.toLowerCase() === 'baremetal' && version) return version
  }
  return null
}

function refuse(message: string, ranged: boolean): Negotiated {
  return { version: null, error: new FaultError('version.unsupported', message), ranged }
}
