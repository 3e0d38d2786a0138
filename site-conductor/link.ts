// The conductor's end of the socket: one connection from dial to close, and the loop that keeps one open.
// 1. runConnection ends in one place and returns an outcome; it never throws. 2. The lease counts from the moment of sending.
// 3. A lapse closes the connection: the next one begins with nothing. 4. Backoff has full jitter and resets only after some uptime.
import type { Env } from '../shared/env.ts'
import { toFault } from '../shared/faults.ts'
import { decodeToConductor, encode, type FromConductor, type ToConductor } from '../shared/protocol.ts'
import { CLOSE, CONNECT_PATH, signUpgrade } from '../shared/upgrade.ts'
import type { Dialer } from './dialer.ts'
import type { Grants } from './grants.ts'
import type { Log } from './log.ts'
import { moment, type Moment } from './span.ts'
import { sleep } from './timing.ts'

export interface LinkIdentity {
  readonly conductor: string
  /** PKCS #8, base64url. */
  readonly privateKey: string
  /** UUID of this run of the process. */
  readonly incarnation: string
}

/** What the rest of the conductor does with a connection. */
export interface LinkHandler {
  /** All of hello but the digest of the grants. */
  hello(): Omit<Extract<FromConductor, { type: 'hello' }>, 'type' | 'incarnation' | 'grantsDigest'>
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

const MIN_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000
const RESET_AFTER_MS = 5_000
const WELCOME_TIMEOUT_MS = 15_000
const BYE_TIMEOUT_MS = 2_000

const FATAL: Readonly<Record<number, string>> = {
  [CLOSE.identity]: 'the cloud does not accept this identity: is the clock right? Otherwise enrol again',
  [CLOSE.revoked]: 'this conductor was revoked: enrol again with a new token',
  [CLOSE.upgradeRequired]: 'the cloud no longer serves this version: upgrade the conductor',
}

/** Closed as superseded by another connection: once that is our own older one, or a hub that forgot us; again and again it is a clone. */
const MAX_CONFLICTS = 3
const CLONE = 'another conductor connects with the same identity: is this host a clone? Enrol one of them again'

export class Link {
  readonly #options: LinkOptions
  #session: number | undefined
  #send: ((message: FromConductor) => void) | undefined
  #stop = new AbortController()
  /** Of a connection with a session: resolves at its end. */
  #bye: (() => Promise<void>) | undefined
  connected = false
  /** Since when there has been no session, or no process; ms since 1970. */
  downSince: number
  /** Of the last session; of none, the default of servers. */
  leaseMs = 15_000

  constructor(options: LinkOptions) {
    this.#options = options
    this.downSince = options.env.now()
  }

  /** Sends a frame, or drops it when there is no session. */
  readonly send = (message: FromConductor): void => this.#send?.(message)

  /** Connects again and again until `stop()` or a fatal outcome, which it returns. */
  async run(): Promise<LinkOutcome> {
    const { env, log } = this.#options
    let backoffMs = MIN_BACKOFF_MS
    let conflicts = 0
    for (;;) {
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
      if (stopped) return { kind: 'drained', why: 'stopped', uptimeMs: 0 }
    }
  }

  /**
   * Says goodbye, waits until the hub has heard it, and stops. Only once nothing is under way any more: the hub gives the nodes to others at
   * once. A hub that does not answer waits for the lease.
   */
  async leave(): Promise<void> {
    const said = this.#bye?.()
    if (said !== undefined)
      await Promise.race([said, sleep(this.#options.env, BYE_TIMEOUT_MS, this.#stop.signal).catch(() => {})])
    this.stop()
  }

  stop(): void {
    this.#stop.abort(new Error('stopped'))
  }

  /** One connection from dial to close. */
  async runConnection(): Promise<LinkOutcome> {
    const { env, url, identity, dialer, grants, handler, log } = this.#options
    if (this.#stop.signal.aborted) return { kind: 'drained', why: 'stopped', uptimeMs: 0 }
    const connectUrl = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}${CONNECT_PATH}`
    const at = env.now()
    let headers: Record<string, string>
    let digest: string | null
    try {
      headers = await signUpgrade(identity.privateKey, connectUrl, { ...identity, at })
      digest = await grants.digest()
    } catch (error) {
      return { kind: 'fatal', why: `the identity key cannot sign: ${String(error)}`, uptimeMs: 0 }
    }
    if (this.#stop.signal.aborted) return { kind: 'drained', why: 'stopped', uptimeMs: 0 }
    return await new Promise((resolve) => {
      const timers = new Set<() => void>()
      const after = (ms: number, run: () => void) => {
        const stop = env.setTimer(ms, () => {
          timers.delete(stop)
          run()
        })
        timers.add(stop)
        return stop
      }
      let openedAt: number | undefined
      let helloSent: Moment | undefined
      let welcomed = false
      let ended = false
      let lastRid = 0
      let leaving = false
      const byeHeard = Promise.withResolvers<void>()
      const renewals = new Map<number, Moment>()

      const end = (how: LinkOutcome) => {
        if (ended) return
        const outcome: LinkOutcome = leaving ? { ...how, kind: 'drained' } : how
        ended = true
        for (const stop of timers) stop()
        this.#stop.signal.removeEventListener('abort', drain)
        grants.onLapse = () => {}
        this.#send = undefined
        this.#bye = undefined
        byeHeard.resolve()
        if (this.connected) this.downSince = env.now()
        this.connected = false
        resolve(outcome)
      }
      const uptimeMs = () => (openedAt === undefined ? 0 : env.mono() - openedAt)
      const close = (code: number, why: string, kind?: LinkOutcome['kind']) => {
        end({ kind: kind ?? (welcomed ? 'served' : 'retryable'), why, uptimeMs: uptimeMs(), ...retryAfter(code) })
        socket.close(code, why)
      }
      const drain = () => close(1001, 'the conductor is stopping', 'drained')

      const renew = (leaseMs: number) => {
        const rid = ++lastRid
        renewals.set(rid, moment(env))
        this.send({ type: 'renew', rid })
        // Silence for half a lease is a dead path: the other half is left to build a new one.
        after(leaseMs / 2, () => renewals.has(rid) && close(1001, 'the hub is silent'))
        after(leaseMs / 4, () => renew(leaseMs))
      }
      const send = (message: FromConductor) => socket.send(encode(message))
      const onMessage = (message: ToConductor) => {
        if (message.type === 'welcome') {
          if (welcomed || helloSent === undefined) return close(CLOSE.malformed, 'welcome came twice')
          const lapsed = grants.leaseLeft() === 0
          if (lapsed) {
            grants.lapse()
            // The hub believes that we have what we have just lost, and would not grant it again.
            if (message.grantsKept) return close(1001, 'the lease lapsed before the welcome')
          } else if (message.session !== this.#session) {
            if (message.grantsKept && digest !== null) grants.carryOver(message.session)
            else grants.forgetSession()
          }
          this.#session = message.session
          // Not before: what is said between hello and welcome is said under an epoch that the hub has just ended.
          this.#send = send
          this.#bye = () => {
            leaving = true
            send({ type: 'bye' })
            this.#send = undefined // it was the last word
            return byeHeard.promise
          }
          grants.startLease({ from: helloSent, ms: message.leaseMs })
          welcomed = true
          this.connected = true
          this.leaseMs = message.leaseMs
          log.info('link up', { session: message.session, leaseMs: message.leaseMs })
          grants.onLapse = () => close(1001, 'the lease lapsed')
          renew(message.leaseMs)
          handler.welcomed()
        } else if (!welcomed) close(CLOSE.malformed, `${message.type} before welcome`)
        else if (message.type === 'lease') {
          const sent = renewals.get(message.rid)
          if (sent === undefined) return
          for (const rid of renewals.keys()) if (rid <= message.rid) renewals.delete(rid)
          if (!grants.renewLease({ from: sent, ms: message.ms }))
            return close(1001, 'the lease lapsed before its renewal')
          handler.tenures(message.tenures, sent)
        } else if (message.type === 'grants') {
          if (message.session !== this.#session) return
          for (const node of message.drop) {
            const hold = grants.drop(node)
            if (hold !== undefined) handler.dropped(node, hold.grant.epoch)
          }
          for (const grant of message.add) grants.add(grant)
          handler.message(message)
        } else handler.message(message)
      }

      const socket = dialer.dial(connectUrl, headers, {
        opened: () => {
          if (ended) return
          openedAt = env.mono()
          helloSent = moment(env)
          try {
            send({ type: 'hello', incarnation: identity.incarnation, grantsDigest: digest, ...handler.hello() })
          } catch (error) {
            close(1001, toFault(error).message, 'fatal')
          }
        },
        message: (frame) => {
          if (ended) return
          const decoded = decodeToConductor(frame)
          if (decoded.kind === 'malformed') close(CLOSE.malformed, decoded.why.slice(0, 100))
          else if (decoded.kind === 'message') onMessage(decoded.message)
        },
        closed: (code, reason) => {
          const fatal = FATAL[code]
          if (fatal !== undefined)
            return end({ kind: 'fatal', why: `${fatal} (${code} ${reason})`, uptimeMs: uptimeMs() })
          const kind = welcomed ? 'served' : 'retryable'
          const conflict = code === CLOSE.conflict
          end({ kind, why: `${code} ${reason}`, uptimeMs: uptimeMs(), conflict, ...retryAfter(code, reason) })
        },
      })
      this.#stop.signal.addEventListener('abort', drain, { once: true })
      after(WELCOME_TIMEOUT_MS, () => welcomed || close(1001, 'no welcome'))
    })
  }
}

/** A malformed frame means that one side has a bug: trying again soon would only repeat it. 4429 may say how long ("retryAfter=30"). */
function retryAfter(code: number, reason = ''): { retryAfterMs?: number } {
  if (code === CLOSE.malformed) return { retryAfterMs: MAX_BACKOFF_MS }
  if (code !== CLOSE.slowDown) return {}
  const seconds = /(\d{1,5})/.exec(reason)?.[1]
  return { retryAfterMs: seconds === undefined ? MAX_BACKOFF_MS : Number(seconds) * 1000 }
}
