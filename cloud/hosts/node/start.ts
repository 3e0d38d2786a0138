// The cloud on one machine: libSQL files, blobs in a folder, hubs in the process, one port for HTTP and conductors' sockets.
// A process that is nothing else is started with NODE_FLAGS (flags.ts).
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { arrayBuffer } from 'node:stream/consumers'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { systemEnv, type Env } from '../../../shared/env.ts'
import { createApp, type App } from '../../app.ts'
import { LOCK_WAIT_MS, type Ports } from '../../ports.ts'
import { prepare } from '../../store/first-start.ts'
import { FolderBlobs } from './blobs.ts'
import { FileStore } from './database.ts'
import { Hubs, UPGRADED } from './hubs.ts'
import { readMigrations } from './migrations.ts'

export interface CloudOptions {
  /** Holds everything; made with mode 0700 when absent. */
  readonly dataDir: string
  /** 0: any free one. */
  readonly port?: number
  readonly host?: string
  /** Requests need no token; refused unless `host` is a loopback address. */
  readonly noAuth?: boolean
  /** How long a change of a locked node waits before it is refused with 409; default 2000. */
  readonly lockWaitMs?: number
  readonly log?: Ports['log']
  readonly env?: Env
}

export interface Cloud {
  /** Such as http://127.0.0.1:6385, without a slash at the end. */
  readonly url: string
  /** Of the first start only: it is stored nowhere. */
  readonly token?: string
  readonly ports: Ports
  close(): Promise<void>
}

export const DEFAULT_PORT = 6385
const MAX_HEADER_BYTES = 16 * 1024

/** Starts the server; it listens when the promise resolves. Throws when it may not, or cannot, listen there. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { dataDir, port = DEFAULT_PORT, host = '127.0.0.1', noAuth = false, env = systemEnv } = options
  const { lockWaitMs = LOCK_WAIT_MS } = options
  if (noAuth && !isLoopback(host))
    throw new Error(`without authentication the server listens on loopback only, not on ${host}`)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const log = options.log ?? (() => undefined)
  const store = new FileStore(dataDir, log)
  const token = await prepare(store, env, (set) => readMigrations(set))
  const blobs = new FolderBlobs(join(dataDir, 'blobs'))
  const hubs = new Hubs(store, blobs, env, log)
  const working = new Set<Promise<void>>()
  const background = (work: Promise<void>): void => {
    working.add(work)
    void work.finally(() => working.delete(work))
  }
  const ports: Ports = { env, store, hub: hubs, blobs, noAuth, lockWaitMs, background, log }
  const app = createApp(ports)

  const listener = getRequestListener((request, { incoming }) => {
    // The standard's Request has no room for the body of a GET, which vendor methods may have: gophercloud's GetSubscription sends one.
    if (request.method === 'GET' && incoming.headers['content-length'] !== undefined)
      Object.defineProperty(request, 'arrayBuffer', { value: () => arrayBuffer(incoming) })
    return app.fetch(request)
  })
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 120_000 }, (message, response) => {
    message.url = withoutWayUp(message.url!)
    void listener(message, response)
  })
  server.on('upgrade', (message, socket, head) => void upgrade(app, hubs, message, socket, head))
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(port, host, done)
  })
  await wakeHubs(store, hubs)

  const address = server.address() as AddressInfo
  const url = `http://${isIPv6(address.address) ? `[${address.address}]` : address.address}:${address.port}`
  log('info', 'cloud.listening', { url })
  return {
    url,
    ...(token === undefined ? {} : { token }),
    ports,
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()))
      await Promise.all(working)
      await hubs.close()
      server.closeAllConnections()
      await closed
      await store.close()
    },
  }
}

/**
 * Dots that a URL parser takes for the way up (WHATWG URL, "double-dot URL path segment") name what they say, which is nothing: DELETE of a trait
 * called `..` is no DELETE of its node. In workerd a request comes parsed.
 */
function withoutWayUp(url: string): string {
  return url.replace(/^[^?]+/, (path) =>
    path.replace(/(?<=\/)(?:\.|%2e){1,2}(?=\/|$)/gi, (dots) => dots.replaceAll(/\.|%2e/gi, '%252E')),
  )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** The API verifies the upgrade like any request; the raw socket waits beside it for the hub that may take it. */
async function upgrade(
  app: App<unknown>,
  hubs: Hubs,
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on('error', () => socket.destroy())
  let response: Response
  try {
    const headers = new Headers()
    for (const [name, value] of Object.entries(message.headers)) if (typeof value === 'string') headers.set(name, value)
    const request = new Request(`http://${message.headers.host ?? 'localhost'}${message.url ?? '/'}`, { headers })
    hubs.offer(request, { message, socket, head })
    response = await app.fetch(request)
  } catch {
    response = new Response(null, { status: 400 })
  }
  if (response.headers.has(UPGRADED) || socket.destroyed) return
  const body = new Uint8Array(await response.arrayBuffer())
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(
    `HTTP/1.1 ${response.status} Refused\r\n${lines}content-length: ${body.length}\r\nconnection: close\r\n\r\n`,
  )
  socket.end(body)
}

async function wakeHubs(store: FileStore, hubs: Hubs): Promise<void> {
  for (const [organisation] of await store.directory.all('SELECT id FROM organisations')) {
    for (const [site] of await store.organisation(String(organisation)).all('SELECT id FROM sites')) {
      await hubs.wake({ organisation: String(organisation), site: String(site) })
    }
  }
}
