// HTTP for firmware and ramdisks: GET and HEAD of what is in a table of routes, nothing else.
// 1. A URL is a key, looked up as it came (no decoding, no folders, no listing): no file name comes from the network.
// 2. Routes live under prefixes that nobody can guess and vanish with `withdraw`.
// 3. What is published to be had once is had by one client. 4. Connections, header sizes and waiting times are bounded; a client that takes nothing for a minute is dropped.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { openContent } from './content.ts'
import { ifNoneMatchHolds, ifRangeHolds, wantedRange } from './range.ts'
import { ClientGone, chunkBytesFor, sendContent } from './send.ts'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Content, OpenContent } from './content.ts'

/** One answer to a GET, told as it goes: after each chunk, and once with `outcome` at its end. */
export interface HttpTransfer {
  path: string
  client: string
  /** Bytes of this answer handed to the network, and how many it has in all. */
  sentBytes: number
  totalBytes: number
  durationMs: number
  outcome?: 'complete' | 'aborted' | 'failed'
  detail?: string
}

export interface HttpBootOptions {
  address: string
  /** Where it listens; default `address`. */
  listen?: string
  /** Default 8088; 0 chooses a free one. */
  port?: number
  onProgress?: (transfer: HttpTransfer) => void
  /** Each HEAD that found its route: firmware asks for the size before it loads. */
  onHead?: (path: string, client: string) => void
  /** What is at a path that nobody published: looked up for each request. */
  find?: (path: string) => Content | undefined
  maximumConnections?: number
  /** A connection on which nothing moves for this long is closed. */
  idleTimeoutMs?: number
  nowMs?: () => number
}

export class HttpBootServer {
  readonly #options: Required<HttpBootOptions>
  readonly #routes = new Map<string, Content>()
  /** Contents that are served once, and are being served or have been. */
  readonly #taken = new WeakSet<Content>()
  readonly #server: Server
  #port = 0
  #transfers = 0

  constructor(options: HttpBootOptions) {
    this.#options = {
      listen: options.address,
      port: 8088,
      onProgress: () => {},
      onHead: () => {},
      find: () => undefined,
      maximumConnections: 4096,
      idleTimeoutMs: 60_000,
      nowMs: () => performance.now(),
      ...options,
    }
    this.#server = createServer(
      { keepAliveTimeout: 15_000, headersTimeout: 10_000, requestTimeout: 10_000, maxHeaderSize: 8192 },
      (request, response) => void this.#answer(request, response),
    )
    this.#server.maxConnections = this.#options.maximumConnections
    this.#server.setTimeout(this.#options.idleTimeoutMs, (socket) => socket.destroy())
  }

  get port(): number {
    return this.#port
  }

  /** 'http://10.0.0.1:8088', without a slash at its end. */
  get origin(): string {
    return `http://${this.#options.address}:${this.#port}`
  }

  async start(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.listen)
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Closes at once: firmware and agents retry, and a conductor that stops must not wait for a stalled machine. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  /** Serves `content` at `path` ('/token/kernel'); replaces what was there. */
  publish(path: string, content: Content): void {
    if (!/^(\/[A-Za-z0-9_.-]+)+$/.test(path)) throw new Error(`not a path of plain segments: ${JSON.stringify(path)}`)
    this.#routes.set(path, content)
  }

  /** Removes `path` and everything below it. What is being sent is sent to its end. */
  withdraw(path: string): void {
    for (const route of this.#routes.keys()) {
      if (route === path || route.startsWith(`${path}/`)) this.#routes.delete(route)
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    response.setHeader('X-Content-Type-Options', 'nosniff')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      plain(response, 405, 'only GET and HEAD')
      return
    }
    const route = this.#routes.get(path) ?? this.#options.find(path)
    if (route === undefined || this.#taken.has(route)) {
      plain(response, 404, 'not found')
      return
    }
    const isOnce = route.kind === 'bytes' && route.once === true && request.method === 'GET'
    if (isOnce) this.#taken.add(route)
    let content: OpenContent
    try {
      content = await openContent(route)
    } catch (error) {
      this.#report(request, path, {
        sentBytes: 0,
        totalBytes: 0,
        durationMs: 0,
        outcome: 'failed',
        detail: String(error),
      })
      plain(response, 503, 'not available')
      return
    }
    try {
      const isSent = await this.#send(request, response, path, content)
      if (isOnce && !isSent) this.#taken.delete(route)
    } finally {
      await content.close()
    }
  }

  /** Answers whether the client got all that it asked for. */
  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    content: OpenContent,
  ): Promise<boolean> {
    const { sizeBytes, etag, contentType } = content
    const { headers } = request
    response.setHeader('ETag', etag)
    response.setHeader('Accept-Ranges', 'bytes')
    if (ifNoneMatchHolds(headers['if-none-match'], etag)) {
      response.writeHead(304).end()
      return false
    }
    const ifRange = headers['if-range']
    const usesRange = request.method === 'GET' && ifRangeHolds(typeof ifRange === 'string' ? ifRange : undefined, etag)
    const range = usesRange ? wantedRange(headers.range, sizeBytes) : ({ kind: 'whole' } as const)
    if (range.kind === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${sizeBytes}`)
      plain(response, 416, 'no such range')
      return false
    }
    const start = range.kind === 'part' ? range.start : 0
    const length = range.kind === 'part' ? range.endInclusive - range.start + 1 : sizeBytes
    response.setHeader('Content-Type', contentType)
    response.setHeader('Content-Length', length)
    if (range.kind === 'part') {
      response.setHeader('Content-Range', `bytes ${range.start}-${range.endInclusive}/${sizeBytes}`)
    }
    response.writeHead(range.kind === 'part' ? 206 : 200)
    if (request.method === 'HEAD') {
      response.end()
      this.#options.onHead(path, clientOf(request))
      return false
    }
    return await this.#stream(request, response, path, content, start, length)
  }

  async #stream(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    content: OpenContent,
    start: number,
    length: number,
  ): Promise<boolean> {
    const startedMs = this.#options.nowMs()
    let sentBytes = 0
    const report = (end: Pick<HttpTransfer, 'outcome' | 'detail'>): void => {
      const durationMs = this.#options.nowMs() - startedMs
      this.#report(request, path, { sentBytes, totalBytes: length, durationMs, ...end })
    }
    report({})
    this.#transfers++
    try {
      await sendContent(response, content, start, length, chunkBytesFor(this.#transfers), (bytes) => {
        sentBytes += bytes
        report({})
      })
      response.end()
      report({ outcome: 'complete' })
      return true
    } catch (error) {
      // Content-Length has been promised; only a cut connection tells the client that the rest is missing.
      response.destroy()
      report({
        outcome: error instanceof ClientGone ? 'aborted' : 'failed',
        detail: error instanceof Error ? error.message : String(error),
      })
      return false
    } finally {
      this.#transfers--
    }
  }

  #report(request: IncomingMessage, path: string, transfer: Omit<HttpTransfer, 'path' | 'client'>): void {
    this.#options.onProgress({ path, client: clientOf(request), ...transfer })
  }
}

function clientOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? ''
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Content-Length', text.length + 1)
  response.writeHead(status).end(`${text}\n`)
}
