// The agent's REST API on port 9999. 1. Nothing of a request's body is read before its token is known to be right. 2. Tokens are compared in
// constant time. 3. Every answer is JSON, errors too.
import { createHash, timingSafeEqual } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { AgentErrorBody } from '../shared/agent-protocol.ts'
import { MAX_COMMAND_BODY_BYTES } from '../shared/agent-protocol.ts'
import type { CommandRunner } from './command-runner.ts'
import { AgentFault, toAgentError } from './fault.ts'

const MEDIA_TYPE = 'application/vnd.openstack.ironic-python-agent.v1+json'

export interface ServerOptions {
  runner: CommandRunner
  token: string
  version: string
  /** Without one the API is plain HTTP: for conductors whose own URL is http://. */
  tls?: { certPem: string; keyPem: string } | undefined
  host: string
  port: number
  /** Seconds since 1970. */
  startedAt: number
  log(message: string): void
}

export interface AgentServer {
  readonly port: number
  close(): Promise<void>
}

const sha256 = (text: string) => createHash('sha256').update(text).digest()

/** A refusal by the router, which has no agent error behind it. */
class RouteError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

async function readJson(request: http.IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_COMMAND_BODY_BYTES)
      throw new AgentFault('InvalidContent', `a body of more than ${MAX_COMMAND_BODY_BYTES} bytes`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
  } catch (error) {
    throw new AgentFault('InvalidContent', `the body is not JSON: ${(error as Error).message}`)
  }
}

function errorBody(error: unknown): { code: number; body: AgentErrorBody } {
  if (error instanceof RouteError)
    return { code: error.code, body: { faultcode: 'Client', faultstring: error.message } }
  const body = toAgentError(error)
  return {
    code: body.code,
    body: { ...body, faultcode: body.code < 500 ? 'Client' : 'Server', faultstring: body.message },
  }
}

/** `wait=1000` (milliseconds) is ours: whoever waits hears of the end at once, and of progress in between. */
async function endOr(ms: number, done: Promise<void>): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, ms)
  await Promise.race([done, over.promise])
  clearTimeout(timer)
}

/** What a request gets: a value to send as JSON with 200. */
async function route(request: http.IncomingMessage, options: ServerOptions): Promise<unknown> {
  const url = URL.parse(request.url ?? '/', 'http://agent')
  if (!url) throw new RouteError(400, 'not a path')
  const [, first = '', ...more] = url.pathname.replace(/\/+$/, '').split('/')
  const v1 = { id: 'v1', links: [{ href: '/v1/', rel: 'self' }] }
  const method = request.method ?? 'GET'
  if (first === '') {
    const description = 'Ferrule deploy agent, speaking the protocol of ironic-python-agent'
    return { name: 'Ferrule agent', description, versions: [v1], default_version: v1 }
  }
  const path = first === 'v1' ? more : [first, ...more]
  const [resource, id, ...rest] = path
  if (resource === undefined) {
    return {
      ...v1,
      commands: [{ href: '/v1/commands/', rel: 'self' }],
      status: [{ href: '/v1/status/', rel: 'self' }],
      media_types: [{ base: 'application/json', type: MEDIA_TYPE }],
    }
  }
  if (rest.length > 0 || (resource !== 'commands' && resource !== 'status')) throw new RouteError(404, 'not found')
  if (resource === 'status') return { started_at: options.startedAt, version: options.version }

  const given = url.searchParams.get('agent_token') ?? ''
  if (!timingSafeEqual(sha256(given), sha256(options.token))) throw new AgentFault('Unauthorized', 'token invalid')
  const waits = url.searchParams.get('wait')?.toLowerCase() ?? ''
  const wait = waits === 'true'
  if (id !== undefined) {
    const { result, done } = options.runner.get(id)
    if (method === 'DELETE') options.runner.abort(id)
    else if (method !== 'GET') throw new RouteError(405, 'GET or DELETE')
    if (wait) await done
    else if (/^\d{1,5}$/.test(waits)) await endOr(Number(waits), done)
    return result
  }
  if (method === 'GET') return { commands: options.runner.list() }
  if (method !== 'POST') throw new RouteError(405, 'GET or POST')
  const { result, kind, done } = options.runner.start(await readJson(request))
  if (wait || kind === 'sync') await done
  return result
}

export async function startServer(options: ServerOptions): Promise<AgentServer> {
  const handle = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    let code = 200
    let body: unknown
    try {
      body = await route(request, options)
    } catch (error) {
      ;({ code, body } = errorBody(error))
    }
    // A refused body is not read to its end: the connection goes instead.
    if (!request.complete) response.setHeader('connection', 'close')
    response.writeHead(code, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  const listener = (request: http.IncomingMessage, response: http.ServerResponse) => void handle(request, response)
  const { tls } = options
  const server = tls
    ? https.createServer({ cert: tls.certPem, key: tls.keyPem, minVersion: 'TLSv1.2' }, listener)
    : http.createServer(listener)
  server.maxConnections = 64
  server.requestTimeout = 120_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  server.on('error', (error) => options.log(`server: ${error.message}`))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
