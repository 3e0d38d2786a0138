// What a booting machine is told: a pure function of its ticket, its firmware and the site's set-up. It is asked for every
// packet, as often as firmware likes, and keeps nothing.
//
//   firmware   with a ramdisk or an instance to boot    told to boot from disk
//   ipxe       URL of the script                        URL of the script (which leaves the network)
//   pxe        loader by TFTP                           address only
//   http       URL of the loader                        address only
//   with boot interface pxe, ipxe is as pxe, and http gets an address only; with http-ipxe, pxe gets an address only; with http, http gets the URL of the
//   volume, and everybody else is told to boot from disk
//   other      address only (an operating system, or firmware we have no loader for)
import { loaderFor } from './loaders.ts'
import type { ClientKind } from '../dhcp/client-kind.ts'
import type { DhcpAnswer } from '../dhcp/reply.ts'
import type { LoaderName } from './loaders.ts'
import { type BootTicket, mediumPath } from './ticket.ts'

export interface BootSite {
  mode: 'reservations' | 'proxy'
  /** This conductor's address on the provisioning network. */
  address: string
  /** Of the HTTP server: 'http://10.0.0.1:8088'. */
  origin: string
  loaders: ReadonlySet<LoaderName>
}

export const SCRIPT_NAME = 'boot.ipxe'

/** Null: this ticket has nothing for that client (only possible in proxy mode). */
export function decide(ticket: BootTicket, client: ClientKind, site: BootSite): DhcpAnswer | null {
  const bootFile = bootFileFor(ticket, client, site)
  if (site.mode === 'proxy') return bootFile === undefined ? null : { bootFile }
  if (ticket.address === undefined) return null
  return { address: ticket.address, noProxyDhcp: true, ...(bootFile && { bootFile }) }
}

/** Undefined: it is told of nothing to load. */
export function bootFileFor(ticket: BootTicket, client: ClientKind, site: BootSite): DhcpAnswer['bootFile'] {
  const { loader: family = 'ipxe', medium, token } = ticket
  if (client.kind === 'http' && medium?.overHttp) return { url: `${site.origin}${mediumPath(token)}` }
  if (client.kind === 'ipxe' && family !== 'pxe') return { url: `${site.origin}/${token}/${SCRIPT_NAME}` }
  if ((ticket.ramdisk ?? ticket.instance) === undefined || client.kind === 'other') return undefined
  const loader = loaderFor(client, family)
  if (loader === undefined || !site.loaders.has(loader)) return undefined
  if (client.kind === 'http') return { url: `${site.origin}/${token}/${loader}` }
  return { name: `${token}/${loader}`, tftpServer: site.address }
}
