// From where this conductor fetches what the API names: images that it writes, kernels, ramdisks and volumes of nodes. A URL is somebody's wish; which
// services of this host and of its network may be asked in its name, the site's configuration says. Every address of every hop is looked at, and connected to.
import { isIP, type LookupFunction } from 'node:net'
import { FaultError } from '../../shared/faults.ts'
import { checkedLookup, NOBODYS, parseNetwork, translated } from '../networks.ts'

const THIS_HOST = '127.0.0.0/8'
const NEVER = [...NOBODYS, THIS_HOST, translated(THIS_HOST), '::1/128']

export class FetchNetworks {
  readonly #allows: (address: string) => boolean
  /** The addresses of a name that are fetched from; a FaultError where there are none. */
  readonly lookup: LookupFunction

  /** `only`: the networks that are fetched from, whatever they are; none: every one but those above. */
  constructor(only: readonly string[]) {
    const networks = (only.length > 0 ? only : NEVER).map(parseNetwork)
    const wanted = only.length > 0
    this.#allows = (address) => networks.some(({ holds }) => holds(address)) === wanted
    this.lookup = checkedLookup(this.#allows, refused)
  }

  /** Throws a FaultError for an address that is not fetched from. What a name means, `lookup` looks at. */
  check({ hostname }: URL): void {
    const address = hostname.replace(/^\[|\]$/g, '')
    if (isIP(address) !== 0 && !this.#allows(address)) throw refused(address)
  }
}

function refused(host: string): FaultError {
  return new FaultError('image.not_found', `this conductor fetches nothing from ${host}`, {
    hint: 'name a server of the site, or its network in fetchNetworks at the conductor',
  })
}
