// One question to a server and its answer, bounded in time and size. Redirects are not followed: a token must not go where a server sends it.
// (Node's own `fetch` takes no authorities of one's own without a second copy of its library.)
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { Env } from '../../shared/env.ts'

const MAX_ANSWER_BYTES = 16 << 20
const MAX_IDLE_MS = 4_000

export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** The last-moment check of what changes something: throws when it may not leave (any more). */
  readonly before?: (() => void) | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** Nobody answered. `sent`: the question may have arrived, and may have been acted on. */
export class Unanswered extends Error {
  override name = 'Unanswered'
  readonly sent: boolean
  constructor(message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

export interface Http {
  /** Throws Unanswered, the signal's reason, and what `before` throws. */
  ask(question: Question): Promise<Answer>
  close(): void
}

export function openHttp(env: Env, { timeoutMs, caFile }: { timeoutMs: number; caFile?: string | undefined }): Http {
  const kept = { keepAlive: true, maxSockets: 16, timeout: MAX_IDLE_MS }
  const agents = {
    http: new http.Agent(kept),
    https: new https.Agent({
      ...kept,
      minVersion: 'TLSv1.2',
      ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    }),
  }
  return {
    ask: (question) => ask(env, agents, timeoutMs, question),
    close() {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

function ask(
  env: Env,
  agents: { http: http.Agent; https: https.Agent },
  timeoutMs: number,
  { method, url, headers, body, signal, before }: Question,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const isTls = url.startsWith('https:')
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const request = (isTls ? https : http).request(url, {
      method,
      agent: isTls ? agents.https : agents.http,
      headers: { accept: 'application/json', 'user-agent': 'ferrule-conductor', ...length, ...headers },
    })
    let sent = false
    const stopTimer = env.setTimer(timeoutMs, () => end(new Unanswered(`no answer within ${timeoutMs / 1000} s`, sent)))
    const onAbort = () => end(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    const settle = () => {
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    const end = (error: Error) => {
      settle()
      reject(error)
      request.destroy()
    }
    const send = () => {
      try {
        before?.()
        sent = true
        request.end(body)
      } catch (error) {
        end(error as Error)
      }
    }
    // The check is asked in the turn in which the question leaves, on a connection that is there.
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once(isTls ? 'secureConnect' : 'connect', send)
      else send()
    })
    request.on('error', (error: NodeJS.ErrnoException) =>
      end(new Unanswered(error.message || String(error.code), sent)),
    )
    request.once('response', (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        parts.push(part)
        if ((bytes += part.length) > MAX_ANSWER_BYTES)
          end(new Unanswered(`the answer has more than ${MAX_ANSWER_BYTES} bytes`, true))
      })
      response.once('error', (error) => end(new Unanswered(error.message, true)))
      response.once('end', () => {
        settle()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
        })
      })
    })
  })
}
