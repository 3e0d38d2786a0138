// What agents call at the site (port 6384): lookup and heartbeat as in Ironic's API 1.62 to 1.68, over TLS with a certificate of the site CA.
// 1. A node that nobody is booting does not exist here (404). 2. Bodies, rates and connections are bounded. 3. Answers carry no secret but
// the token of the boot, once.
import https from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  API_VERSION_HEADER,
  HEARTBEAT_API_VERSION,
  heartbeatSchema,
  lookupQuerySchema,
  MASKED,
} from '../../shared/agent-protocol.ts'
import type { Agents, Heard } from './agents.ts'
import type { Log } from '../log.ts'

const MAX_BODY_BYTES = 64 * 1024
const HEARTBEAT_TIMEOUT_S = 60
/** Requests of one address per window: an agent sends a handful. */
const MAX_REQUESTS = 60
const RATE_WINDOW_MS = 10_000

export interface AgentApiOptions {
  readonly agents: Agents
  readonly log: Log
  /** PEM: own certificate followed by the CA's; own key; the CA's alone. */
  readonly chain: string
  readonly key: string
  readonly ca: string
  /** undefined: all addresses. */
  readonly host?: string | undefined
  readonly port: number
  readonly now: () => number
}

export interface AgentApi {
  readonly port: number
  close(): Promise<void>
}

/** An answer other than 200: what the agent sees as {faultstring}. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function startAgentApi(options: AgentApiOptions): Promise<AgentApi> {
  const rate = new RateLimit(options.now)
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader(API_VERSION_HEADER, HEARTBEAT_API_VERSION)
    try {
      rate.count(request.socket.remoteAddress ?? '')
      await route(options, request, response)
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500
      const text = error instanceof Refusal ? error.message : 'internal error'
      if (status === 500) options.log.error('agent API', { path: request.url, error })
      // A refused body is not read to its end: the connection goes instead.
      if (!request.complete) response.setHeader('connection', 'close')
      if (status === 429) response.setHeader('retry-after', '10')
      answer(response, status, {
        error_message: JSON.stringify({ faultcode: status < 500 ? 'Client' : 'Server', faultstring: text }),
      })
    }
  }
  const server = https.createServer(
    { cert: options.chain, key: options.key, minVersion: 'TLSv1.2' },
    (request, response) => {
      void handle(request, response)
    },
  )
  server.maxConnections = 1024
  server.requestTimeout = 30_000
  server.headersTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function route(options: AgentApiOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.parse(request.url ?? '/', 'https://conductor')
  if (url === null) throw new Refusal(400, 'not a path')
  const path = url.pathname.replace(/\/+$/, '') || '/'
  const heartbeat = /^\/v1\/heartbeat\/([^/]{1,64})$/.exec(path)
  if (heartbeat !== null) {
    if (request.method !== 'POST') throw new Refusal(405, 'POST')
    await onHeartbeat(options.agents, heartbeat[1]!, await readJson(request))
    response.writeHead(202).end()
    return
  }
  if (request.method !== 'GET') throw new Refusal(404, 'not found')
  if (path === '/') {
    const version = { id: 'v1', min_version: '1.1', version: HEARTBEAT_API_VERSION, status: 'CURRENT', links: [] }
    return answer(response, 200, { name: 'Ferrule conductor', versions: [version], default_version: version })
  }
  if (path === '/v1') {
    return answer(response, 200, { id: 'v1', lookup: [{ href: '/v1/lookup' }], heartbeat: [{ href: '/v1/heartbeat' }] })
  }
  if (path === '/v1/agent/ca') {
    response.writeHead(200, { 'content-type': 'application/x-pem-file' }).end(options.ca)
    return
  }
  if (path === '/v1/lookup') {
    const from = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '').replace(/%.*$/, '')
    return answer(response, 200, await lookup(options.agents, url.searchParams, from))
  }
  throw new Refusal(404, 'not found')
}

async function lookup(agents: Agents, parameters: URLSearchParams, from: string): Promise<unknown> {
  const query = lookupQuerySchema.safeParse(Object.fromEntries(parameters))
  if (!query.success) throw new Refusal(400, 'addresses or node_uuid is required')
  const expected = agents.find(query.data)
  if (expected === undefined) throw new Refusal(404, 'no node with these addresses is being booted')
  const token = await agents.showToken(expected.node, from)
  const { node: uuid, properties, instanceInfo } = expected
  return {
    node: { uuid, properties, instance_info: instanceInfo, driver_internal_info: {} },
    config: {
      heartbeat_timeout: HEARTBEAT_TIMEOUT_S,
      agent_token: token ?? MASKED,
      agent_token_required: true,
      agent_md5_checksum_enable: false,
      disable_deep_image_inspection: false,
      permitted_image_formats: ['raw', 'gpt', 'qcow2', 'iso'],
    },
  }
}

async function onHeartbeat(agents: Agents, node: string, body: unknown): Promise<void> {
  const parsed = heartbeatSchema.safeParse(body)
  if (!parsed.success)
    throw new Refusal(400, `heartbeat: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`)
  const { callback_url: url, agent_token: token, agent_version: version, agent_verify_ca: certificate } = parsed.data
  const { agent_status: status, agent_status_message: message = '' } = parsed.data
  if (url === '' && status !== undefined)
    return refuseUnheard(
      await agents.reported(node.toLowerCase(), token, { status, message: message.replaceAll(/\p{Cc}/gu, ' ') }),
    )
  if (!url.startsWith('https://') || certificate === undefined)
    throw new Refusal(400, 'an agent must offer https and its certificate')
  refuseUnheard(await agents.heard(node.toLowerCase(), token, { url, version: version ?? 'unknown', certificate }))
}

function refuseUnheard(heard: Heard): void {
  if (heard === 'unknown') throw new Refusal(404, 'no such node is being booted')
  if (heard === 'wrong token') throw new Refusal(400, 'agent_token is not that of this boot')
  if (heard === 'changed') throw new Refusal(400, 'callback_url and certificate do not change during a boot')
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `a body of more than ${MAX_BODY_BYTES} bytes`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** Fixed windows over all addresses; forgets everything at the end of each. */
class RateLimit {
  readonly #now: () => number
  readonly #counts = new Map<string, number>()
  #windowEnds = 0

  constructor(now: () => number) {
    this.#now = now
  }

  count(address: string): void {
    if (this.#now() >= this.#windowEnds) {
      this.#counts.clear()
      this.#windowEnds = this.#now() + RATE_WINDOW_MS
    }
    const count = (this.#counts.get(address) ?? 0) + 1
    this.#counts.set(address, count)
    if (count > MAX_REQUESTS) throw new Refusal(429, 'too many requests')
  }
}
