// What the timeline is told of an answer by DHCP.
import type { ClientKind } from '../dhcp/client-kind.ts'
import type { DhcpAnswer } from '../dhcp/reply.ts'
import type { DhcpEvent } from '../dhcp/server.ts'
import type { Reached } from './timeline.ts'

/** How far a reply that names something to load has brought the machine. */
export function reached({ reply, request, answer }: Extract<DhcpEvent, { kind: 'sent' }>): Reached | undefined {
  if (answer.bootFile === undefined || request.client.kind === 'other' || reply.type === 'nak') return undefined
  if (answer.address === undefined) return 'proxy-offered'
  return reply.type === 'ack' ? 'acknowledged' : 'offered'
}

export function describe(client: ClientKind, answer: DhcpAnswer): string {
  const firmware =
    client.kind === 'other' ? 'an operating system' : `${client.kind} on ${client.firmware} ${client.cpu}`
  // Not the path: its token is what keeps others from fetching it.
  const file = answer.bootFile === undefined ? 'nothing to boot' : 'url' in answer.bootFile ? 'a URL' : 'a TFTP file'
  return `${firmware}: ${answer.address?.ip ?? 'no address (proxy)'}, ${file}`
}
