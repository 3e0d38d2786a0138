// A plain keep-alive client: it must not need more CPU than the server.
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Target } from './targets.ts'

/** The newest microversion that every target has. */
const VERSION = '1.82'

export class Client {
  readonly #agent: Agent
  readonly #url: URL
  readonly #send: typeof request
  readonly #headers: Record<string, string>

  constructor({ url, token }: Pick<Target, 'url' | 'token'>, connections: number) {
    this.#url = new URL(url)
    const isTls = this.#url.protocol === 'https:'
    const options = { keepAlive: true, maxSockets: connections }
    this.#agent = isTls ? new TlsAgent(options) : new Agent(options)
    this.#send = isTls ? tlsRequest : request
    this.#headers = {
      ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
      'X-OpenStack-Ironic-API-Version': VERSION,
      'Content-Type': 'application/json',
    }
  }

  /** `path` begins with /v1. Throws on any other status than `status`. */
  send<T>(method: string, path: string, body: unknown, status: number): Promise<T> {
    return new Promise((done, failed) => {
      const text = body === undefined ? '' : JSON.stringify(body)
      const headers = text ? { ...this.#headers, 'Content-Length': Buffer.byteLength(text) } : this.#headers
      const { hostname, port, pathname } = this.#url
      const prefix = pathname.replace(/\/+$/, '')
      const sent = this.#send(
        { hostname, port, method, path: `${prefix}${path}`, agent: this.#agent, headers },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('end', () => {
            const answer = Buffer.concat(parts).toString('utf8')
            if (response.statusCode === status) done((answer === '' ? undefined : JSON.parse(answer)) as T)
            else failed(new Error(`${method} ${path}: ${response.statusCode} ${answer.slice(0, 500)}`))
          })
        },
      )
      // A server closes what was idle; the request that meets this never reached it (nodejs.org/api/http.html#requestreusedsocket).
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (sent.reusedSocket && error.code === 'ECONNRESET') done(this.send<T>(method, path, body, status))
        else failed(error)
      })
      sent.end(text)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
