// HTTP to one BMC: a request and its answer, each bounded in size and time. 1. `before` is asked in the very turn in which a request leaves, on a
// connection that is there already. 2. Redirects are not followed. 3. A request that has left is never sent again here.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import type { Socket } from 'node:net'
import { checkedLookup, type Endpoint } from './endpoint.ts'
import { type Env, nodeEnv } from './env.ts'
import { RedfishError } from './errors.ts'

/** Attribute registries of BIOSes are the largest. */
const MAX_ANSWER_BYTES = 8 << 20
const MAX_HEADER_BYTES = 32 << 10
const TIMEOUT_MS = 30_000
/** A connection that was idle for longer may be gone at the other end; a request would be lost in it. */
const MAX_IDLE_MS = 4_000
/** Of those at once to one BMC; the next ones wait. */
const MAX_CONNECTIONS = 2
const MAX_CA_BYTES = 1 << 20

/** `true`: by the system's authorities; a path: by those in this file or folder; `false`: whoever answers is believed. */
export type Verify = boolean | string

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** Of what changes something: throws when it may not leave (any more). */
  readonly before?: (() => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

export interface Wire {
  readonly endpoint: Endpoint
  readonly env: Env
  /** Whose certificates are believed. */
  readonly tls: Readonly<Pick<https.AgentOptions, 'rejectUnauthorized' | 'minVersion' | 'ca'>>
  /** Throws RedfishErrors 'unreachable', 'unanswered', 'tls', 'protocol', 'aborted', and what `before` throws. */
  exchange(request: Outgoing): Promise<Answer>
  close(): void
}

/** Of all wires. (Node does not say so of a connection that a waiting request gets from another.) */
const connected = new WeakSet<Socket>()

/** `timeoutMs`: of one request with its answer; default 30 s. */
export function openWire(
  endpoint: Endpoint,
  verify: Verify,
  { env = nodeEnv, timeoutMs = TIMEOUT_MS }: { env?: Env | undefined; timeoutMs?: number | undefined } = {},
): Wire {
  const isTls = endpoint.origin.startsWith('https:')
  const kept = { keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: 1, timeout: MAX_IDLE_MS }
  const ca = typeof verify === 'string' ? authorities(verify) : undefined
  const tls = { rejectUnauthorized: verify !== false, minVersion: 'TLSv1.2', ...(ca && { ca }) } as const
  const agent = isTls ? new https.Agent({ ...kept, ...tls }) : new http.Agent(kept)
  return {
    endpoint,
    env,
    tls,
    exchange: (request) => exchange({ endpoint, env, agent, isTls, timeoutMs }, request),
    close: () => agent.destroy(),
  }
}

function exchange(
  wire: { endpoint: Endpoint; env: Env; agent: http.Agent; isTls: boolean; timeoutMs: number },
  { method, path, headers, body, before, signal }: Outgoing,
): Promise<Answer> {
  const { endpoint, env, agent, isTls, timeoutMs } = wire
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new RedfishError('aborted', 'the caller has given up'))
    let hasLeft = false
    const outgoing = (isTls ? https : http).request(endpoint.origin + path, {
      method,
      agent,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'odata-version': '4.0', ...headers },
      lookup: checkedLookup,
      maxHeaderSize: MAX_HEADER_BYTES,
    })
    const stopTimer = env.setTimer(timeoutMs, () => fail(`no answer within ${timeoutMs / 1000} s`))
    const onAbort = () => end(new RedfishError('aborted', 'the caller has given up'))
    signal?.addEventListener('abort', onAbort, { once: true })
    const settle = () => {
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    const end = (error: Error) => {
      settle()
      reject(error)
      outgoing.destroy()
    }
    const fail = (why: string, kind: 'unreachable' | 'tls' | 'protocol' = 'unreachable') =>
      end(new RedfishError(hasLeft && method !== 'GET' ? 'unanswered' : kind, why))
    const send = () => {
      try {
        before?.()
        hasLeft = true
        outgoing.end(body)
      } catch (error) {
        end(error as Error)
      }
    }
    outgoing.once('socket', (socket) => {
      if (connected.has(socket)) return send()
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        connected.add(socket)
        send()
      })
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const why = isTls && !hasLeft ? distrust(error) : undefined
      fail(why ?? reasonOf(error), why === undefined ? 'unreachable' : 'tls')
    })
    outgoing.once('response', (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        parts.push(part)
        bytes += part.length
        if (bytes > MAX_ANSWER_BYTES) fail(`the answer is longer than ${MAX_ANSWER_BYTES >> 20} MiB`, 'protocol')
      })
      response.on('error', (error) => fail(reasonOf(error)))
      response.on('end', () => {
        settle()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) })
      })
    })
  })
}

export function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ECONNREFUSED') return 'the connection is refused'
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the connection was closed'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name cannot be resolved (${code})`
  if (code?.startsWith('HPE_')) return `what it answers is not HTTP (${code})`
  return message
}

/** Why the other end is not believed, by OpenSSL's and Node's names of it. */
export function distrust({ code = '', message }: NodeJS.ErrnoException): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name'
  if (/CERT|SELF_SIGNED|ISSUER|CRL/.test(code)) return `its certificate is not trusted (${code})`
  if (/^(ERR_SSL|EPROTO)/.test(code)) return `no TLS connection: ${code === 'EPROTO' ? message.split('\n')[0] : code}`
  return undefined
}

/** Throws 'argument', without a word of what is in the file. */
function authorities(path: string): string[] {
  try {
    const files = statSync(path).isDirectory()
      ? readdirSync(path)
          .sort()
          .map((name) => join(path, name))
      : [path]
    const texts = files
      .map((file) => ({ file, facts: statSync(file) }))
      .filter(({ facts }) => facts.isFile() && facts.size <= MAX_CA_BYTES)
      .map(({ file }) => readFileSync(file, 'utf8'))
      .filter((text) => text.includes('-----BEGIN CERTIFICATE-----'))
    if (texts.length > 0) return texts
  } catch {
    throw new RedfishError('argument', `the certificates at ${path} cannot be read on this conductor`)
  }
  throw new RedfishError('argument', `there is no certificate (PEM) at ${path} on this conductor`)
}
