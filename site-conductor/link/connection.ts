// One socket to the hub, from dial to close: hello, welcome, renewals, and what their answers or their absence mean.
// 1. It ends in one place, with an outcome, once. 2. What was sent is remembered with its moment: the lease counts from there.
import type { Env } from '../../shared/env.ts'
import { toFault } from '../../shared/faults.ts'
import { decodeToConductor, encode, type FromConductor, type ToConductor } from '../../shared/protocol.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import type { Dialer, Socket } from './dialer.ts'
import { moment, type Moment } from './span.ts'

/**
 * How a connection ended. `served`: it had a session. `drained`: we closed it. `retryable`: it never got a session, but may
 * later. `fatal`: no retry will help until somebody does something.
 */
export interface LinkOutcome {
  readonly kind: 'served' | 'drained' | 'retryable' | 'fatal'
  readonly why: string
  readonly uptimeMs: number
  readonly retryAfterMs?: number
  /** Closed because another connection has this identity. */
  readonly conflict?: boolean
}

type Welcome = Extract<ToConductor, { type: 'welcome' }>

export interface ConnectionOptions {
  readonly env: Env
  readonly dialer: Dialer
  readonly url: string
  readonly headers: Record<string, string>
  readonly welcomeWithinMs: number
  /** What is said first; undefined: this connection is not wanted any more. */
  hello(): FromConductor | undefined
  welcomed(message: Welcome, helloSent: Moment): void
  /** What comes behind the welcome. */
  message(message: ToConductor): void
  /** A renewal was not answered for a quarter of the lease. */
  silent(): void
  ended(outcome: LinkOutcome): void
}

export const MAX_BACKOFF_MS = 60_000

const FATAL: Readonly<Record<number, string>> = {
  [CLOSE.identity]: 'the cloud does not accept this identity: is the clock right? Otherwise enrol again',
  [CLOSE.revoked]: 'this conductor was revoked: enrol again with a new token',
  [CLOSE.upgradeRequired]: 'the cloud no longer serves this version: upgrade the conductor',
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  readonly #timers = new Set<() => void>()
  readonly #renewals = new Map<number, Moment>()
  readonly #over = Promise.withResolvers<void>()
  #answered: { rid: number; sent: Moment } | undefined
  #openedAt: number | undefined
  #helloSent: Moment | undefined
  #welcomed = false
  #leaving = false
  #ended = false
  #lastRid = 0
  /** How many frames have come. */
  #heard = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { dialer, url, headers, welcomeWithinMs } = options
    this.#socket = dialer.dial(url, headers, {
      opened: () => this.#onOpened(),
      message: (frame) => this.#onFrame(frame),
      closed: (code, reason) => this.#onClosed(code, reason),
    })
    this.#after(welcomeWithinMs, () => this.#welcomed || this.close(1001, 'no welcome'))
  }

  get heard(): number {
    return this.#heard
  }

  /** Throws request.too_large. */
  readonly send = (message: FromConductor): void => this.#socket.send(encode(message))

  close(code: number, why: string, kind?: LinkOutcome['kind']): void {
    this.#end({ kind: kind ?? this.#kind, why, uptimeMs: this.#uptimeMs, ...retryAfter(code) })
    this.#socket.close(code, why)
  }

  /** Another connection has taken its place: it ends without an outcome. */
  retire(): void {
    this.#stop()
    this.#socket.close(1000, 'replaced by a newer connection')
  }

  /** Says goodbye. Resolves at the end of the connection, however it comes. */
  async bye(): Promise<void> {
    this.#leaving = true
    this.send({ type: 'bye' })
    await this.#over.promise
  }

  /** Renews from now on, every quarter of the lease. */
  renew(leaseMs: number): void {
    const rid = ++this.#lastRid
    this.#renewals.set(rid, moment(this.#options.env))
    this.send({ type: 'renew', rid })
    // Silence for half a lease is a dead path; whatever is dialled then has the other half.
    this.#after(leaseMs / 2, () => this.#renewals.has(rid) && this.close(1001, 'the hub is silent'))
    this.#after(leaseMs / 4, () => {
      if (this.#renewals.has(rid)) this.#options.silent()
      this.renew(leaseMs)
    })
  }

  /** When the renewal was sent that `rid` answers: an answer may have several pages. Undefined for what was answered before. */
  sentAt(rid: number): Moment | undefined {
    const sent = this.#renewals.get(rid)
    if (sent !== undefined) {
      for (const earlier of this.#renewals.keys()) if (earlier <= rid) this.#renewals.delete(earlier)
      this.#answered = { rid, sent }
    }
    return this.#answered?.rid === rid ? this.#answered.sent : undefined
  }

  #onOpened(): void {
    const { env, hello } = this.#options
    if (this.#ended) return
    this.#openedAt = env.mono()
    const message = hello()
    if (message === undefined) return this.close(1000, 'not needed any more')
    this.#helloSent = moment(env)
    try {
      this.send(message)
    } catch (error) {
      this.close(1001, toFault(error).message, 'fatal')
    }
  }

  #onFrame(frame: string): void {
    if (this.#ended) return
    this.#heard++
    const decoded = decodeToConductor(frame)
    if (decoded.kind === 'malformed') return this.close(CLOSE.malformed, decoded.why.slice(0, 100))
    if (decoded.kind === 'unknown') return
    const { message } = decoded
    if (message.type !== 'welcome') {
      if (!this.#welcomed) return this.close(CLOSE.malformed, `${message.type} before welcome`)
      return this.#options.message(message)
    }
    if (this.#welcomed || this.#helloSent === undefined) return this.close(CLOSE.malformed, 'welcome came twice')
    this.#welcomed = true
    this.#options.welcomed(message, this.#helloSent)
  }

  #onClosed(code: number, reason: string): void {
    const uptimeMs = this.#uptimeMs
    const fatal = FATAL[code]
    if (fatal !== undefined) return this.#end({ kind: 'fatal', why: `${fatal} (${code} ${reason})`, uptimeMs })
    const conflict = code === CLOSE.conflict
    this.#end({ kind: this.#kind, why: `${code} ${reason}`, uptimeMs, conflict, ...retryAfter(code, reason) })
  }

  get #kind(): LinkOutcome['kind'] {
    return this.#welcomed ? 'served' : 'retryable'
  }

  get #uptimeMs(): number {
    return this.#openedAt === undefined ? 0 : this.#options.env.mono() - this.#openedAt
  }

  #end(outcome: LinkOutcome): void {
    if (this.#ended) return
    this.#stop()
    this.#options.ended(this.#leaving ? { ...outcome, kind: 'drained' } : outcome)
  }

  #stop(): void {
    this.#ended = true
    for (const stop of this.#timers) stop()
    this.#over.resolve()
  }

  #after(ms: number, run: () => void): void {
    const stop = this.#options.env.setTimer(ms, () => {
      this.#timers.delete(stop)
      run()
    })
    this.#timers.add(stop)
  }
}

/** A malformed frame means that one side has a bug: trying again soon would only repeat it. 4429 may say how long ("retryAfter=30"). */
function retryAfter(code: number, reason = ''): { retryAfterMs?: number } {
  if (code === CLOSE.malformed) return { retryAfterMs: MAX_BACKOFF_MS }
  if (code !== CLOSE.slowDown) return {}
  const seconds = /(\d{1,5})/.exec(reason)?.[1]
  return { retryAfterMs: seconds === undefined ? MAX_BACKOFF_MS : Number(seconds) * 1000 }
}
