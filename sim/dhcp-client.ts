// The DHCP client of an iPXE ROM, or of UEFI's HTTP boot, as far as it gets a machine an address and what to load: DISCOVER, OFFER, REQUEST, ACK over a real socket.
// The machines of a simulated site are behind a relay (RFC 2131 giaddr), which asks for answers at its own port (RFC 8357), so that
// neither end needs a port below 1024. Options as iPXE 1.21 on EFI x64 sends them (site-conductor/dhcp/testdata).
import { createSocket, type Socket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodecError } from '../site-conductor/dhcp/cursor.ts'
import { requestedAddress, serverIdentifier, subnetMask } from '../site-conductor/dhcp/options/addresses.ts'
import { clientArchitecture } from '../site-conductor/dhcp/options/client-architecture.ts'
import { clientIdentifier } from '../site-conductor/dhcp/options/client-identifier.ts'
import { clientInterface } from '../site-conductor/dhcp/options/client-interface.ts'
import { machineIdentifier } from '../site-conductor/dhcp/options/machine-identifier.ts'
import { messageType, type MessageType } from '../site-conductor/dhcp/options/message-type.ts'
import { maximumMessageSize } from '../site-conductor/dhcp/options/numbers.ts'
import { getOption, setOption } from '../site-conductor/dhcp/options/option.ts'
import { parameterList } from '../site-conductor/dhcp/options/parameter-list.ts'
import { relayAgent } from '../site-conductor/dhcp/options/relay-agent.ts'
import { bootFileName, vendorClass } from '../site-conductor/dhcp/options/texts.ts'
import { userClass } from '../site-conductor/dhcp/options/user-class.ts'
import { decodePacket, dhcpPacket, encodePacket, type DhcpPacket } from '../site-conductor/dhcp/packet.ts'

const EFI_X64 = 7
const EFI_X64_HTTP = 16
const WANTED = [1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135, 175, 203]
/** iPXE's features: 0x13 among them is HTTP. */
const IPXE_FEATURES = Buffer.from('b105011af41000eb03010000170101240101130101110101270101290101150101120101', 'hex')

export interface DhcpOptions {
  /** Lower case with colons. */
  readonly mac: string
  readonly uuid: string
  /** Where the relay sends what it hears: to all of them, as relays do. */
  readonly servers: readonly { readonly address: string; readonly port: number }[]
  readonly relayAddress: string
  /** Who asks. */
  readonly as: 'ipxe' | 'http'
  /** How often a DISCOVER is sent, and the pause after the first, which doubles. */
  readonly tries: number
  readonly pauseMs: number
  readonly signal: AbortSignal
}

export interface Lease {
  readonly ip: string
  readonly netmask: string | undefined
  /** Option 67, or the packet's file field; empty when the server has nothing to boot. */
  readonly bootFile: string
}

/** Undefined when no server gave an address. Rejects only when aborted. */
export async function askForLease(options: DhcpOptions): Promise<Lease | undefined> {
  const { relayAddress, signal, tries, pauseMs } = options
  const socket = createSocket('udp4')
  const transactionId = Math.floor(Math.random() * 2 ** 32)
  try {
    await new Promise<void>((bound, failed) => {
      socket.once('error', failed)
      socket.bind(0, relayAddress, bound)
    })
    socket.on('error', () => {})
    for (let attempt = 0; attempt < tries; attempt++) {
      const waitMs = pauseMs * 2 ** attempt
      const offer = await exchange(socket, options, packet(options, transactionId, 'discover'), ['offer'], waitMs)
      if (offer === undefined) continue
      const request = packet(options, transactionId, 'request')
      setOption(request.options, serverIdentifier, getOption(offer.options, serverIdentifier) ?? offer.siaddr)
      setOption(request.options, requestedAddress, offer.yiaddr)
      const answer = await exchange(socket, options, request, ['ack', 'nak'], waitMs)
      if (answer === undefined || getOption(answer.options, messageType) === 'nak') continue
      return {
        ip: answer.yiaddr,
        netmask: getOption(answer.options, subnetMask),
        bootFile: getOption(answer.options, bootFileName) ?? answer.bootFile,
      }
    }
    return undefined
  } finally {
    await new Promise<void>((closed) => socket.close(() => closed()))
    signal.throwIfAborted()
  }
}

function packet({ mac, uuid, relayAddress, as }: DhcpOptions, transactionId: number, type: MessageType): DhcpPacket {
  const made = dhcpPacket({ mac, transactionId, hops: 1, giaddr: relayAddress })
  const { options } = made
  setOption(options, messageType, type)
  setOption(options, maximumMessageSize, 1472)
  setOption(options, clientArchitecture, [as === 'http' ? EFI_X64_HTTP : EFI_X64])
  setOption(options, clientInterface, { type: 1, major: 3, minor: 10 })
  if (as === 'http') setOption(options, vendorClass, 'HTTPClient:Arch:00016:UNDI:003001')
  else {
    setOption(options, vendorClass, 'PXEClient:Arch:00007:UNDI:003010')
    setOption(options, userClass, { bare: true, classes: ['iPXE'] })
    options.set(175, IPXE_FEATURES)
  }
  setOption(options, parameterList, WANTED)
  setOption(options, clientIdentifier, { type: 1, identifier: Buffer.from(mac.replaceAll(':', ''), 'hex') })
  setOption(options, machineIdentifier, uuid)
  setOption(options, relayAgent, { circuitId: Buffer.from(mac), sourcePort: true, other: new Map() })
  return made
}

/** Sends and waits for an answer of one of `types` to this transaction; undefined after `waitMs`. */
async function exchange(
  socket: Socket,
  { servers, mac, signal }: DhcpOptions,
  asked: DhcpPacket,
  types: readonly MessageType[],
  waitMs: number,
): Promise<DhcpPacket | undefined> {
  const over = new AbortController()
  let listener: ((bytes: Buffer) => void) | undefined
  const answer = new Promise<DhcpPacket>((resolve) => {
    listener = (bytes) => {
      const found = parse(bytes)
      if (found?.transactionId !== asked.transactionId || found.mac !== mac || found.op !== 'reply') return
      const type = getOption(found.options, messageType)
      if (type !== undefined && types.includes(type)) resolve(found)
    }
    socket.on('message', listener)
  })
  for (const { port, address } of servers) socket.send(encodePacket(asked), port, address, () => {})
  try {
    const limit = AbortSignal.any([signal, over.signal])
    return await Promise.race([answer, sleep(waitMs, undefined, { signal: limit }).catch(() => undefined)])
  } finally {
    over.abort()
    if (listener) socket.off('message', listener)
    signal.throwIfAborted()
  }
}

function parse(bytes: Buffer): DhcpPacket | undefined {
  try {
    return decodePacket(bytes)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}
