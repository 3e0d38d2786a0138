// The agent's side of lookup and heartbeat. Several conductors may be named; the last one that worked is asked first.
import http from 'node:http'
import https from 'node:https'
import * as z from 'zod'
import type { Heartbeat, LookupAnswer } from '../shared/agent-protocol.ts'
import {
  API_VERSION_HEADER,
  HEARTBEAT_API_VERSION,
  LOOKUP_API_VERSION,
  lookupAnswerSchema,
  MAX_ANSWER_BYTES,
} from '../shared/agent-protocol.ts'
import { fetchSiteTrust } from './site-trust.ts'

const TIMEOUT_MS = 30_000

export interface ClientOptions {
  apiUrls: string[]
  /** SHA-256 of the site CA; https without one is refused. */
  caDigest?: string | undefined
  requestId?: string | undefined
  /** The address to call from; the host's choice when absent. */
  localAddress?: string | undefined
  log(message: string): void
  /** Told once, with the certificate that later connections are verified against. */
  onTrust?(trust: { caPem: string; serverTime: Date | undefined }): Promise<void>
}

interface Answer {
  status: number
  body: Buffer
  /** Our own address on the way to the conductor. */
  localAddress: string
}

export interface ConductorClient {
  /** One try at each URL. Throws ConductorError. `localAddress` is the source address of the route that worked. */
  lookup(query: {
    addresses: string[]
    nodeUuid?: string | undefined
  }): Promise<{ answer: LookupAnswer; localAddress: string }>
  heartbeat(nodeUuid: string, body: Heartbeat): Promise<void>
}

/** status 0: nobody answered. */
export class ConductorError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function createConductorClient(options: ClientOptions): ConductorClient {
  const urls = [...options.apiUrls]
  let caPem: string | undefined

  const trust = async (base: string) => {
    if (!base.startsWith('https:') || caPem !== undefined) return
    if (!options.caDigest)
      throw new ConductorError(0, `${base}: https without ferrule.ca=sha256:… on the kernel command line is refused`)
    const found = await fetchSiteTrust(base, options.caDigest, options.localAddress)
    caPem = found.caPem
    await options.onTrust?.(found)
  }

  const send = (method: string, url: string, version: string, body?: string) =>
    new Promise<Answer>((resolve, reject) => {
      const secure = url.startsWith('https:')
      const headers: http.OutgoingHttpHeaders = {
        accept: 'application/json',
        [API_VERSION_HEADER]: version,
        'user-agent': 'ferrule-agent',
      }
      if (body !== undefined)
        Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      if (options.requestId) headers['X-OpenStack-Request-ID'] = options.requestId
      const settings = {
        method,
        headers,
        agent: false as const,
        timeout: TIMEOUT_MS,
        ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
        ...(secure && { ca: caPem, minVersion: 'TLSv1.2' as const }),
      }
      const request = (secure ? https : http).request(url, settings, (response) => {
        const localAddress = (response.socket.localAddress ?? '').replace(/^::ffff:/, '')
        const parts: Buffer[] = []
        let bytes = 0
        response.on('data', (data: Buffer) => {
          bytes += data.length
          if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too long'))
          else parts.push(data)
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), localAddress }),
        )
        response.on('error', reject)
      })
      request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
      request.on('error', reject)
      request.end(body)
    })

  /** Tries each URL once; an answer below 500 settles it, whatever it says. */
  const ask = async (method: string, path: string, version: string, body?: string): Promise<Answer> => {
    const reasons: string[] = []
    let status = 0
    for (const base of urls.slice()) {
      try {
        await trust(base)
        const answer = await send(method, base + path, version, body)
        if (answer.status >= 300) {
          status = answer.status
          const text = `HTTP ${answer.status} ${answer.body.toString('utf8', 0, 300).replaceAll(/\s+/g, ' ')}`
          if (answer.status < 500) throw new ConductorError(status, text)
          reasons.push(`${base}: ${text}`)
          continue
        }
        urls.splice(urls.indexOf(base), 1)
        urls.unshift(base)
        return answer
      } catch (error) {
        if (error instanceof ConductorError && error.status > 0) throw error
        reasons.push(
          `${base}: ${error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error)}`,
        )
      }
    }
    throw new ConductorError(status, reasons.join('; '))
  }

  return {
    async lookup({ addresses, nodeUuid }) {
      const query = new URLSearchParams({ addresses: addresses.join(','), ...(nodeUuid && { node_uuid: nodeUuid }) })
      const { body, localAddress } = await ask('GET', `/v1/lookup?${query}`, LOOKUP_API_VERSION)
      const parsed = lookupAnswerSchema.safeParse(parseJson(body))
      if (!parsed.success)
        throw new ConductorError(0, `the lookup's answer is not one: ${z.prettifyError(parsed.error)}`)
      return { answer: parsed.data, localAddress }
    },
    async heartbeat(nodeUuid, body) {
      await ask('POST', `/v1/heartbeat/${nodeUuid}`, HEARTBEAT_API_VERSION, JSON.stringify(body))
    },
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
