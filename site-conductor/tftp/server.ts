// A read-only TFTP server (RFC 1350, 2347, 2348, 2349, 7440). Names mean nothing to it: a resolver turns them into content
// or into null, so there is no folder to climb out of, no link to follow and no FIFO to hang on.
// 1. Each transfer has a socket of its own, connected to its client: other senders cannot reach it.
// 2. Transfers are bounded, in all and per client. A request beyond that is dropped; the client asks again by itself.
// 3. Errors told to clients are fixed texts.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { negotiate } from './options.ts'
import { CodecError, ERROR_CODES, decodeTftp, encodeTftp } from './packet.ts'
import { Transfer } from './transfer.ts'
import type { TftpPacket } from './packet.ts'
import type { TransferStats } from './transfer.ts'
import type { Clock } from './patience.ts'
import type { TftpContent } from './window.ts'

export interface TftpClient {
  address: string
  port: number
}

/** Why a request did not become a transfer. */
export interface TftpRefusal {
  client: TftpClient
  /** As the client sent it: untrusted text. */
  file?: string
  why: 'malformed' | 'not-found' | 'write' | 'mode' | 'busy' | 'failed'
  detail?: string
}

export interface TftpServerOptions {
  /** Address to listen on, and to send from. */
  address: string
  /** Default 69; 0 chooses a free one. */
  port?: number
  /** The content behind a name, or null; null is "not found" to the client. */
  open: (file: string, client: TftpClient) => TftpContent | null | Promise<TftpContent | null>
  onEnd?: (stats: TransferStats) => void
  onRefused?: (refusal: TftpRefusal) => void
  maximumTransfers?: number
  maximumTransfersPerClient?: number
  clock?: Clock
}

const realClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, then) {
    const timer = setTimeout(then, delayMs)
    return () => clearTimeout(timer)
  },
}

interface Running {
  client: TftpClient
  transfer?: Transfer
}

export class TftpServer {
  readonly #options: Required<TftpServerOptions>
  /** By "address port": a repeated request finds its transfer and starts no second one. */
  readonly #running = new Map<string, Running>()
  readonly #perAddress = new Map<string, number>()
  #socket: dgram.Socket | undefined

  constructor(options: TftpServerOptions) {
    this.#options = {
      port: 69,
      onEnd: () => {},
      onRefused: () => {},
      maximumTransfers: 1024,
      maximumTransfersPerClient: 8,
      clock: realClock,
      ...options,
    }
  }

  get port(): number {
    return this.#socket?.address().port ?? 0
  }

  get transfers(): number {
    return this.#running.size
  }

  /** Binds; rejects when the port cannot be had. */
  async start(): Promise<void> {
    const socket = dgram.createSocket('udp4')
    socket.bind(this.#options.port, this.#options.address)
    try {
      await once(socket, 'listening')
    } catch (error) {
      socket.close()
      throw error
    }
    // What arrives here is only the start of things; an error concerns one datagram.
    socket.on('error', () => {})
    socket.on('message', (bytes, { address, port }) => void this.#onRequest(bytes, { address, port }))
    this.#socket = socket
  }

  /** Ends every transfer (the clients are told) and closes. */
  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    for (const running of this.#running.values()) running.transfer?.fail('undefined', 'server stops')
    if (socket) await new Promise<void>((resolve) => socket.close(() => resolve()))
  }

  async #onRequest(bytes: Uint8Array, client: TftpClient): Promise<void> {
    const request = this.#accept(bytes, client)
    if (request === null) return
    const key = `${client.address} ${client.port}`
    const running: Running = { client }
    this.#running.set(key, running)
    this.#perAddress.set(client.address, (this.#perAddress.get(client.address) ?? 0) + 1)
    try {
      await this.#begin(request, running, () => this.#forget(key, running))
    } catch (error) {
      this.#forget(key, running)
      this.#refuse(client, 'failed', 'undefined', 'failed', request.file, String(error))
    }
  }

  /** The request, if it may become a transfer. */
  #accept(bytes: Uint8Array, client: TftpClient): Extract<TftpPacket, { op: 'read' | 'write' }> | null {
    const { maximumTransfers, maximumTransfersPerClient, onRefused } = this.#options
    let packet: TftpPacket
    try {
      packet = decodeTftp(bytes)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#refuse(client, 'malformed', 'illegal-operation', 'malformed request', undefined, error.message)
      return null
    }
    if (packet.op === 'write') {
      this.#refuse(client, 'write', 'access-violation', 'read-only server', packet.file)
      return null
    }
    // Not a request: late packets of a transfer that is gone. Answering those invites loops between servers.
    if (packet.op !== 'read') return null
    if (packet.mode !== 'octet') {
      this.#refuse(client, 'mode', 'undefined', 'only octet (binary) mode is served', packet.file)
      return null
    }
    if (this.#running.has(`${client.address} ${client.port}`)) return null
    const ofClient = this.#perAddress.get(client.address) ?? 0
    if (this.#running.size >= maximumTransfers || ofClient >= maximumTransfersPerClient) {
      onRefused({ client, file: packet.file, why: 'busy' })
      return null
    }
    return packet
  }

  async #begin(
    request: Extract<TftpPacket, { op: 'read' | 'write' }>,
    running: Running,
    forget: () => void,
  ): Promise<void> {
    const { client } = running
    const content = await this.#options.open(request.file, client)
    if (content === null) {
      forget()
      this.#refuse(client, 'not-found', 'not-found', 'file not found', request.file)
      return
    }
    let socket: dgram.Socket
    try {
      socket = await this.#connect(client)
    } catch (error) {
      content.close?.()
      throw error
    }
    if (this.#socket === undefined) {
      content.close?.()
      socket.close()
      forget()
      return
    }
    const transfer = new Transfer({
      file: request.file,
      client,
      content,
      agreed: negotiate(request.options, content.sizeBytes),
      clock: this.#options.clock,
      // Without a callback a send error is an 'error' event, below.
      wire: { send: (bytes, offset, length) => socket.send(bytes, offset, length) },
      onEnd: (stats) => {
        forget()
        // After the packet that may just have been queued (an ERROR) has gone.
        setImmediate(() => socket.close())
        this.#options.onEnd(stats)
      },
    })
    running.transfer = transfer
    socket.on('message', (bytes) => transfer.receive(bytes))
    // The client closed its port (ICMP unreachable), or the network is gone.
    socket.on('error', (error) => transfer.abort(error.message))
    transfer.start()
  }

  async #connect(client: TftpClient): Promise<dgram.Socket> {
    const socket = dgram.createSocket('udp4')
    try {
      socket.bind(0, this.#options.address)
      await once(socket, 'listening')
      socket.connect(client.port, client.address)
      await once(socket, 'connect')
      return socket
    } catch (error) {
      socket.close()
      throw error
    }
  }

  #forget(key: string, running: Running): void {
    if (this.#running.get(key) !== running) return
    this.#running.delete(key)
    const left = (this.#perAddress.get(running.client.address) ?? 1) - 1
    if (left > 0) this.#perAddress.set(running.client.address, left)
    else this.#perAddress.delete(running.client.address)
  }

  #refuse(
    client: TftpClient,
    why: TftpRefusal['why'],
    code: keyof typeof ERROR_CODES,
    text: string,
    file?: string,
    detail?: string,
  ): void {
    const bytes = encodeTftp({ op: 'error', code: ERROR_CODES[code], message: text })
    this.#socket?.send(bytes, client.port, client.address, () => {})
    this.#options.onRefused({
      client,
      why,
      ...(file !== undefined && { file }),
      ...(detail !== undefined && { detail }),
    })
  }
}
