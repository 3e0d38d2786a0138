// What DHCP has had to do with machines, on their timelines and in the log.
import { describe, reached } from './dhcp-words.ts'
import { LOCAL } from './residents.ts'
import type { BootLog } from './services.ts'
import type { Tickets } from './tickets.ts'
import type { Timeline } from './timeline.ts'
import type { DhcpEvent } from '../dhcp/server.ts'

interface Hearers {
  readonly tickets: Tickets
  readonly timeline: Timeline
  readonly log: BootLog
}

export function tellDhcp(event: DhcpEvent, hearers: Hearers): void {
  const { tickets, timeline, log } = hearers
  switch (event.kind) {
    case 'sent':
      return tellSent(event, hearers)
    case 'declined': {
      const { mac, wantedAddress = '' } = event.request
      const node = tickets.admittedAt(mac)?.node
      const detail = `the machine found its address ${wantedAddress} in use by another`
      if (node !== undefined) timeline.tell({ node, mac, stage: 'dhcp-declined', warning: true, detail })
      return
    }
    case 'malformed':
      return log.debug('malformed DHCP packet', { from: event.from, why: event.why })
    case 'failed':
      return log.warn('DHCP reply not sent', { why: event.why })
    default:
      return log.debug(`DHCP: ${event.kind}`, { mac: event.request.mac, type: event.request.type })
  }
}

function tellSent(event: Extract<DhcpEvent, { kind: 'sent' }>, { tickets, timeline }: Hearers): void {
  const { request, reply, answer } = event
  const { mac } = request
  const ticket = tickets.of(request)
  const { type } = reply
  if (ticket && ticket.token !== LOCAL)
    return timeline.dhcp(ticket.node, mac, type, describe(request.client, answer), reached(event))
  // Firmware without iPXE takes no offer that names no file, so that nothing follows it.
  const isLast = type === 'ack' || answer.bootFile === undefined || answer.address === undefined
  const detail = 'boots over the network without need, and is sent to its disk'
  if (ticket && isLast) timeline.tell({ node: ticket.node, mac, stage: 'local-boot', detail })
}
