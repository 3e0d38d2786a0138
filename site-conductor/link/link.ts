// The conductor's end of the line to the hub: the session and lease that a connection brings, and the loop that keeps one open.
// 1. One session is acted upon, that of the last welcome. When the hub falls silent another connection is dialled beside the first, and
// whichever is heard is kept. 2. A lapse closes the connection: the next one begins with nothing. 3. Backoff has full jitter and resets only
// after some uptime.
import type { Env } from '../../shared/env.ts'
import type { FromConductor, ToConductor } from '../../shared/protocol.ts'
import { CONNECT_PATH, signUpgrade } from '../../shared/upgrade.ts'
import { Connection, type LinkOutcome, MAX_BACKOFF_MS } from './connection.ts'
import type { Dialer } from './dialer.ts'
import type { Grants } from './grants.ts'
import type { Greeting } from './greeting.ts'
import type { Log } from '../log.ts'
import { moment, type Moment } from './span.ts'
import { sleep } from '../timing.ts'

export interface LinkIdentity {
  readonly conductor: string
  /** PKCS #8, base64url. */
  readonly privateKey: string
  /** UUID of this run of the process. */
  readonly incarnation: string
}

/** What the rest of the conductor does with a connection. */
export interface LinkHandler {
  /** All of hello but the digests of the grants. */
  hello(): Greeting
  /** The session is there and what was granted before is settled: say again what may not have been heard. */
  welcomed(): void
  /** Every message that is not about session and lease; grants have been taken in. */
  message(message: ToConductor): void
  tenures(tenures: Record<string, number>, sent: Moment): void
  /** The hub wants a node back that was held with `epoch`: nothing may be done with it from now on. It waits for `released`. */
  dropped(node: string, epoch: number): void
}

export interface LinkOptions {
  readonly env: Env
  readonly log: Log
  readonly dialer: Dialer
  /** https://… of the cloud. */
  readonly url: string
  readonly identity: LinkIdentity
  readonly grants: Grants
  readonly handler: LinkHandler
}

const MIN_BACKOFF_MS = 1_000
const RESET_AFTER_MS = 5_000
/** So long a connection may take to its welcome; within a lease half of what is left of it, so that another can be tried. */
const WELCOME_TIMEOUT_MS = 15_000
const MIN_WELCOME_TIMEOUT_MS = 2_000
const BYE_TIMEOUT_MS = 2_000

/** Closed as superseded by another connection: once that is our own older one, or a hub that forgot us; again and again it is a clone. */
const MAX_CONFLICTS = 3
const CLONE = 'another conductor connects with the same identity: is this host a clone? Enrol one of them again'

type Welcome = Extract<ToConductor, { type: 'welcome' }>
const STOPPED: LinkOutcome = { kind: 'drained', why: 'stopped', uptimeMs: 0 }

export class Link {
  readonly #options: LinkOptions
  #session: number | undefined
  /** It has the session. */
  #current: Connection | undefined
  /** On its way to one, alone or beside the present one. */
  #next: Connection | undefined
  #isDialling = false
  /** How the connection ended in whose place the next one is dialled. */
  #lost: LinkOutcome | undefined
  #over: (outcome: LinkOutcome) => void = () => {}
  #stop = new AbortController()
  #leaving = false
  connected = false
  /** Since when there has been no session, or no process. */
  down: Moment
  /** Of the last session; of none, the default of servers. */
  leaseMs = 15_000

  constructor(options: LinkOptions) {
    this.#options = options
    this.down = moment(options.env)
  }

  /** Sends a frame, or drops it when there is no session. */
  readonly send = (message: FromConductor): void => {
    if (!this.#leaving) this.#current?.send(message)
  }

  /** Connects again and again until `stop()` or a fatal outcome, which it returns. */
  async run(): Promise<LinkOutcome> {
    const { env, log } = this.#options
    let backoffMs = MIN_BACKOFF_MS
    let conflicts = 0
    for (;;) {
      this.#lost = undefined
      const outcome = await this.runConnection()
      if (outcome.kind === 'fatal' || outcome.kind === 'drained') return outcome
      conflicts = outcome.conflict && outcome.uptimeMs < MAX_BACKOFF_MS ? conflicts + 1 : 0
      if (conflicts === MAX_CONFLICTS) return { ...outcome, kind: 'fatal', why: `${CLONE} (${outcome.why})` }
      if (outcome.uptimeMs >= RESET_AFTER_MS) backoffMs = MIN_BACKOFF_MS
      const jitter = new DataView(env.random(4).buffer).getUint32(0) / 2 ** 32
      const waitMs = Math.max(outcome.retryAfterMs ?? 0, MIN_BACKOFF_MS / 4 + jitter * backoffMs)
      log.warn('link down', { outcome: outcome.kind, why: outcome.why, retryInMs: Math.round(waitMs) })
      backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2)
      const stopped = await sleep(env, waitMs, this.#stop.signal).then(
        () => false,
        () => true,
      )
      if (stopped) return STOPPED
    }
  }

  /**
   * Says goodbye, waits until the hub has heard it, and stops. Only once nothing is under way any more: the hub gives the nodes to others at
   * once. A hub that does not answer waits for the lease.
   */
  async leave(): Promise<void> {
    this.#next?.close(1001, 'the conductor is stopping', 'drained')
    const said = this.#current?.bye()
    this.#leaving = true // it was the last word
    if (said !== undefined)
      await Promise.race([said, sleep(this.#options.env, BYE_TIMEOUT_MS, this.#stop.signal).catch(() => {})])
    this.stop()
  }

  stop(): void {
    this.#stop.abort(new Error('stopped'))
  }

  /** From a dial until no connection is left: one, or several of which each took the place of the one before. Never throws. */
  async runConnection(): Promise<LinkOutcome> {
    if (this.#stop.signal.aborted) return STOPPED
    const line = Promise.withResolvers<LinkOutcome>()
    this.#over = line.resolve
    const stop = () => {
      for (const one of [this.#next, this.#current]) one?.close(1001, 'the conductor is stopping', 'drained')
    }
    this.#stop.signal.addEventListener('abort', stop, { once: true })
    await this.#dial()
    return await line.promise.finally(() => this.#stop.signal.removeEventListener('abort', stop))
  }

  async #dial(): Promise<void> {
    const { env, url, identity, dialer, grants, handler } = this.#options
    const connectUrl = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}${CONNECT_PATH}`
    const { changes } = grants
    const areUnchanged = () => grants.changes === changes
    let headers: Record<string, string>
    let digests: Awaited<ReturnType<Grants['digests']>>
    this.#isDialling = true
    try {
      headers = await signUpgrade(identity.privateKey, connectUrl, { ...identity, at: env.now() })
      digests = await grants.digests()
    } catch (error) {
      return this.#over({ kind: 'fatal', why: `the identity key cannot sign: ${String(error)}`, uptimeMs: 0 })
    } finally {
      this.#isDialling = false
    }
    if (this.#stop.signal.aborted) return this.#over(STOPPED)
    const first = this.#current
    const heard = first?.heard
    const connection: Connection = new Connection({
      env,
      dialer,
      url: connectUrl,
      headers,
      welcomeWithinMs: welcomeWithinMs(grants.leaseLeft()),
      hello: () => {
        // The first one works after all, and a hello here would end its session.
        if (first !== undefined && first === this.#current && first.heard !== heard) return undefined
        const held = (areUnchanged() && digests) || { grantsDigest: null }
        return { type: 'hello', incarnation: identity.incarnation, ...held, ...handler.hello() }
      },
      welcomed: (message, helloSent) => {
        const why = this.#settleGrants(message, areUnchanged())
        if (why !== undefined) connection.close(1001, why)
        else this.#take(connection, message, helloSent)
      },
      message: (message) => connection === this.#current && this.#onMessage(connection, message),
      silent: () => {
        if (this.#next === undefined && !this.#isDialling) void this.#dial()
      },
      ended: (outcome) => this.#onEnded(connection, outcome),
    })
    this.#next = connection
  }

  /** What was held before a welcome goes on under the new session, or is lost. Answers why the connection is of no use. */
  #settleGrants({ session, grantsKept }: Welcome, areUnchanged: boolean): string | undefined {
    const { grants } = this.#options
    if (grants.leaseLeft() === 0) {
      grants.lapse()
      // The hub believes that we have what we have just lost, and would not grant it again.
      return grantsKept ? 'the lease lapsed before the welcome' : undefined
    }
    if (session === this.#session) return undefined
    if (!grantsKept) grants.forgetSession()
    else if (!areUnchanged) return 'what is held changed before the welcome'
    else grants.carryOver(session)
    return undefined
  }

  /** The connection has the session now: of any other nothing counts from here on. */
  #take(connection: Connection, message: Welcome, helloSent: Moment): void {
    const { grants, handler, log } = this.#options
    this.#current?.retire()
    this.#current = connection
    this.#next = undefined
    this.#lost = undefined
    this.#session = message.session
    grants.startLease({ from: helloSent, ms: message.leaseMs })
    this.connected = true
    this.leaseMs = message.leaseMs
    log.info('link up', { session: message.session, leaseMs: message.leaseMs })
    grants.onLapse = () => connection.close(1001, 'the lease lapsed')
    connection.renew(message.leaseMs)
    handler.welcomed()
  }

  #onMessage(connection: Connection, message: ToConductor): void {
    const { grants, handler } = this.#options
    if (message.type === 'lease') {
      const sent = connection.sentAt(message.rid)
      if (sent === undefined) return
      if (!grants.renewLease({ from: sent, ms: message.ms }))
        return connection.close(1001, 'the lease lapsed before its renewal')
      return handler.tenures(message.tenures, sent)
    }
    if (message.type === 'grants') {
      if (message.session !== this.#session) return
      for (const node of message.drop) {
        const hold = grants.drop(node)
        if (hold !== undefined) handler.dropped(node, hold.grant.epoch)
      }
      for (const grant of message.add) grants.add(grant)
    }
    handler.message(message)
  }

  #onEnded(connection: Connection, outcome: LinkOutcome): void {
    const { env, grants, log } = this.#options
    if (connection === this.#next) {
      this.#next = undefined
      if (this.#current !== undefined)
        return log.info('the connection beside the first is given up', { why: outcome.why })
      return this.#over(outcome.kind === 'retryable' ? (this.#lost ?? outcome) : outcome)
    }
    if (connection !== this.#current) return
    this.#current = undefined
    grants.onLapse = () => {}
    this.down = moment(env)
    this.connected = false
    // Another is on its way already.
    if (outcome.kind === 'served' && (this.#next !== undefined || this.#isDialling)) this.#lost = outcome
    else this.#over(outcome)
  }
}

function welcomeWithinMs(leaseLeftMs: number): number {
  if (leaseLeftMs === 0) return WELCOME_TIMEOUT_MS
  return Math.min(WELCOME_TIMEOUT_MS, Math.max(MIN_WELCOME_TIMEOUT_MS, leaseLeftMs / 2))
}
