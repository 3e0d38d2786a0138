// The viewer for browsers: a page, the modules of noVNC as they are published, and the WebSocket on which that speaks RFB (as Ironic's novncproxy has it:
// `/vnc_auto.html?path=websockify%3Fnode%3D…%26token%3D…`). Nothing is told but to whoever has a token, which is used up by it.
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { FaultError } from '../../shared/faults.ts'
import type { Log } from '../log.ts'
import { PAGE, SCRIPT } from './page.ts'

export interface WebOptions {
  readonly address: string
  readonly port: number
  readonly log: Log
  /** Uses the token up; false: it is none of the node's. */
  take(node: string, token: string): boolean
  /** A client that may see the node's screen, on its connection. */
  enter(node: string, socket: Socket, stream: Duplex): void
}

export interface Web {
  readonly url: string
  close(): Promise<void>
}

const NOVNC = new URL('../', import.meta.resolve('@novnc/novnc'))
const MODULE = /^\/novnc\/((?:core|vendor)(?:\/[a-z0-9][\w-]*)*\/[a-z0-9][\w-]*\.js)$/
/** What a viewer sends is short, but for a text that was cut. */
const MAX_MESSAGE_BYTES = 1 << 20
/** Connections that have shown no token: each may take its time, and the conductor has no more than so many open for them. */
const MOST_STRANGERS = 128
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 }
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // The token is in the address.
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
}

export async function startWeb(options: WebOptions): Promise<Web> {
  const { address, port, log } = options
  const sockets = new Set<Duplex>()
  const strangers = new Set<Duplex>()
  const server = createServer(LIMITS, (request, response) => void serve(request, response))
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    // The one that older viewers insist on.
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  })
  server.on('connection', (socket) => {
    socket.on('error', (error) => log.debug('a browser is gone', { error }))
    if (strangers.size >= MOST_STRANGERS) return void socket.destroy()
    for (const all of [sockets, strangers]) {
      all.add(socket)
      socket.on('close', () => all.delete(socket))
    }
  })
  server.on('upgrade', (request, socket, head) => {
    const { pathname, query } = targetOf(request)
    const [node, token] = [query.get('node') ?? '', query.get('token') ?? '']
    // The server minds a socket no more that asks for another protocol: it would stay as long as its other end likes.
    const refuse = (status: string) =>
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`, () => socket.destroy())
    if (pathname !== '/websockify') return void refuse('404 Not Found')
    if (!options.take(node, token)) return void refuse('403 Forbidden')
    strangers.delete(socket)
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      options.enter(node, socket as Socket, createWebSocketStream(webSocket))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, address, port)))
    server.listen(port, address, resolve)
  })
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${own}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** What is no address is nowhere. */
function targetOf({ url = '' }: IncomingMessage): { pathname: string; query: URLSearchParams } {
  const parsed = URL.parse(url, 'http://conductor')
  return { pathname: parsed?.pathname ?? '', query: parsed?.searchParams ?? new URLSearchParams() }
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = targetOf(request)
  const answer = (status: number, type: string, body: string | Buffer) =>
    response.writeHead(status, { ...HEADERS, 'content-type': `${type}; charset=utf-8` }).end(body)
  if (request.method !== 'GET' && request.method !== 'HEAD') return void answer(405, 'text/plain', 'GET only\n')
  if (pathname === '/vnc_auto.html') return void answer(200, 'text/html', PAGE)
  if (pathname === '/viewer.js') return void answer(200, 'text/javascript', SCRIPT)
  const [, module] = MODULE.exec(pathname) ?? []
  const text = module && (await readFile(new URL(module, NOVNC)).catch(() => undefined))
  if (text) return void answer(200, 'text/javascript', text)
  answer(404, 'text/plain', 'there is nothing here: GET /v1/nodes/NODE/states/console tells where a console is\n')
}

function portError(error: NodeJS.ErrnoException, address: string, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error
  return new FaultError('conflict', `graphical consoles need TCP port ${port} at ${address}, which is taken`, {
    hint: 'configure another one for the conductor (vncPort)',
  })
}
