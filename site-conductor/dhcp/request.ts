// A client's message as the rest of the conductor sees it: the packet, and what its options say.
import { CodecError } from './cursor.ts'
import { UNSPECIFIED } from './address.ts'
import { clientKind } from './client-kind.ts'
import { requestedAddress, serverIdentifier } from './options/addresses.ts'
import { clientArchitecture } from './options/client-architecture.ts'
import { ipxe } from './options/ipxe.ts'
import { machineIdentifier } from './options/machine-identifier.ts'
import { messageType } from './options/message-type.ts'
import { maximumMessageSize } from './options/numbers.ts'
import { getOption } from './options/option.ts'
import { vendorClass } from './options/texts.ts'
import { userClass } from './options/user-class.ts'
import type { ClientKind } from './client-kind.ts'
import type { MessageType } from './options/message-type.ts'
import type { OptionCodec } from './options/option.ts'
import type { DhcpPacket } from './packet.ts'

/** RFC 2131 §4.3.2: which kind of DHCPREQUEST this is; other messages have none. */
export type RequestState = 'selecting' | 'init-reboot' | 'renewing'

export interface DhcpRequest {
  packet: DhcpPacket
  type: MessageType
  mac: string
  client: ClientKind
  /** Lower case, as SMBIOS tools print it. */
  uuid?: string
  /** The client asks for this address (option 50, or ciaddr when it already uses one). */
  wantedAddress?: string
  /** The server the client speaks to (option 54). */
  serverId?: string
  state?: RequestState
  /** Bytes of UDP payload that the client is ready for (option 57 less the IP and UDP headers). */
  maximumReplyBytes: number
  /** Malformed options that the decision can do without. */
  problems: string[]
}

const IP_AND_UDP_HEADER_BYTES = 28
/** RFC 2132 §9.10: 576 is the least a client must accept; without option 57 a server may not send more. */
const LEAST_MESSAGE_BYTES = 576
const LONGEST_MESSAGE_BYTES = 1500

/** Throws CodecError where the packet is no client's DHCP message, or an option that decides the answer is malformed. */
export function readRequest(packet: DhcpPacket): DhcpRequest {
  if (packet.op !== 'request') throw new CodecError('a reply, not a request')
  const type = getOption(packet.options, messageType)
  if (type === undefined) throw new CodecError('no message type: plain BOOTP is not served')
  const problems: string[] = []
  const lenient = <T>(codec: OptionCodec<T>): T | undefined => {
    try {
      return getOption(packet.options, codec)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      problems.push(error.message)
      return undefined
    }
  }
  const serverId = getOption(packet.options, serverIdentifier)
  const requested = getOption(packet.options, requestedAddress)
  const wantedAddress = requested ?? (packet.ciaddr === UNSPECIFIED ? undefined : packet.ciaddr)
  const uuid = lenient(machineIdentifier)
  const classes = lenient(userClass)
  const vendor = lenient(vendorClass)
  const architectures = lenient(clientArchitecture)
  const encapsulated = lenient(ipxe)
  const size = lenient(maximumMessageSize) ?? LEAST_MESSAGE_BYTES
  return {
    packet,
    type,
    mac: packet.mac,
    client: clientKind({
      ...(vendor !== undefined && { vendorClass: vendor }),
      ...(classes && { userClasses: classes.classes }),
      ...(architectures && { architectures }),
      ...(encapsulated && { ipxe: encapsulated }),
    }),
    ...(uuid !== undefined && { uuid }),
    ...(wantedAddress !== undefined && { wantedAddress }),
    ...(serverId !== undefined && { serverId }),
    ...(type === 'request' && { state: requestState(serverId, requested) }),
    maximumReplyBytes: Math.min(Math.max(size, LEAST_MESSAGE_BYTES), LONGEST_MESSAGE_BYTES) - IP_AND_UDP_HEADER_BYTES,
    problems,
  }
}

function requestState(serverId: string | undefined, requested: string | undefined): RequestState {
  if (serverId !== undefined) return 'selecting'
  return requested === undefined ? 'renewing' : 'init-reboot'
}
