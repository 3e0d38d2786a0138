// DHCP on plain UDP sockets: no raw sockets, no ARP entries, no capability but the low port.
// 1. One socket is bound to the interface's own address: unicast (relays, renewals) comes in there, and everything goes
//    out there, so that a broadcast leaves by that interface only.
// 2. A second is bound to 255.255.255.255, since Linux gives broadcasts only to sockets bound to that or to 0.0.0.0.
//    It hears broadcasts of every interface; what may be answered is `decide`'s business (known machines only).
// 3. Both may share their port with another server (reuseAddr): proxy mode is made for that.
// 4. No ping before an offer, nothing is remembered: a message is answered from itself and what `decide` says.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { BROADCAST } from './address.ts'
import { CodecError } from './cursor.ts'
import { decodePacket, encodePacket } from './packet.ts'
import { replyTo } from './reply.ts'
import { readRequest } from './request.ts'
import type { DhcpAnswer, DhcpReply, ReplyContext } from './reply.ts'
import type { DhcpRequest } from './request.ts'

export type DhcpEvent =
  | { kind: 'sent'; reply: DhcpReply; request: DhcpRequest; answer: DhcpAnswer }
  /** Nothing was said; `why` tells. `decide` said null when `answer` is absent. */
  | { kind: 'silent'; request: DhcpRequest; answer?: DhcpAnswer; why: string }
  | { kind: 'other-server'; request: DhcpRequest; serverId: string }
  /** The client gave its address back (release) or found somebody else using it (decline). */
  | { kind: 'released' | 'declined'; request: DhcpRequest }
  | { kind: 'malformed'; from: string; why: string }
  | { kind: 'failed'; why: string }

export interface DhcpServerOptions {
  /** This server's address on the provisioning network. */
  address: string
  /** Asked once per message that wants an answer; null means silence. Must not throw and not wait. */
  decide: (request: DhcpRequest) => DhcpAnswer | null
  onEvent?: (event: DhcpEvent) => void
  /** Also listen for proxyDHCP clients (port 4011). */
  proxy?: boolean
  /** Defaults: 67, 4011, 68, 67. Others are for tests; 0 chooses a free one. */
  ports?: { server?: number; proxy?: number; client?: number; relay?: number }
}

export class DhcpServer {
  readonly #options: DhcpServerOptions
  readonly #onEvent: (event: DhcpEvent) => void
  #sockets: dgram.Socket[] = []
  #ports = { server: 0, proxy: 0 }

  constructor(options: DhcpServerOptions) {
    this.#options = options
    this.#onEvent = options.onEvent ?? (() => {})
  }

  /** The ports in use after start(). */
  get ports(): { server: number; proxy: number } {
    return this.#ports
  }

  /** Binds; rejects when a port or the address cannot be had, and holds nothing then. */
  async start(): Promise<void> {
    const { address, ports = {}, proxy = false } = this.#options
    try {
      const unicast = await this.#bind(address, ports.server ?? 67)
      this.#ports.server = unicast.address().port
      const broadcasts = await this.#bind(BROADCAST, this.#ports.server)
      for (const socket of [unicast, broadcasts]) this.#serve(socket, unicast, 'server-port')
      if (!proxy) return
      const atProxyPort = await this.#bind(address, ports.proxy ?? 4011)
      this.#ports.proxy = atProxyPort.address().port
      this.#serve(atProxyPort, atProxyPort, 'proxy-port')
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const sockets = this.#sockets
    this.#sockets = []
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
  }

  async #bind(address: string, port: number): Promise<dgram.Socket> {
    const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true })
    socket.bind(port, address)
    try {
      await once(socket, 'listening')
    } catch (error) {
      socket.close()
      throw error
    }
    this.#sockets.push(socket)
    socket.setBroadcast(true)
    socket.on('error', (error) => this.#onEvent({ kind: 'failed', why: error.message }))
    return socket
  }

  #serve(from: dgram.Socket, out: dgram.Socket, via: ReplyContext['via']): void {
    from.on('message', (bytes, source) => {
      const sent = this.#answer(bytes, source, via)
      if (sent === null) return
      out.send(sent.bytes, sent.to.port, sent.to.address, (error) => {
        if (error) this.#onEvent({ kind: 'failed', why: `${sent.to.address}: ${error.message}` })
      })
    })
  }

  #answer(
    bytes: Buffer,
    source: { address: string; port: number },
    via: ReplyContext['via'],
  ): { bytes: Buffer; to: DhcpReply['to'] } | null {
    try {
      return this.#reply(readRequest(decodePacket(bytes)), source, via)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#onEvent({ kind: 'malformed', from: source.address, why: error.message })
      return null
    }
  }

  #reply(
    request: DhcpRequest,
    source: { address: string; port: number },
    via: ReplyContext['via'],
  ): { bytes: Buffer; to: DhcpReply['to'] } | null {
    const { address, ports = {}, decide } = this.#options
    // A REQUEST that names another server declines our offer (RFC 2131 §4.3.2); acknowledging it would give the client two leases.
    if (request.serverId !== undefined && request.serverId !== address && via === 'server-port') {
      this.#onEvent({ kind: 'other-server', request, serverId: request.serverId })
      return null
    }
    if (request.type === 'release' || request.type === 'decline') {
      this.#onEvent({ kind: request.type === 'release' ? 'released' : 'declined', request })
      return null
    }
    const answer = decide(request)
    if (answer === null) {
      this.#onEvent({ kind: 'silent', request, why: 'nobody is booting this machine' })
      return null
    }
    const reply = replyTo(request, answer, {
      serverAddress: address,
      via,
      source: { address: source.address, port: source.port },
      clientPort: ports.client ?? 68,
      relayPort: ports.relay ?? 67,
    })
    if (typeof reply === 'string') {
      this.#onEvent({ kind: 'silent', request, answer, why: reply })
      return null
    }
    const bytes = encodePacket(reply.packet, request.maximumReplyBytes)
    this.#onEvent({ kind: 'sent', reply, request, answer })
    return { bytes, to: reply.to }
  }
}
