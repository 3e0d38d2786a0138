// The order to boot one node: who it is, what it gets. A ticket in hand is the only reason a machine is answered at all.
// Everything in it is checked once, here, so that scripts and packets can be made from it without a second thought.
import type { Grant } from '../../shared/protocol.ts'
import { checkKernelArguments } from './kernel-arguments.ts'
import type { LoaderFamily } from './loaders.ts'
import type { Patch } from '../http-boot/content.ts'
import type { VolumeBoot } from './volume-script.ts'
import { ipv4Number, macBytes, macText, netmask } from '../dhcp/address.ts'

/** A kernel and a ramdisk of an operator: plain http URLs that the machine fetches itself, and the kernel's command line. */
export interface KernelInstance {
  kernel: string
  ramdisk: string
  kernelArguments: string
}

/** Volumes in a storage system. Their secrets lie sealed until the machine asks: then it is opened, each time anew. */
export interface VolumeInstance {
  open: () => Promise<VolumeBoot>
}

export type InstanceBoot = KernelInstance | VolumeInstance

export interface BootTicket {
  node: string
  /** Hardware addresses of the node's ports, any notation. */
  macs: string[]
  /** Needed where this conductor gives addresses; left out where another DHCP server does (proxy mode). */
  address?: { ip: string; prefixLength: number; router?: string; dns?: string[] }
  /** Another DHCP server gives the machine its address, also where this conductor gives them to others; it is told what the machine boots. */
  addressElsewhere?: true
  /** Absolute paths of files, and the kernel's command line. Absent: the machine is told to boot from its own disk. */
  ramdisk?: { kernel: string; initrd: string; kernelArguments: string }
  /** Instead of it: what the machine's instance is. */
  instance?: InstanceBoot
  /**
   * A volume, and what is put into it for this boot, that the machine boots from a drive: the network tells it nothing but its address. `overHttp`: UEFI's HTTP boot
   * is told where it is, and makes a drive of it. Not with `ramdisk`.
   */
  medium?: { path: string; patch?: Patch; overHttp?: boolean }
  /** For an installer, which the kernel and the ramdisk are then: its orders, served to the first who fetches them. */
  kickstart?: Uint8Array
  /** What boots the ramdisk; default ipxe. */
  loader?: LoaderFamily
  /** Unguessable part of this boot's paths: 22 or more characters of A-Z a-z 0-9 _ -, never used twice. */
  token: string
}

/** Where the HTTP server has the volume of a boot. */
export function mediumPath(token: string): string {
  return `/${token}/boot.iso`
}

/** Where the HTTP server has the orders of an installer. */
export function kickstartPath(token: string): string {
  return `/${token}/ks.cfg`
}

/** A text for people, in which whoever reads it finds no path of a volume: its token lets anybody read what is for one machine. */
export function withoutMediumPath(text: string): string {
  return text.replaceAll(/\/[\w-]{22,64}(?=\/boot\.iso\b)/g, '/******')
}

/** The address of a grant, as tickets have it. */
export function bootAddress({
  ip,
  prefixLength,
  router,
  dns,
}: NonNullable<Grant['address']>): NonNullable<BootTicket['address']> {
  return { ip, prefixLength, ...(router !== undefined && { router }), ...(dns !== undefined && { dns }) }
}

/** A ticket that cannot be served as it is; the message names the field. */
export class TicketError extends Error {
  override readonly name = 'TicketError'
}

/** The ticket with its MACs in lower case with colons. Throws TicketError. */
export function checkTicket(ticket: BootTicket): BootTicket {
  if (ticket.node === '') throw new TicketError('node: empty')
  // 22 characters of 6 bits hold 128 bits; 64 leave room for a file name in DHCP's 127 characters.
  if (!/^[A-Za-z0-9_-]{22,64}$/.test(ticket.token))
    throw new TicketError('token: 22 to 64 characters of A-Z a-z 0-9 _ -')
  if (ticket.macs.length === 0) throw new TicketError('macs: at least one')
  const macs = ticket.macs.map((mac) => checked('macs', () => macText(macBytes(mac))))
  const { address, ramdisk, instance } = ticket
  if (address !== undefined) {
    checked('address', () => {
      netmask(address.prefixLength)
      for (const each of [address.ip, ...(address.router ? [address.router] : []), ...(address.dns ?? [])])
        ipv4Number(each)
    })
  }
  if (ramdisk !== undefined) {
    checked('ramdisk.kernelArguments', () => checkKernelArguments(ramdisk.kernelArguments))
    for (const path of [ramdisk.kernel, ramdisk.initrd]) {
      if (!path.startsWith('/')) throw new TicketError(`ramdisk: not an absolute path: ${JSON.stringify(path)}`)
    }
  }
  if (instance !== undefined && 'kernel' in instance) {
    checked('instance.kernelArguments', () => checkKernelArguments(instance.kernelArguments))
    for (const url of [instance.kernel, instance.ramdisk]) checked('instance', () => checkInstanceUrl(url))
  }
  if (ticket.medium !== undefined && !ticket.medium.path.startsWith('/'))
    throw new TicketError(`medium: not an absolute path: ${JSON.stringify(ticket.medium.path)}`)
  return { ...ticket, macs }
}

/** What may stand in a script of iPXE as it is, and what iPXE can fetch without certificates. Throws an Error. */
export function checkInstanceUrl(url: string): void {
  if (/^http:\/\/[A-Za-z0-9.:/_~%?=&+,@-]+$/.test(url) && URL.canParse(url)) return
  throw new Error(`not a plain http URL: ${JSON.stringify(url)}`)
}

function checked<T>(field: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw new TicketError(`${field}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
