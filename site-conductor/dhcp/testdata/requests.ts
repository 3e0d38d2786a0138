// Client messages for tests, as sentences: request('discover', { architecture: 7 }).
import { requestedAddress, serverIdentifier } from '../options/addresses.ts'
import { clientArchitecture } from '../options/client-architecture.ts'
import { messageType } from '../options/message-type.ts'
import { setOption } from '../options/option.ts'
import { vendorClass } from '../options/texts.ts'
import { userClass } from '../options/user-class.ts'
import { dhcpPacket, encodePacket } from '../packet.ts'
import type { MessageType } from '../options/message-type.ts'
import type { DhcpPacket } from '../packet.ts'

export const CLIENT_MAC = '52:54:00:77:00:01'

export interface Wants {
  architecture?: number
  vendor?: 'PXEClient' | 'HTTPClient'
  ipxe?: boolean
  serverId?: string
  requested?: string
  packet?: Partial<DhcpPacket>
}

export function clientPacket(type: MessageType, wants: Wants = {}): DhcpPacket {
  const packet = dhcpPacket({ mac: CLIENT_MAC, transactionId: 0x12345678, ...wants.packet })
  const { options } = packet
  setOption(options, messageType, type)
  const vendor = wants.vendor ?? (wants.architecture === undefined ? undefined : 'PXEClient')
  if (vendor !== undefined) setOption(options, vendorClass, `${vendor}:Arch:00000:UNDI:003000`)
  if (wants.architecture !== undefined) setOption(options, clientArchitecture, [wants.architecture])
  if (wants.ipxe === true) setOption(options, userClass, { bare: true, classes: ['iPXE'] })
  if (wants.serverId !== undefined) setOption(options, serverIdentifier, wants.serverId)
  if (wants.requested !== undefined) setOption(options, requestedAddress, wants.requested)
  return packet
}

export function clientMessage(type: MessageType, wants: Wants = {}): Buffer {
  return encodePacket(clientPacket(type, wants))
}
