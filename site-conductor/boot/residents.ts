// Machines that live here and have no ticket of a task: told to boot from their disk, or, where that is what their instance is, a kernel and
// a ramdisk of its operator, at every boot. Nothing is kept of them but names for their paths: what they boot is asked for anew each time.
import { randomBytes } from 'node:crypto'
import type { BootTicket, InstanceBoot } from './ticket.ts'

export interface Resident {
  node: string
  /** Null where another DHCP server gives addresses. */
  address: NonNullable<BootTicket['address']> | null
  /** Absent: its disk. */
  instance?: InstanceBoot
  /** It boots by this card alone, so that its instance's own DHCP gets the address there, too: on several cards at once it would be there twice. */
  isOnlyCard?: boolean
}

/** Where every iPXE that is sent to its disk finds its script: nothing in it is secret. */
export const LOCAL = 'local'

export class Residents {
  readonly #find: (mac: string) => Resident | undefined
  readonly #tokens = new Map<string, string>()
  /** By token: the card that was told it. */
  readonly #macs = new Map<string, string>()

  constructor(find: (mac: string) => Resident | undefined) {
    this.#find = find
  }

  /** `isSystem`: an operating system asks. Those on disks, and on a machine with several cards, are not our business. */
  ticketOf(mac: string, isSystem = false): BootTicket | undefined {
    const resident = this.#find(mac)
    if (resident === undefined) return undefined
    const { node, address, instance, isOnlyCard = false } = resident
    if (isSystem && !(instance && isOnlyCard)) return undefined
    const place = { node, macs: [mac], ...(address && { address }) }
    if (instance === undefined) return { ...place, token: LOCAL }
    const token = this.tokenOf(node)
    this.#macs.set(token, mac)
    return { ...place, token, instance }
  }

  /** Of a resident that boots its instance; undefined when it does so no more. */
  ticketUnder(token: string): BootTicket | undefined {
    const mac = this.#macs.get(token)
    const ticket = mac === undefined ? undefined : this.ticketOf(mac)
    return ticket?.token === token ? ticket : undefined
  }

  /** The same for as long as this process lives, so that a boot which a task began goes on when that has ended. */
  tokenOf(node: string): string {
    const token = this.#tokens.get(node) ?? randomBytes(18).toString('base64url')
    this.#tokens.set(node, token)
    return token
  }

  /** A task's ticket has told a machine this token. */
  told(node: string, mac: string): void {
    this.#macs.set(this.tokenOf(node), mac)
  }
}
