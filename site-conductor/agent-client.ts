// Commands to the agent in a deploy ramdisk, over TLS with the certificate of its heartbeat pinned (reference: ironic agent API).
// 1. `before` runs in the turn in which a command leaves. 2. Each command carries the epoch: the agent refuses an older one.
// 3. A command whose answer was lost is looked for before it is sent again. 4. A command under way is picked up, not restarted.
// 5. A connection is kept between commands: a handshake is most of what one costs.
import { X509Certificate } from 'node:crypto'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import {
  type AgentErrorBody,
  agentErrorBodySchema,
  commandListSchema,
  type CommandProgress,
  type CommandResult,
  commandResultSchema,
  MAX_ANSWER_BYTES,
} from '../shared/agent-protocol.ts'
import type { Env } from '../shared/env.ts'
import { FaultError, type FaultCode } from '../shared/faults.ts'
import type { Closable } from './site.ts'
import { sleep, sleepOr } from './timing.ts'

const REQUEST_TIMEOUT_MS = 60_000
/** A question is asked again anyway; packets to a machine that is gone are lost without a word for a minute. */
const QUESTION_TIMEOUT_MS = 15_000
/** Node's HTTP servers close what is idle for 5 s; agents that say nothing of it may do so sooner or later. */
const MAX_IDLE_MS = 4_000
/** Certificates of agents that are remembered; whose is forgotten gets a new connection. */
const MAX_KEEPERS = 4_096
const TRIES = 3
const RETRY_PAUSE_MS = 2_000
const POLL_MS = 1_000
/** A machine that writes at full speed may be slow to answer; that long a silence is a lost agent. */
const MAX_SILENCE_MS = 120_000
/** After so long it is asked whether the agent can come back at all. */
const LOOK_AFTER_MS = 5_000

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
class Unreachable extends Error {}

/**
 * Starts `name` and returns the agent's entry of it; for synchronous commands that is the end of it. `key` makes it safe to repeat:
 * the agent answers what it has of the command, running or done, with `repeated`. One that knows no keys (Ironic's own) is at least
 * not disturbed: what it runs under this name is taken for the command.
 */
export async function startCommand(
  agent: AgentConnection,
  name: string,
  params: Record<string, unknown>,
  key?: string,
): Promise<CommandResult> {
  const body = () => JSON.stringify({ name, params, epoch: agent.epoch(), key })
  for (let attempt = 1; ; attempt++) {
    try {
      return commandResultSchema.parse(await request(agent, 'POST', '/v1/commands/', body))
    } catch (error) {
      const isBusy = error instanceof AgentRefusal && error.status === 409
      if (!isBusy && !(error instanceof Unreachable)) throw error
      if (!isBusy && attempt === TRIES) throw await lost(agent, error)
      if (!isBusy) await sleep(agent.env, RETRY_PAUSE_MS, agent.signal)
      const running = await runningCommand(agent, name).catch(() => undefined)
      if (running !== undefined) return { ...running, repeated: true }
      if (isBusy) throw error
    }
  }
}

/** The agent's last command, when it is `name` and runs. */
export async function runningCommand(agent: AgentConnection, name: string): Promise<CommandResult | undefined> {
  const { commands } = commandListSchema.parse(await request(agent, 'GET', '/v1/commands/'))
  const last = commands.at(-1)
  return last?.command_name === shortName(name) && last.command_status === 'RUNNING' ? last : undefined
}

/** Ends the command under way when its key begins with `key`, and waits for that. */
export async function abortCommand(agent: AgentConnection, key: string): Promise<void> {
  const { commands } = commandListSchema.parse(await request(agent, 'GET', '/v1/commands/'))
  const ours = commands.find((each) => each.command_status === 'RUNNING' && each.key?.startsWith(key))
  if (ours === undefined) return
  await request(agent, 'DELETE', `/v1/commands/${encodeURIComponent(ours.id)}`)
  await waitForCommand(agent, ours).catch((error: unknown) => {
    if (!(error instanceof FaultError) || error.fault.code !== 'agent.command') throw error
  })
}

/**
 * The command `id`; undefined when the agent does not know it (it was restarted, say). `waitMs`: our agent answers when the command has ended, at
 * the latest after so long; Ironic's own knows `wait=true` only and answers at once.
 */
export async function findCommand(
  agent: AgentConnection,
  id: string,
  waitMs?: number,
): Promise<CommandResult | undefined> {
  const path = `/v1/commands/${encodeURIComponent(id)}${waitMs === undefined ? '' : `?wait=${waitMs}`}`
  try {
    return commandResultSchema.parse(await request(agent, 'GET', path))
  } catch (error) {
    if (error instanceof AgentRefusal && error.status === 404) return undefined
    throw error
  }
}

/** Waits until a command has ended and returns its result; a failed one becomes a fault. */
export async function waitForCommand(
  agent: AgentConnection,
  command: CommandResult,
  onProgress: (progress: CommandProgress) => void = () => {},
  heartbeatsBefore = agent.heartbeats.count(),
): Promise<Record<string, unknown>> {
  let current = command
  let heartbeats = heartbeatsBefore
  let heardAt = agent.env.mono()
  while (current.command_status === 'RUNNING') {
    if (current.command_progress !== undefined) onProgress(current.command_progress)
    const askedAt = agent.env.mono()
    try {
      const found = await findCommand(agent, current.id, POLL_MS)
      if (found === undefined) throw new FaultError('agent.lost', 'the agent was restarted in the middle of a command')
      current = found
      heardAt = agent.env.mono()
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      const fault = await judgeSilence(agent, agent.env.mono() - heardAt, error)
      if (fault !== undefined) throw fault
    }
    // An answer that came early: an agent that does not hold it back, or none at all.
    const leftMs = POLL_MS - (agent.env.mono() - askedAt)
    if (current.command_status !== 'RUNNING' || leftMs <= 0) continue
    const early = (signal: AbortSignal) => agent.heartbeats.after(heartbeats, signal)
    await sleepOr(agent.env, leftMs, agent.signal, early)
    heartbeats = agent.heartbeats.count()
  }
  if (current.command_status === 'SUCCEEDED') return current.command_result ?? {}
  const { type = 'unknown', message = current.command_status, details = '' } = current.command_error ?? {}
  throw faultOf(type, message, details)
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

function faultOf(type: string, message: string, details: string): FaultError {
  const missing = type === 'ImageDownloadError' && /\b(404|410)\b/.test(`${message} ${details}`)
  const code = missing ? 'image.not_found' : (FAULT_OF[type] ?? 'agent.command')
  const more = details === '' || details === message ? '' : `: ${details.split('\n')[0]}`
  return new FaultError(code, `the agent reports ${type}: ${message}${more}`)
}

/** The agent answered, with something else than success. */
class AgentRefusal extends FaultError {
  readonly status: number
  constructor(status: number, body: AgentErrorBody) {
    const { fault } = faultOf(body.type ?? `HTTP ${status}`, body.message ?? body.faultstring ?? '', body.details ?? '')
    super(fault.code, fault.message)
    this.status = status
  }
}

/** Of an agent that has not answered for so long: the fault when it is given up, undefined while it may come back. */
export async function judgeSilence(
  agent: AgentConnection,
  silenceMs: number,
  cause: Error,
): Promise<FaultError | undefined> {
  if (silenceMs <= LOOK_AFTER_MS) return undefined
  const why = await whyGone(agent)
  return why !== undefined || silenceMs > MAX_SILENCE_MS ? gone(agent, why, cause) : undefined
}

async function lost(agent: AgentConnection, cause: Error): Promise<FaultError> {
  return gone(agent, await whyGone(agent), cause)
}

function gone(agent: AgentConnection, why: string | undefined, cause: Error): FaultError {
  const silence = `the agent at ${agent.url} does not answer: ${cause.message}`
  return new FaultError('agent.lost', why === undefined ? silence : `${why}; ${silence}`, { cause })
}

/** Where that cannot be found out either (a BMC that is silent, say), nothing is known. */
async function whyGone({ whyGone: ask, signal }: AgentConnection): Promise<string | undefined> {
  return await ask?.().catch(() => {
    signal.throwIfAborted()
    return undefined
  })
}

/** `standby.prepare_image` is listed as `prepare_image`. */
function shortName(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}

/** One request. A body is made, and `before` asked, when the secured connection is there. */
function request(
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
