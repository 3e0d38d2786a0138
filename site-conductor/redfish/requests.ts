// Requests of one login: what an answer means, how long a busy BMC is waited for, and what may be asked again. 1. A question that got no connection or
// lost it is asked once more; a change that has left never is. 2. 503 means that nothing was done: asked again while the BMC's patience lasts.
import type { z } from 'zod'
import { pause } from './env.ts'
import { RedfishError } from './errors.ts'
import { line, parseJson, refusalOf, shaped } from './json.ts'
import type { Answer, Outgoing, Wire } from './wire.ts'

/** For how long 503 is waited for in all where nothing else is said, at most for how long at once, and for how long where the BMC does not say. */
const BUSY_MS = 45_000
const LONGEST_BUSY_PAUSE_MS = 10_000
const BUSY_PAUSE_MS = 1_000
/** A failure that came later was a time limit, and would come again. */
const QUICK_FAILURE_MS = 5_000
/** How often a resource is read and changed that changes under our hands (DSP0266 §6.5: If-Match). */
const PATCH_TRIES = 3

export interface Reading {
  readonly signal?: AbortSignal | undefined
}

export interface Changing extends Reading {
  /** The last-moment check: asked in the turn in which each request that changes something leaves. */
  readonly before: () => void
}

export interface Resource<T> {
  readonly path: string
  readonly value: T
  readonly etag: string | undefined
}

type Headers = Readonly<Record<string, string>>
type What = Pick<Outgoing, 'method' | 'path' | 'before' | 'signal'> & { body?: unknown; etag?: string | undefined }

export class Requests {
  readonly wire: Wire
  /** What each request carries. */
  readonly credentials: Headers
  /** What 401 means. */
  readonly #unauthorized: 'session-lost' | 'authentication'
  readonly #busyMs: number
  #isSuspect = false

  /** `busyMs`: for how long 503 is waited for. */
  constructor(
    wire: Wire,
    credentials: Headers,
    unauthorized: 'session-lost' | 'authentication',
    { busyMs = BUSY_MS }: { busyMs?: number } = {},
  ) {
    this.#busyMs = busyMs
    this.wire = wire
    this.credentials = credentials
    this.#unauthorized = unauthorized
  }

  /** A request of this login that changes something may still be on its way: it is not to change anything any more. */
  get isSuspect(): boolean {
    return this.#isSuspect
  }

  async get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    { signal }: Reading,
  ): Promise<Resource<z.output<Schema>>> {
    const { body, headers } = accepted(path, await this.send({ method: 'GET', path, signal }), this.#unauthorized)
    const json = parseJson(body)
    const inBody = (json as { '@odata.etag'?: unknown } | null)?.['@odata.etag']
    const etag = headers.etag ?? (typeof inBody === 'string' ? inBody : undefined)
    return { path, value: shaped(schema, json, path), etag: isHeader(etag) ? etag : undefined }
  }

  /**
   * Reads, and changes what `change` wants otherwise than it is (undefined: nothing). Answers what was read. Is the resource another one by then, it is
   * read again; a BMC that compares its own weak tags strongly, or minds any tag, gets none in the end.
   */
  async patch<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    change: (value: z.output<Schema>) => object | undefined,
    options: Changing,
  ): Promise<z.output<Schema>> {
    for (let attempt = 1; ; attempt++) {
      const { value, etag } = await this.get(path, schema, options)
      const body = change(value)
      if (body === undefined) return value
      const shown = attempt === 1 ? etag : attempt === 2 ? etag?.replace(/^W\//, '') : undefined
      const answer = await this.send({ method: 'PATCH', path, body, etag: shown, ...options })
      const isStale = answer.status === 412 || answer.status === 428
      if (!isStale || attempt === PATCH_TRIES) {
        accepted(path, answer, this.#unauthorized)
        return value
      }
    }
  }

  /** Answers as the BMC does: 200, 201, 202 or 204. */
  async post(path: string, body: object, options: Changing): Promise<Answer> {
    return accepted(path, await this.send({ method: 'POST', path, body, ...options }), this.#unauthorized)
  }

  /** False: there is no such resource (any more). */
  async remove(path: string, options: Changing): Promise<Answer | false> {
    const answer = await this.send({ method: 'DELETE', path, ...options })
    if (answer.status === 404 || answer.status === 410) return false
    return accepted(path, answer, this.#unauthorized)
  }

  /** Waits while the BMC is busy. Answers any status but 503. */
  async send({ body, etag, ...request }: What): Promise<Answer> {
    const { env } = this.wire
    const headers = {
      ...this.credentials,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(etag !== undefined && { 'if-match': etag }),
    }
    const outgoing = { ...request, headers, body: body === undefined ? undefined : JSON.stringify(body) }
    const until = env.mono() + this.#busyMs
    for (;;) {
      const answer = await this.#once(outgoing)
      if (answer.status !== 503) return answer
      const pauseMs = retryAfterMs(answer) ?? BUSY_PAUSE_MS
      const { text, messageIds } = refusalOf(answer.body)
      // Waiting brings no session back.
      if (env.mono() + pauseMs > until || messageIds.includes('SessionLimitExceeded'))
        throw new RedfishError('busy', sentence('the BMC is busy (503)', text), { status: 503, messageIds })
      await this.#pause(pauseMs, request.signal)
    }
  }

  async #once(outgoing: Outgoing): Promise<Answer> {
    const { env } = this.wire
    const began = env.mono()
    try {
      return await this.wire.exchange(outgoing)
    } catch (error) {
      if (!(error instanceof RedfishError)) throw error
      if (error.kind === 'unanswered' || (error.kind === 'aborted' && outgoing.before !== undefined))
        this.#isSuspect = true
      if (error.kind !== 'unreachable' || env.mono() - began > QUICK_FAILURE_MS) throw error
      return await this.wire.exchange(outgoing)
    }
  }

  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    await pause(this.wire.env, ms, signal).catch(() => {
      throw new RedfishError('aborted', 'the caller has given up')
    })
  }
}

/** In milliseconds, as far as it is waited at once; undefined where the BMC does not say. A date (RFC 9110 §10.2.3) is one of the BMC's own clock. */
export function retryAfterMs({ headers }: Answer): number | undefined {
  const said = headers['retry-after'] ?? ''
  const untilMs = said.endsWith(' GMT') ? Date.parse(said) - Date.parse(headers.date ?? '') : Number.NaN
  const ms = /^\d{1,6}$/.test(said) ? Number(said) * 1000 : untilMs
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 100), LONGEST_BUSY_PAUSE_MS) : undefined
}

/** Can it be sent as a header's value? */
export function isHeader(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 4096 && /^[\x21-\x7e]+$/.test(value)
}

/** Throws unless the answer is one of success. */
export function accepted(path: string, answer: Answer, unauthorized: 'session-lost' | 'authentication'): Answer {
  const { status } = answer
  if (status >= 200 && status < 300) return answer
  const { text, messageIds } = refusalOf(answer.body)
  const more = { status, messageIds }
  if (status >= 300 && status < 400)
    throw new RedfishError('protocol', `${line(path)} leads elsewhere (${status}), which is not followed`, more)
  if (status === 401)
    throw new RedfishError(
      unauthorized,
      unauthorized === 'session-lost'
        ? 'the session is there no more (401)'
        : sentence('user name or password are wrong (401)', text),
      more,
    )
  if (status === 403) throw new RedfishError('privilege', sentence('the user may not do this (403)', text), more)
  if (status === 404 || status === 405 || status === 410 || status === 501)
    throw new RedfishError('missing', sentence(`there is no ${line(path)} (${status})`, text), more)
  throw new RedfishError('refused', sentence(`the BMC refuses ${line(path)} (${status})`, text), more)
}

function sentence(what: string, more: string): string {
  return more === '' ? what : `${what}: ${more}`
}
