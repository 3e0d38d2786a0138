// A conductor's agent API for tests: a site CA, TLS, lookup, heartbeat, and images over the same port. It keeps what it was told.
import 'reflect-metadata' // for @peculiar/x509
import { createHash, randomBytes, webcrypto } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { AgentNode, CommandResult, Heartbeat } from '../shared/agent-protocol.ts'
import { commandResultSchema, heartbeatSchema, lookupQuerySchema } from '../shared/agent-protocol.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const subtle = webcrypto as unknown as Crypto

export interface TestCa {
  pem: string
  /** As in ferrule.ca=sha256:… */
  digest: string
  issue(names: string[]): Promise<{ cert: string; key: string }>
}

export async function makeTestCa(name = 'site test CA'): Promise<TestCa> {
  x509.cryptoProvider.set(subtle)
  const days = (count: number) => new Date(Date.now() + count * 86_400_000)
  const caKeys = await subtle.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: days(-1),
    notAfter: days(30),
    signingAlgorithm: algorithm,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  return {
    pem: ca.toString('pem'),
    digest: createHash('sha256').update(new Uint8Array(ca.rawData)).digest('hex'),
    async issue(names) {
      const keys = await subtle.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: '02',
        subject: 'CN=conductor',
        issuer: ca.subject,
        notBefore: days(-1),
        notAfter: days(10),
        signingAlgorithm: algorithm,
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        extensions: [
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
        ],
      })
      const der = Buffer.from(await subtle.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
      return {
        cert: leaf.toString('pem'),
        key: `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`,
      }
    },
  }
}

export interface FakeConductor {
  url: string
  port: number
  ca: TestCa
  token: string
  /** MAC addresses of each lookup, and all heartbeats, in order. */
  lookups: string[][]
  heartbeats: Heartbeat[]
  /** Resolves with the n-th heartbeat (1 is the first). */
  heartbeat(n: number): Promise<Heartbeat>
  /** Sends a command to the agent of the last heartbeat, verified against its own certificate. Rejects for an answer that is not 200. */
  command(
    name: string,
    params?: Record<string, unknown>,
    more?: { wait?: boolean; epoch?: number; token?: string },
  ): Promise<CommandResult>
  result(id: string, wait: boolean): Promise<CommandResult>
  close(): Promise<void>
}

/** One request to an agent, verified against its own certificate. Rejects for an answer that is not 200. */
export function askAgent(
  agent: { readonly url: string; readonly caPem?: string | undefined },
  method: string,
  path: string,
  body?: unknown,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const module = agent.url.startsWith('https') ? https : http
    const request = module.request(agent.url + path, { method, agent: false, ca: agent.caPem }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`${response.statusCode} ${text}`))
        return resolve(commandResultSchema.parse(JSON.parse(text)))
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

export async function startFakeConductor(options: {
  node: AgentNode
  /** Names and addresses in its certificate. */
  names?: string[]
  plain?: boolean
  /** The chain shows the CA, as conductors do; without it the agent has to fetch it. */
  showCa?: boolean
  config?: Record<string, unknown>
  /** Answers whatever is not the agent API, such as images. */
  fallback?: http.RequestListener
}): Promise<FakeConductor> {
  const ca = await makeTestCa()
  const leaf = await ca.issue(options.names ?? ['127.0.0.1'])
  const token = randomBytes(32).toString('base64url')
  const [lookups, heartbeats]: [string[][], Heartbeat[]] = [[], []]
  const waiters: { n: number; resolve(beat: Heartbeat): void }[] = []
  const json = (response: http.ServerResponse, code: number, body: unknown) =>
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))

  const listener: http.RequestListener = (request, response) => {
    const url = new URL(request.url ?? '/', 'http://conductor')
    if (url.pathname === '/v1/agent/ca') return void response.end(ca.pem)
    if (url.pathname === '/v1/lookup') {
      const query = lookupQuerySchema.parse(Object.fromEntries(url.searchParams))
      lookups.push(query.addresses)
      const config = { heartbeat_timeout: 300, agent_token: lookups.length === 1 ? token : '******', ...options.config }
      return void json(response, 200, { node: options.node, config })
    }
    if (!url.pathname.startsWith('/v1/heartbeat/'))
      return options.fallback ? options.fallback(request, response) : void response.writeHead(404).end()
    let text = ''
    request.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    request.on('end', () => {
      const beat = heartbeatSchema.parse(JSON.parse(text))
      heartbeats.push(beat)
      response.writeHead(202).end()
      for (const waiter of waiters.splice(0)) {
        if (heartbeats.length >= waiter.n) waiter.resolve(heartbeats[waiter.n - 1]!)
        else waiters.push(waiter)
      }
    })
    return undefined
  }
  const server = options.plain
    ? http.createServer(listener)
    : https.createServer(
        { key: leaf.key, cert: options.showCa === false ? leaf.cert : `${leaf.cert}\n${ca.pem}` },
        listener,
      )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const ask = (method: string, path: string, body?: unknown) => {
    const beat = heartbeats.at(-1)
    if (!beat) return Promise.reject(new Error('no heartbeat yet'))
    return askAgent({ url: beat.callback_url, caPem: beat.agent_verify_ca }, method, path, body)
  }
  return {
    url: `${options.plain ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    ca,
    token,
    lookups,
    heartbeats,
    heartbeat: (n) =>
      new Promise((resolve) => {
        if (heartbeats.length >= n) resolve(heartbeats[n - 1]!)
        else waiters.push({ n, resolve })
      }),
    command: (name, params = {}, { wait = true, epoch, token: other } = {}) =>
      ask('POST', `/v1/commands/?wait=${wait}&agent_token=${other ?? token}`, {
        name,
        params,
        ...(epoch !== undefined && { epoch }),
      }),
    result: (id, wait) => ask('GET', `/v1/commands/${id}?wait=${wait}&agent_token=${token}`),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
