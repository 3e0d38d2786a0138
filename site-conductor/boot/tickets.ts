// The tickets in force, by node, by card and by the token of their paths: those that were admitted; and where a card or a token has none of these, what a
// machine that lives here boots.
import type { ClientKind } from '../dhcp/client-kind.ts'
import { type Resident, Residents } from './residents.ts'
import { type BootTicket, TicketError } from './ticket.ts'

export class Tickets {
  readonly #byNode = new Map<string, BootTicket>()
  readonly #byMac = new Map<string, BootTicket>()
  readonly #byToken = new Map<string, BootTicket>()
  readonly #residents: Residents

  constructor(resident: (mac: string) => Resident | undefined) {
    this.#residents = new Residents(resident)
  }

  /** Those that were admitted. */
  admitted(): Iterable<BootTicket> {
    return this.#byNode.values()
  }

  /** Is the file at this path one of theirs? */
  serve(path: string): boolean {
    const files = ({ ramdisk, medium }: BootTicket) => [ramdisk?.kernel, ramdisk?.initrd, medium?.path]
    return this.#byNode.values().some((ticket) => files(ticket).includes(path))
  }

  /** Throws TicketError where another node has one of its cards or its token. */
  refuseTaken({ node, macs, token }: BootTicket): void {
    for (const mac of macs) {
      const other = this.#byMac.get(mac)
      if (other && other.node !== node) throw new TicketError(`macs: ${mac} is booting as node ${other.node}`)
    }
    const sameToken = this.#byToken.get(token)
    if (sameToken && sameToken.node !== node) throw new TicketError('token: in use by another node')
  }

  admit(ticket: BootTicket): void {
    this.#byNode.set(ticket.node, ticket)
    this.#byToken.set(ticket.token, ticket)
    for (const mac of ticket.macs) this.#byMac.set(mac, ticket)
  }

  /** Answers the node's ticket, if it had one. */
  withdraw(node: string): BootTicket | undefined {
    const ticket = this.#byNode.get(node)
    if (!ticket) return undefined
    this.#byNode.delete(node)
    this.#byToken.delete(ticket.token)
    for (const mac of ticket.macs) this.#byMac.delete(mac)
    return ticket
  }

  /** Of whoever asks by this card. */
  of({ mac, client }: { readonly mac: string; readonly client: ClientKind }): BootTicket | undefined {
    const ticket = this.#byMac.get(mac) ?? this.#residents.ticketOf(mac, client.kind === 'other')
    if (ticket?.instance) this.#residents.told(ticket.node, mac)
    return ticket
  }

  /** Of the node that is booting by this card, where a task lets it. */
  admittedAt(mac: string): BootTicket | undefined {
    return this.#byMac.get(mac)
  }

  under(token: string): BootTicket | undefined {
    return this.#byToken.get(token) ?? this.residentUnder(token)
  }

  residentUnder(token: string): BootTicket | undefined {
    return this.#residents.ticketUnder(token)
  }

  /** For the paths of what the node's instance is, whether it was admitted or lives here. */
  instanceToken(node: string): string {
    return this.#residents.tokenOf(node)
  }
}
