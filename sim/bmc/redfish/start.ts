// A simulated Redfish BMC on a TCP port, with or without TLS.
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { memoryChassis } from '../chassis.ts'
import { showScreen } from './kvm.ts'
import { type MachineFacts, RedfishMachine, type StartingChassis } from './machine.ts'
import type { RedfishLog } from './log.ts'
import { type Quirks, type RedfishOptions, type RedfishRequest, RedfishServer } from './server.ts'
import type { RedfishUser } from './sessions.ts'

export interface StartRedfishOptions extends RedfishOptions {
  /** Default 127.0.0.1. */
  address?: string
  /** Default 0: any. */
  port?: number
  /** Default: a chassis without a machine, switched off. */
  chassis?: StartingChassis
  facts?: Partial<MachineFacts>
  /** PEM; without, it is plain HTTP. */
  tls?: { readonly key: string; readonly cert: string }
}

export interface RunningRedfish {
  readonly url: string
  readonly port: number
  readonly machine: RedfishMachine
  readonly log: RedfishLog
  readonly quirks: Quirks
  readonly users: RedfishUser[]
  /** What was pressed on the keyboard that its screen has. */
  readonly keys: number[]
  /** So many see the screen now. */
  viewers(): number
  /** Nothing is answered while it is true. */
  silent: boolean
  /** Asked of each request that has come: it is under way until this has ended. */
  delay: (request: Pick<RedfishRequest, 'method' | 'path'>) => Promise<void> | void
  activeSessions(): number
  /** As a restart of the BMC would. */
  forgetSessions(): void
  close(): Promise<void>
}

const MAX_BODY_BYTES = 1 << 20

export async function startRedfishBmc(options: StartRedfishOptions = {}): Promise<RunningRedfish> {
  const { address = '127.0.0.1', chassis = memoryChassis(), tls } = options
  const machine = new RedfishMachine(chassis, options.facts)
  const bmc = new RedfishServer(machine, options)
  const sockets = new Set<Socket>()
  let closed = false
  const serve: http.RequestListener = (request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => {
      body += part
      if (body.length > MAX_BODY_BYTES) request.destroy()
    })
    request.on('end', async () => {
      const { method = 'GET', url: path = '/', headers } = request
      await running.delay({ method, path })
      if (running.silent || closed) return
      const answer = bmc.answer({ method, path, headers, body })
      if (answer === undefined) return void request.socket.destroy()
      const type = answer.body === '' ? {} : { 'content-type': 'application/json' }
      response.writeHead(answer.status, { 'odata-version': '4.0', ...type, ...answer.headers }).end(answer.body)
    })
  }
  const server = tls ? https.createServer(tls, serve) : http.createServer(serve)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  const screen = { power: () => chassis.power(), keys: [] as number[] }
  const webSockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    const status = bmc.screenStatus({ path: request.url ?? '/', headers: request.headers })
    if (status !== 101)
      return void socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\ncontent-length: 0\r\n\r\n`)
    webSockets.handleUpgrade(request, socket, head, (webSocket) => showScreen(webSocket, screen))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, address, resolve)
  })
  const { port } = server.address() as AddressInfo
  const host = address.includes(':') ? `[${address}]` : address
  const running: RunningRedfish = {
    url: `${tls ? 'https' : 'http'}://${host}:${port}`,
    port,
    machine,
    log: bmc.log,
    quirks: bmc.quirks,
    users: bmc.users,
    keys: screen.keys,
    viewers: () => webSockets.clients.size,
    silent: false,
    delay: () => {},
    activeSessions: () => bmc.sessions.active,
    forgetSessions: () => bmc.sessions.forgetAll(),
    async close() {
      if (closed) return
      closed = true
      bmc.close()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return running
}
