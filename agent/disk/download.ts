// Fetches an image over HTTP(S) into a sink that can say "wait". A dropped connection is taken up where it broke (RFC 9110 §14.2 Range, §13.1.5
// If-Range); a source that sends too little, or more than fits, ends in a fault: no source can keep the agent for ever (CVE-2026-44919).
import { rootCertificates } from 'node:tls'
import { AgentFault } from '../fault.ts'
import type { HttpAnswer } from './http-answer.ts'
import { httpGet } from './http-answer.ts'

export interface DownloadOptions {
  /** Tried in order; all must hold the same bytes. */
  urls: string[]
  /** Value of the Authorization header, sent to the URL's own origin only. */
  authorization?: string | undefined
  /** A certificate authority trusted besides the public ones. */
  caPem?: string | undefined
  /** False: an https server is believed whatever it shows. */
  verify?: boolean | undefined
  /** What is fetched, in messages; default `image`. */
  what?: string | undefined
  maxBytes: number
  signal: AbortSignal
  /** Called before the first byte, when the length is known by then; throw to refuse it. */
  onLength?(totalBytes: number | undefined): void | Promise<void>
  push(bytes: Uint8Array): Promise<void> | undefined
  /** A sink that has memory of its own names it here and is told how much of it was filled; then push() is used for the odd bytes only. */
  space?(): Uint8Array
  filled?(bytes: number): Promise<void> | undefined
  log(message: string): void
  /** No connection or no answer for so long: the try has failed. */
  connectTimeoutMs?: number
  /** In each window of this length at least `minWindowBytes` must come, unless it was us who could not take them. */
  stallWindowMs?: number
  minWindowBytes?: number
  /** Tries in a row without one new byte, and the pause before the n-th. */
  tries?: number
  retryDelayMs?(attempt: number): number
}

interface Source {
  validator: string | undefined
  totalBytes: number | undefined
}
interface Progress {
  bytes: number
  source: Source | undefined
}

const MAX_REDIRECTS = 5
/** Worth another try: the answer may be different next time. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504])

/** A failed try; `final` when repeating it at this URL is pointless. */
class TryFailed extends Error {
  readonly final: boolean
  constructor(message: string, final = false) {
    super(message)
    this.final = final
  }
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
  })

/** Follows redirects; credentials stay at the origin they were given for, and https never becomes http. */
async function open(start: URL, progress: Progress, options: DownloadOptions): Promise<HttpAnswer> {
  let url = start
  const { signal, caPem, connectTimeoutMs: timeoutMs = 60_000 } = options
  // Node makes the list of root certificates when it is first asked for: a good part of a second on a slow machine, for nothing without TLS.
  const caFor = ({ protocol }: URL) =>
    protocol === 'https:' && caPem !== undefined ? [caPem, ...rootCertificates] : undefined
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const headers: Record<string, string> = {
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'ferrule-agent',
    }
    if (options.authorization && url.origin === start.origin) headers['authorization'] = options.authorization
    if (progress.bytes > 0) headers['range'] = `bytes=${progress.bytes}-`
    if (progress.bytes > 0 && progress.source?.validator) headers['if-range'] = progress.source.validator
    const answer = await httpGet(url, headers, { signal, timeoutMs, ca: caFor(url), verify: options.verify })
    if (![301, 302, 303, 307, 308].includes(answer.status)) return answer
    answer.destroy()
    const next = URL.parse(answer.headers['location'] ?? '', url)
    if (!next || !/^https?:$/.test(next.protocol)) throw new TryFailed('redirect to nowhere', true)
    if (url.protocol === 'https:' && next.protocol === 'http:') throw new TryFailed('redirect from https to http', true)
    url = next
  }
  throw new TryFailed('too many redirects', true)
}

/** Reads one answer to its end. Bytes that we already have (a server without ranges) are passed over. */
async function pump(
  answer: HttpAnswer,
  skipBytes: number,
  progress: Progress,
  options: DownloadOptions,
): Promise<void> {
  const windowMs = options.stallWindowMs ?? 60_000
  const enough = options.minWindowBytes ?? 65_536
  let skip = skipBytes
  let seen = 0
  let held = 0
  const watch = setInterval(() => {
    if (held === 0 && seen < enough)
      answer.destroy(new TryFailed(`the source stalled: ${seen} bytes in ${windowMs} ms`))
    seen = held > 0 ? enough : 0
  }, windowMs)
  const count = (bytes: number) => {
    seen += bytes
    progress.bytes += bytes
    if (progress.bytes <= options.maxBytes) return
    throw new AgentFault('DiskTooSmall', `the image does not end before the ${options.maxBytes} bytes that fit`)
  }
  /** While we are the ones who cannot take more, the source is not to blame. */
  const hold = (wait: Promise<void> | undefined) => {
    if (!wait) return undefined
    held += 1
    return wait.finally(() => {
      held -= 1
      seen = enough
    })
  }
  try {
    await answer.body({
      space: () => (skip > 0 ? undefined : options.space?.()),
      filled(bytes) {
        count(bytes)
        return hold(options.filled?.(bytes))
      },
      take(data) {
        const bytes = skip > 0 ? data.subarray(Math.min(skip, data.length)) : data
        skip -= data.length - bytes.length
        seen += data.length - bytes.length
        if (bytes.length === 0) return undefined
        count(bytes.length)
        return hold(options.push(bytes))
      },
    })
  } finally {
    clearInterval(watch)
  }
}

/** One try at one URL, from where we are to the end. */
async function attempt(url: string, progress: Progress, options: DownloadOptions): Promise<void> {
  const answer = await open(new URL(url), progress, options)
  const { status, headers } = answer
  const length = /^\d{1,15}$/.test(headers['content-length'] ?? '') ? Number(headers['content-length']) : undefined
  const refuse = (message: string, final: boolean) => {
    answer.destroy()
    return new TryFailed(message, final)
  }
  // Weak validators must not be used in If-Range.
  const etag = headers['etag']
  const validator = etag && !etag.startsWith('W/') ? etag : headers['last-modified']
  if (status === 206 && progress.bytes > 0) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '')
    if (!range || Number(range[1]) !== progress.bytes) throw refuse('the source answered with another range', true)
    return pump(answer, 0, progress, options)
  }
  if (status !== 200) throw refuse(`HTTP ${status}`, !passing.has(status))
  if (progress.source) {
    const changed =
      progress.source.validator !== validator && progress.source.validator !== undefined && validator !== undefined
    if (changed || progress.source.totalBytes !== length)
      throw refuse('the image changed while it was being fetched', true)
  } else {
    if (length !== undefined && length > options.maxBytes) {
      answer.destroy()
      throw new AgentFault(
        'DiskTooSmall',
        `the ${options.what ?? 'image'} has ${length} bytes, only ${options.maxBytes} fit`,
      )
    }
    try {
      await options.onLength?.(length)
    } catch (error) {
      answer.destroy()
      throw error
    }
    progress.source = { validator, totalBytes: length }
  }
  return pump(answer, progress.bytes, progress, options)
}

/** Resolves with the number of bytes when the whole image went through `push`. Faults: ImageDownloadError, DiskTooSmall, CommandAborted. */
export async function download(options: DownloadOptions): Promise<number> {
  const progress: Progress = { bytes: 0, source: undefined }
  const tries = options.tries ?? 10
  const delayMs = options.retryDelayMs ?? ((n: number) => Math.min(10_000, 500 * 2 ** n))
  const { what = 'image' } = options
  const reasons: string[] = []
  for (const url of options.urls) {
    for (let idle = 0; idle < tries;) {
      const before = progress.bytes
      try {
        await attempt(url, progress, options)
        return progress.bytes
      } catch (error) {
        if (options.signal.aborted) throw new AgentFault('CommandAborted', `aborted while fetching the ${what}`)
        if (error instanceof AgentFault) throw error
        const message = error instanceof Error ? error.message || error.name : String(error)
        reasons.push(`${URL.parse(url)?.host}: ${message} at byte ${progress.bytes}`)
        options.log(`${what}: ${reasons.at(-1)}`)
        if (error instanceof TryFailed && error.final) break
        idle = progress.bytes > before ? 1 : idle + 1
        if (idle < tries) await pause(delayMs(idle), options.signal)
      }
    }
  }
  throw new AgentFault('ImageDownloadError', `the ${what} could not be fetched`, reasons.slice(-20).join('; '))
}
