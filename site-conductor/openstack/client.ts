// The OpenStack of a site, for drivers: one login that all share and that is renewed, and questions to its services. 1. A question that nobody answered is
// repeated only where that repeats no change: one that may have arrived, and creates something, is not. 2. No text that leaves here has a secret in it.
import type { Env } from '../../shared/env.ts'
import { sleep } from '../timing.ts'
import type { OpenStackConfig } from './config.ts'
import { OpenStackError, sentenceIn } from './errors.ts'
import { type Answer, type Http, openHttp, type Question, Unanswered } from './http.ts'
import { endpointIn, type Login, loginBody, readLogin, readSecret, tokensUrl } from './keystone.ts'

/** A token is renewed so long before its end, for clocks differ and a question takes its time. */
const SPARE_MS = 60_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
const MAYBE_LATER: ReadonlySet<number> = new Set([429, 502, 503, 504])

export interface ServiceQuery {
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body?: unknown
  /** Such as OpenStack-API-Version. */
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** Of what changes something: the last-moment check (driver.ts). */
  readonly before?: (() => void) | undefined
}

export interface ServiceName {
  /** In sentences, such as Neutron. */
  readonly name: string
  /** In the catalogue, and in `endpoints`: the first that is found. */
  readonly types: readonly string[]
  /** At the end of its URL, where the catalogue does not have it there, such as /v2.0. */
  readonly version?: string
}

export interface Service {
  /** The JSON of the answer, undefined where it has none. Throws OpenStackErrors with the answer's status, and the reason of the signal. */
  ask<T = unknown>(method: Question['method'], path: string, query?: ServiceQuery): Promise<T>
}

export class OpenStack {
  readonly #env: Env
  readonly config: OpenStackConfig
  readonly #http: Http
  #login: Promise<Login> | undefined

  constructor(env: Env, config: OpenStackConfig) {
    this.#env = env
    this.config = config
    this.#http = openHttp(env, { timeoutMs: config.timeoutS * 1000, caFile: config.caFile })
  }

  service(service: ServiceName): Service {
    return {
      ask: <T>(method: Question['method'], path: string, query: ServiceQuery = {}) =>
        this.#ask(service, method, path, query) as Promise<T>,
    }
  }

  /** Of the login; undefined with authType none, and where it is not scoped to one. */
  async projectId(signal?: AbortSignal): Promise<string | undefined> {
    return this.config.authType === 'none' ? undefined : (await this.#loggedIn(signal)).projectId
  }

  async close(): Promise<void> {
    this.#http.close()
  }

  async #ask(service: ServiceName, method: Question['method'], path: string, query: ServiceQuery): Promise<unknown> {
    for (let isNew = false; ;) {
      const login = this.config.authType === 'none' ? undefined : await this.#loggedIn(query.signal)
      const url = `${this.#urlOf(service, login)}${path}${search(query.query)}`
      const headers = {
        ...(query.body !== undefined && { 'content-type': 'application/json' }),
        ...this.#token(login),
        ...query.headers,
      }
      const body = query.body === undefined ? undefined : JSON.stringify(query.body)
      const { signal, before } = query
      const answer = await this.#repeated(service.name, { method, url, headers, body, signal, before })
      if (answer.status === 401 && login !== undefined && !isNew) {
        isNew = true
        await this.#forget(login)
        continue
      }
      return read(service.name, { method, path }, answer, login?.token)
    }
  }

  /** Without a login the project is named instead, as services that ask nobody for a token want it (Cinder's `noauth`). */
  #token(login: Login | undefined): Record<string, string> {
    const { project } = this.config
    const token = login?.token ?? (project === undefined ? undefined : `ferrule:${project}`)
    return token === undefined ? {} : { 'x-auth-token': token }
  }

  /** The URL without a slash at its end. */
  #urlOf({ name, types, version = '' }: ServiceName, login: Login | undefined): string {
    const own = types.map((type) => this.config.endpoints[type]).find((url) => url !== undefined)
    const found = own ?? (login && endpointIn(login.catalogue, types, this.config))
    if (found === undefined) {
      const where = login ? `the catalogue${this.config.region ? ` of region ${this.config.region}` : ''}` : 'endpoints'
      throw new OpenStackError('openstack.unreachable', `${name} (${types.join(', ')}) is not in ${where}`, {
        hint: `put its URL into endpoints of the OpenStack file of the conductor: {"${types[0]}": "https://…"}`,
      })
    }
    const base = found.replace(/\/+$/, '')
    return base.endsWith(version) ? base : base + version
  }

  /** The login that all share; a new one where it ends soon. */
  async #loggedIn(signal: AbortSignal | undefined): Promise<Login> {
    const known = await this.#login?.catch(() => undefined)
    if (known && known.expiresAt - SPARE_MS > this.#env.now()) return known
    if (known) await this.#forget(known)
    signal?.throwIfAborted()
    // Without the signal: others may be waiting for it, too.
    const login = (this.#login ??= this.#logIn())
    login.catch(() => this.#login === login && (this.#login = undefined))
    return await login
  }

  /** Unless somebody has logged in anew meanwhile. */
  async #forget(login: Login): Promise<void> {
    const now = this.#login
    if ((await now?.catch(() => undefined)) === login && this.#login === now) this.#login = undefined
  }

  async #logIn(): Promise<Login> {
    const secret = await readSecret(this.config.secretFile!)
    const url = tokensUrl(this.config.authUrl!)
    const body = JSON.stringify(loginBody(this.config, secret))
    const headers = { 'content-type': 'application/json' }
    // A login may be repeated: it changes nothing.
    const answer = await this.#repeated('Keystone', { method: 'POST', url, headers, body }, true)
    if (answer.status === 401)
      throw new OpenStackError(
        'openstack.authentication',
        `Keystone refuses the login (401): ${masked(sentenceIn(answer.body), secret)}`,
        { status: 401 },
      )
    read('Keystone', { method: 'POST', path: '/auth/tokens' }, answer, secret)
    return readLogin(answer.headers['x-subject-token'], answer.body)
  }

  /** Asks again, after a pause that grows, as long as that may help and does no harm. Throws an OpenStackError where nobody answers. */
  async #repeated(name: string, question: Question, isHarmless = question.method !== 'POST'): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      const isLast = attempt >= this.config.retries
      let retryAfter: string | undefined
      try {
        const answer = await this.#http.ask(question)
        // 502 and 504 are a proxy's: the service behind it may have acted.
        const mayRepeat = isHarmless || answer.status === 429 || answer.status === 503
        if (isLast || !MAYBE_LATER.has(answer.status) || !mayRepeat) return answer
        retryAfter = answer.headers['retry-after']
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error
        if (isLast || (error.sent && !isHarmless)) throw unreachable(name, question.url, error)
      }
      await sleep(this.#env, pauseMs(attempt, retryAfter), question.signal)
    }
  }
}

function pauseMs(attempt: number, retryAfter: string | undefined): number {
  const asked = Number(retryAfter) * 1000
  return Math.min(LONGEST_PAUSE_MS, asked > 0 ? asked : FIRST_PAUSE_MS * 2 ** attempt)
}

function unreachable(name: string, url: string, cause: Unanswered): OpenStackError {
  return new OpenStackError(
    'openstack.unreachable',
    `${name} at ${new URL(url).origin} does not answer: ${cause.message}`,
    { cause },
  )
}

/** `secret`: what the question was asked with, to be kept out of what is said of the answer. */
function read(
  name: string,
  { method, path }: { method: string; path: string },
  { status, body }: Answer,
  secret: string | undefined,
): unknown {
  const said = `${method} ${path} with ${status}`
  if (status < 200 || status >= 300) {
    const sentence = masked(sentenceIn(body), secret)
    const code =
      status === 401
        ? 'openstack.authentication'
        : MAYBE_LATER.has(status) || status >= 500
          ? 'openstack.unreachable'
          : 'openstack.refused'
    throw new OpenStackError(code, `${name} answered ${said}${sentence ? `: ${sentence}` : ''}`, { status })
  }
  if (body === '') return undefined
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new OpenStackError('openstack.refused', `${name} answered ${said}, but not in JSON`, { cause, status })
  }
}

function masked(text: string, secret: string | undefined): string {
  return secret ? text.replaceAll(secret, '******') : text
}

function search(query: ServiceQuery['query'] = {}): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [value].flat().map((each): [string, string] => [key, each as string]),
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`
}
