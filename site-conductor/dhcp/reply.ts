// From a request and the answer somebody decided on to the reply packet and where it goes (RFC 2131 §4.1, §4.3).
// Pure: the same input gives the same bytes, nothing is remembered between a client's messages.
import { BROADCAST, UNSPECIFIED, broadcastAddress, ipv4Number, netmask } from './address.ts'
import * as addresses from './options/addresses.ts'
import { clientIdentifier } from './options/client-identifier.ts'
import { ipxe } from './options/ipxe.ts'
import { machineIdentifier } from './options/machine-identifier.ts'
import { messageType } from './options/message-type.ts'
import { leaseSeconds, rebindingSeconds, renewalSeconds } from './options/numbers.ts'
import { getOption, setOption } from './options/option.ts'
import { BOOT_FILE_IN_THIS_PACKET, pxeVendor } from './options/pxe-vendor.ts'
import { relayAgent } from './options/relay-agent.ts'
import * as texts from './options/texts.ts'
import { dhcpPacket } from './packet.ts'
import type { OptionMap } from './options/option.ts'
import type { DhcpPacket } from './packet.ts'
import type { DhcpRequest } from './request.ts'

/** What a client is told. Without `address` it is a proxyDHCP answer: boot information beside another server's lease. */
export interface DhcpAnswer {
  address?: { ip: string; prefixLength: number; router?: string; dns?: readonly string[] }
  leaseSeconds?: number
  hostName?: string
  /** A TFTP file name with the server that has it, or a URL. */
  bootFile?: { name: string; tftpServer: string } | { url: string }
  /** iPXE need not wait for a proxyDHCP server (option 175.176). */
  noProxyDhcp?: boolean
}

export interface DhcpReply {
  type: 'offer' | 'ack' | 'nak'
  packet: DhcpPacket
  to: { address: string; port: number }
}

export interface ReplyContext {
  /** This server's address: option 54, and where replies come from. */
  serverAddress: string
  /** `proxy-port`: the message came to port 4011 and is answered where it came from (PXE 2.1 §2.2.2). */
  via: 'server-port' | 'proxy-port'
  source: { address: string; port: number }
  clientPort: number
  relayPort: number
}

const DEFAULT_LEASE_SECONDS = 86_400
const LONGEST_FILE_FIELD_BYTES = 127
/** Options that are sent back as they came: 61 (RFC 6842 §3), 97 (RFC 4578 §2.3), 82 (RFC 3046 §2.2). */
const ECHOED = [clientIdentifier.code, machineIdentifier.code, relayAgent.code]

/** The reply to `request`, or the reason for silence. */
export function replyTo(request: DhcpRequest, answer: DhcpAnswer, context: ReplyContext): DhcpReply | string {
  const { packet, type } = request
  if (!isUnicast(packet.giaddr)) return `relay address ${packet.giaddr} is not a host`
  if (answer.address === undefined) return proxyReply(request, answer, context)
  if (context.via === 'proxy-port') return 'an address is not given on the proxyDHCP port'
  const lease = answer.address
  switch (type) {
    case 'discover':
      return {
        type: 'offer',
        packet: leasePacket(request, answer, context, 'offer'),
        to: destination(request, context),
      }
    case 'request':
      if (request.wantedAddress !== lease.ip) return nak(request, context, `the address of this client is ${lease.ip}`)
      return { type: 'ack', packet: leasePacket(request, answer, context, 'ack'), to: destination(request, context) }
    case 'inform':
      // §4.3.5: no lease, sent to ciaddr. One that lies about ciaddr would have us write to somebody else.
      if (packet.ciaddr !== context.source.address && packet.giaddr === UNSPECIFIED) {
        return `INFORM for ${packet.ciaddr} came from ${context.source.address}`
      }
      return { type: 'ack', packet: informPacket(request, answer, context), to: destination(request, context) }
    default:
      return `${type} is not answered`
  }
}

function proxyReply(request: DhcpRequest, answer: DhcpAnswer, context: ReplyContext): DhcpReply | string {
  if (request.client.kind === 'other') return 'not a network boot client'
  if (answer.bootFile === undefined) return 'nothing to boot'
  const atProxyPort = context.via === 'proxy-port'
  const answered = atProxyPort ? ['request', 'inform'] : ['discover']
  if (!answered.includes(request.type)) return `${request.type} is the other server's to answer`
  const type = atProxyPort ? 'ack' : 'offer'
  const packet = emptyReply(request, context, type)
  setBoot(packet, request, answer, context)
  echo(request, packet.options)
  return { type, packet, to: atProxyPort ? backTo(context) : destination(request, context) }
}

function leasePacket(
  request: DhcpRequest,
  answer: DhcpAnswer,
  context: ReplyContext,
  type: 'offer' | 'ack',
): DhcpPacket {
  const packet = emptyReply(request, context, type)
  const { options } = packet
  packet.yiaddr = answer.address?.ip ?? UNSPECIFIED
  const seconds = answer.leaseSeconds ?? DEFAULT_LEASE_SECONDS
  setOption(options, leaseSeconds, seconds)
  // T1 and T2 at their usual halves and seven eighths (RFC 2131 §4.4.5).
  setOption(options, renewalSeconds, Math.floor(seconds / 2))
  setOption(options, rebindingSeconds, Math.floor(seconds * 0.875))
  setNetwork(options, answer)
  setBoot(packet, request, answer, context)
  echo(request, options)
  return packet
}

function informPacket(request: DhcpRequest, answer: DhcpAnswer, context: ReplyContext): DhcpPacket {
  const packet = emptyReply(request, context, 'ack')
  setNetwork(packet.options, answer)
  setBoot(packet, request, answer, context)
  echo(request, packet.options)
  return packet
}

function nak(request: DhcpRequest, context: ReplyContext, why: string): DhcpReply {
  const packet = emptyReply(request, context, 'nak')
  packet.ciaddr = UNSPECIFIED
  // §4.3.2: a relay must broadcast a NAK, since the client may be on another network than it thinks.
  packet.broadcast = true
  setOption(packet.options, texts.message, why)
  echo(request, packet.options)
  const relayed = packet.giaddr !== UNSPECIFIED
  return { type: 'nak', packet, to: relayed ? relay(packet, context) : everyone(context) }
}

function emptyReply(request: DhcpRequest, context: ReplyContext, type: 'offer' | 'ack' | 'nak'): DhcpPacket {
  const asked = request.packet
  const options: OptionMap = new Map()
  setOption(options, messageType, type)
  setOption(options, addresses.serverIdentifier, context.serverAddress)
  return dhcpPacket({
    op: 'reply',
    hardwareType: asked.hardwareType,
    mac: asked.mac,
    transactionId: asked.transactionId,
    broadcast: asked.broadcast,
    ciaddr: type === 'ack' ? asked.ciaddr : UNSPECIFIED,
    giaddr: asked.giaddr,
    options,
  })
}

function setNetwork(options: OptionMap, { address, hostName }: DhcpAnswer): void {
  if (address === undefined) return
  setOption(options, addresses.subnetMask, netmask(address.prefixLength))
  setOption(options, addresses.broadcast, broadcastAddress(address.ip, address.prefixLength))
  if (address.router !== undefined) setOption(options, addresses.routers, [address.router])
  if (address.dns !== undefined && address.dns.length > 0) setOption(options, addresses.dnsServers, [...address.dns])
  if (hostName !== undefined) setOption(options, texts.hostName, hostName)
}

/**
 * The boot file goes into `file` and option 67: old ROMs read the first, UEFI the second. UEFI HTTP clients drop a
 * reply that does not say "HTTPClient" (UEFI 2.10 §24.7.3), PXE clients a proxy's that does not say "PXEClient".
 */
function setBoot(packet: DhcpPacket, request: DhcpRequest, answer: DhcpAnswer, context: ReplyContext): void {
  const { options } = packet
  const { bootFile } = answer
  if (bootFile !== undefined && request.client.kind !== 'other') {
    const name = 'url' in bootFile ? bootFile.url : bootFile.name
    if (name.length <= LONGEST_FILE_FIELD_BYTES) packet.bootFile = name
    // The closing NUL is for ROMs that read on without it; receivers must trim it (RFC 2132 §2). dnsmasq does the same.
    options.set(texts.bootFileName.code, Buffer.from(`${name}\0`, 'latin1'))
    // Also for a URL: iPXE takes a proxy's boot file only from a packet that names a server (its dhcp_has_pxeopts).
    packet.siaddr = 'url' in bootFile ? context.serverAddress : bootFile.tftpServer
    if ('tftpServer' in bootFile) {
      setOption(options, texts.tftpServerName, bootFile.tftpServer)
    }
    if (request.client.kind === 'http') setOption(options, texts.vendorClass, 'HTTPClient')
    else if (answer.address === undefined) {
      setOption(options, texts.vendorClass, 'PXEClient')
      setOption(options, pxeVendor, { discoveryControl: BOOT_FILE_IN_THIS_PACKET, other: new Map() })
    }
  }
  if (answer.noProxyDhcp === true && request.client.kind === 'ipxe') {
    setOption(options, ipxe, { http: false, noProxyDhcp: true, all: new Map() })
  }
}

function echo(request: DhcpRequest, options: OptionMap): void {
  for (const code of ECHOED) {
    const bytes = request.packet.options.get(code)
    if (bytes !== undefined) options.set(code, bytes)
  }
}

/**
 * §4.1, with one liberty: a client without the broadcast flag wants unicast to an address it does not have yet, which
 * takes raw sockets or ARP entries. It gets a broadcast instead, which §4.1 allows ("MAY be broadcast") and iPXE accepts.
 */
function destination(request: DhcpRequest, context: ReplyContext): { address: string; port: number } {
  const { packet } = request
  if (packet.giaddr !== UNSPECIFIED) return relay(packet, context)
  if (packet.ciaddr !== UNSPECIFIED && request.type !== 'discover') {
    return { address: packet.ciaddr, port: context.clientPort }
  }
  return everyone(context)
}

function relay(packet: DhcpPacket, context: ReplyContext): { address: string; port: number } {
  return { address: packet.giaddr, port: wantsSourcePort(packet.options) ? context.source.port : context.relayPort }
}

/** RFC 8357 §6: a relay that may not use port 67 says so in option 82. One whose option is malformed does not. */
function wantsSourcePort(options: OptionMap): boolean {
  try {
    return getOption(options, relayAgent)?.sourcePort === true
  } catch {
    return false
  }
}

function everyone(context: ReplyContext): { address: string; port: number } {
  return { address: BROADCAST, port: context.clientPort }
}

/** iPXE asks on the proxyDHCP port before it uses its address, from 0.0.0.0. */
function backTo({ source }: ReplyContext): { address: string; port: number } {
  return source.address === UNSPECIFIED ? { address: BROADCAST, port: source.port } : source
}

/** Below 224.0.0.0 (RFC 1112 §4); 0.0.0.0 stands for "none". */
function isUnicast(address: string): boolean {
  return ipv4Number(address) < 0xe0000000
}
