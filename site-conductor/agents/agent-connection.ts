// Requests to the agent in a deploy ramdisk, over TLS with the certificate of its heartbeat pinned, and what its refusals mean.
// 1. `before` runs in the turn in which a command leaves. 2. A connection is kept between commands: a handshake is most of what one costs.
import { X509Certificate } from 'node:crypto'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import { type AgentErrorBody, agentErrorBodySchema, MAX_ANSWER_BYTES } from '../../shared/agent-protocol.ts'
import type { Env } from '../../shared/env.ts'
import { FaultError, type FaultCode } from '../../shared/faults.ts'
import type { Closable } from '../site.ts'

const REQUEST_TIMEOUT_MS = 60_000
/** A question is asked again anyway; packets to a machine that is gone are lost without a word for a minute. */
const QUESTION_TIMEOUT_MS = 15_000
/** Node's HTTP servers close what is idle for 5 s; agents that say nothing of it may do so sooner or later. */
const MAX_IDLE_MS = 4_000
/** Certificates of agents that are remembered; whose is forgotten gets a new connection. */
const MAX_KEEPERS = 4_096

/** Connections to agents that are open between commands: for each pinned certificate a keeper of its own, so none is used for another. */
export interface AgentConnections extends Closable {
  keeper(certificate: string): https.Agent
}

/**
 * A connection that is not used goes before the agent would close it (its Keep-Alive header says when). No session is resumed: a new connection
 * shows its certificate.
 */
export function openAgentConnections(): AgentConnections {
  const keepers = new Map<string, https.Agent>()
  return {
    keeper(certificate) {
      const known = keepers.get(certificate)
      if (known !== undefined) return known
      const pinned = new X509Certificate(certificate)
      const keeper = new https.Agent({
        keepAlive: true,
        maxFreeSockets: 1,
        maxCachedSessions: 0,
        timeout: MAX_IDLE_MS,
        ca: [certificate],
        // The name in the certificate is the agent's own claim; being the very one that came with the token is what counts.
        // (Node keeps no connection whose request brings a check of its own.)
        checkServerIdentity: (_, shown) =>
          pinned.raw.equals(shown.raw) ? undefined : new Error('another certificate than at the heartbeat'),
      })
      keepers.set(certificate, keeper)
      // What the forgotten one still holds ends by itself.
      if (keepers.size > MAX_KEEPERS) keepers.delete(keepers.keys().next().value!)
      return keeper
    },
    async close() {
      for (const keeper of keepers.values()) keeper.destroy()
      keepers.clear()
    },
  }
}

export interface AgentConnection {
  readonly connections: AgentConnections
  /** https://address:port */
  readonly url: string
  readonly token: string
  /** PEM; nothing else is trusted. */
  readonly certificate: string
  readonly epoch: () => number
  readonly before: () => void
  readonly env: Env
  readonly signal: AbortSignal
  readonly heartbeats: Heartbeats
  /** Asked while the agent is silent: what else says that it will not come back, as a sentence; undefined when nothing does. */
  readonly whyGone?: () => Promise<string | undefined>
  /** Called with each answer of the agent. */
  readonly onAnswer?: () => void
}

/** The agent calls as soon as a command has ended; polling alone would notice a second later. */
export interface Heartbeats {
  count(): number
  /** Resolves when there were more than `count`. */
  after(count: number, signal: AbortSignal): Promise<void>
}

/** No TCP or TLS connection, or one that broke: it may come back. */
export class Unreachable extends Error {}

/** One request. A body is made, and `before` asked, when the secured connection is there. */
export function request(
  agent: AgentConnection,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: () => string,
): Promise<unknown> {
  const url = new URL(path, agent.url)
  url.searchParams.set('agent_token', agent.token)
  const timeoutMs = method === 'POST' ? REQUEST_TIMEOUT_MS : QUESTION_TIMEOUT_MS
  return new Promise((resolve, reject) => {
    const outgoing = https.request(url, {
      method,
      agent: agent.connections.keeper(agent.certificate),
      minVersion: 'TLSv1.2',
      timeout: timeoutMs,
      signal: agent.signal,
      headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) },
    })
    const send = () => {
      try {
        if (body !== undefined) agent.before()
        outgoing.end(body?.())
      } catch (error) {
        reject(error as Error)
        outgoing.destroy()
      }
    }
    outgoing.on('socket', (socket) => {
      if (outgoing.reusedSocket) send()
      else (socket as TLSSocket).once('secureConnect', send)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
    outgoing.on('error', (error) => reject(agent.signal.aborted ? agent.signal.reason : new Unreachable(error.message)))
    outgoing.on('response', (response) => {
      agent.onAnswer?.()
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        parts.push(part)
        bytes += part.length
        if (bytes > MAX_ANSWER_BYTES) outgoing.destroy(new Error('the answer is too long'))
      })
      response.on('error', (error) => reject(new Unreachable(error.message)))
      response.on('end', () => {
        const text = Buffer.concat(parts).toString()
        const status = response.statusCode ?? 0
        try {
          const value: unknown = JSON.parse(text)
          if (status === 200) resolve(value)
          else reject(new AgentRefusal(status, agentErrorBodySchema.catch({}).parse(value)))
        } catch {
          reject(new FaultError('agent.command', `the agent answered ${status} with something that is not JSON`))
        }
      })
    })
  })
}

/** What the agent's kinds of errors mean to an operator. */
const FAULT_OF: Readonly<Record<string, FaultCode>> = {
  StaleEpoch: 'fenced',
  ImageChecksumError: 'image.digest',
  ImageDownloadError: 'image.unreachable',
  ImageDownloadTimeout: 'image.unreachable',
  InvalidImage: 'image.format',
  DiskTooSmall: 'image.too_large',
  DeviceNotFound: 'disk.not_found',
  DiskReadError: 'disk.io',
  DiskWriteError: 'disk.io',
  ImageWriteError: 'disk.io',
  InvalidConfigDrive: 'config_drive.invalid',
}

export function faultOf(type: string, message: string, details: string): FaultError {
  const missing = type === 'ImageDownloadError' && /\b(404|410)\b/.test(`${message} ${details}`)
  const code = missing ? 'image.not_found' : (FAULT_OF[type] ?? 'agent.command')
  const more = details === '' || details === message ? '' : `: ${details.split('\n')[0]}`
  return new FaultError(code, `the agent reports ${type}: ${message}${more}`)
}

/** The agent answered, with something else than success. */
export class AgentRefusal extends FaultError {
  readonly status: number
  constructor(status: number, body: AgentErrorBody) {
    const { fault } = faultOf(body.type ?? `HTTP ${status}`, body.message ?? body.faultstring ?? '', body.details ?? '')
    super(fault.code, fault.message)
    this.status = status
  }
}
