// One GET, in two ways with one face. https, and whatever is unusual, goes through node:http(s). Plain http with a Content-Length, which is how image
// servers on a provisioning network answer, is read from the socket straight into the memory that is then hashed and written: node:http makes
// a buffer for every 64 KiB, which costs as much as the hash.
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'

export interface BodyReceiver {
  /** Memory for the next bytes, at least one; undefined: hand them to take() instead. */
  space(): Uint8Array | undefined
  /** So many bytes were put into the last space(). A promise means: nothing more before it resolves. */
  filled(bytes: number): Promise<void> | undefined
  take(bytes: Uint8Array): Promise<void> | undefined
}

export interface HttpAnswer {
  status: number
  /** Names in lower case. */
  headers: Record<string, string | undefined>
  /** Streams the body; resolves at its end, rejects when the connection broke, when the receiver threw, or when it was destroyed. */
  body(receiver: BodyReceiver): Promise<void>
  destroy(error?: Error): void
}

export interface AskOptions {
  signal: AbortSignal
  /** Certificate authorities for https. */
  ca?: string[] | undefined
  /** False: whoever answers is believed. */
  verify?: boolean | undefined
  /** No answer's head within so long is an error. */
  timeoutMs: number
}

const MAX_HEAD_BYTES = 32 * 1024
const SCRATCH_BYTES = 64 * 1024

export async function httpGet(url: URL, headers: Record<string, string>, options: AskOptions): Promise<HttpAnswer> {
  if (url.protocol === 'http:') {
    const answer = await plainGet(url, headers, options)
    const { 'content-length': length, 'transfer-encoding': encoding } = answer.headers
    if (answer.status >= 300 || (/^\d{1,15}$/.test(length ?? '') && encoding === undefined)) return answer
    answer.destroy()
  }
  return nodeGet(url, headers, options)
}

/** By node:http or node:https; any kind of body. */
export function nodeGet(
  url: URL,
  headers: Record<string, string>,
  { signal, ca, timeoutMs, verify = true }: AskOptions,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const module = url.protocol === 'https:' ? https : http
    const request = module.get(url, { headers, agent: false, signal, rejectUnauthorized: verify, ...(ca && { ca }) })
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    request.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    request.on('response', (response) => {
      clearTimeout(timer)
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers as Record<string, string | undefined>,
        destroy: (error) => void response.destroy(error),
        body: (receiver) => nodeBody(response, receiver),
      })
    })
  })
}

function nodeBody(response: http.IncomingMessage, receiver: BodyReceiver): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      reject(error as Error)
      response.destroy()
    }
    response.on('data', (data: Buffer) => {
      try {
        const wait = receiver.take(data)
        if (!wait) return
        response.pause()
        wait.then(() => response.resume(), fail)
      } catch (error) {
        fail(error)
      }
    })
    response.on('end', () => resolve())
    response.on('error', fail)
    response.on('close', () => response.complete || fail(new Error('the connection broke')))
  })
}

/** Status and headers of a complete head; undefined when it is none (RFC 9112 §3–5). */
function parseHead(text: string): Pick<HttpAnswer, 'status' | 'headers'> | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1])
  if (!status) return undefined
  const headers: HttpAnswer['headers'] = {}
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    const key = name.toLowerCase()
    // Two lengths would be two truths (RFC 9112 §6.3).
    if (key === 'content-length' && headers[key] !== undefined && headers[key] !== value) return undefined
    headers[key] ??= value
  }
  return { status, headers }
}

/** Plain HTTP over a socket of our own. Only bodies with a Content-Length can be read. */
export function plainGet(
  url: URL,
  headers: Record<string, string>,
  { signal, timeoutMs }: AskOptions,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    let head = Buffer.alloc(0)
    let early: Buffer | undefined
    let receiver: BodyReceiver | undefined
    let left = 0
    let inSpace = false
    let waiting = false
    let settle: { resolve(): void; reject(error: Error): void } = { resolve: () => {}, reject }

    const fail = (error: Error) => {
      clearTimeout(timer)
      settle.reject(error)
      socket.destroy()
    }
    /** What a receiver's answer means for the socket: false stops reading. */
    const goOn = (wait: Promise<void> | undefined): boolean => {
      if (left === 0) {
        void Promise.resolve(wait).then(() => {
          settle.resolve()
          return socket.destroy()
        }, fail)
        return false
      }
      if (!wait) return true
      waiting = true
      void wait.then(() => {
        waiting = false
        return socket.resume()
      }, fail)
      return false
    }
    const body = (bytes: Uint8Array): boolean => {
      const part = bytes.subarray(0, left)
      left -= part.length
      return goOn(receiver!.take(part))
    }
    const onHead = (data: Buffer): boolean => {
      head = Buffer.concat([head, data])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0 && head.length <= MAX_HEAD_BYTES) return true
      const parsed = end < 0 ? undefined : parseHead(head.toString('latin1', 0, end))
      if (!parsed) {
        fail(new Error('the answer is not HTTP'))
        return false
      }
      clearTimeout(timer)
      early = head.subarray(end + 4)
      resolve({
        ...parsed,
        destroy: (error) => fail(error ?? new Error('no longer wanted')),
        body: (given) =>
          new Promise((done, broken) => {
            settle = { resolve: done, reject: broken }
            receiver = given
            left = Number(parsed.headers['content-length'])
            if (socket.destroyed && early!.length < left) return broken(new Error('the connection broke'))
            try {
              if (body(early!)) socket.resume()
            } catch (error) {
              fail(error as Error)
            }
          }),
      })
      return false // nothing more before somebody wants the body
    }

    const socket = net.connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 80),
      onread: {
        buffer: () => {
          // Asked right after the callback: while the receiver wants us to wait, its memory is not ours, and what comes first goes to scratch.
          const space = early && left > 0 && !waiting ? receiver?.space() : undefined
          inSpace = space !== undefined
          return space ? space.subarray(0, left) : scratch
        },
        callback: (bytes, buffer) => {
          try {
            if (!early) return onHead(Buffer.from(buffer.subarray(0, bytes)))
            if (!inSpace) return body(buffer.subarray(0, bytes))
            left -= bytes
            return goOn(receiver!.filled(bytes))
          } catch (error) {
            fail(error as Error)
            return false
          }
        },
      },
    })
    const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    const abort = () => fail(new Error('aborted'))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    socket.on('error', fail)
    socket.on('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      settle.reject(new Error('the connection broke'))
    })
    const lines = Object.entries({ host: url.host, connection: 'close', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    if (lines.some((line) => /[\r\n]/.test(line))) return fail(new Error('a header with a line break'))
    return void socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  })
}
