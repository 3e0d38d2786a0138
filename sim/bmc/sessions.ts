// The BMC's session table: half-open ones between Open Session and RAKP 3, active ones, their limit and expiry.
import { sessionKeys, type SessionKeys, type Transcript } from '../../site-conductor/ipmi/codec/keys.ts'
import type { CipherSuite } from '../../site-conductor/ipmi/codec/suites.ts'

export interface User {
  name: string
  password: string
  /** Highest level: 2 user, 3 operator, 4 administrator. */
  limit: number
}

/** After RAKP 1. */
export interface Proof {
  transcript: Transcript
  user: User
  /** Highest level of this session. */
  most: number
  sik: Buffer
}

export interface BmcSession {
  id: number
  /** Slot number, from 1. */
  handle: number
  consoleId: number
  suite: CipherSuite
  /** Level asked for in Open Session. */
  asked: number
  proof?: Proof
  /** Set once active. */
  keys?: SessionKeys
  level: number
  usedAtMs: number
  sent: number
  highest: number
  seen: Set<number>
  /** Sends a payload to where the console's last packet came from. */
  push?: (payloadType: number, payload: Uint8Array) => void
}

/** Half-open sessions are given up after this (the specification leaves the time to the BMC). */
const halfOpenMs = 5_000

export class SessionTable {
  readonly #sessions = new Map<number, BmcSession>()
  readonly #now: () => number
  readonly #newId: () => number
  readonly #onGone: (session: BmcSession) => void
  readonly limit: number
  readonly #idleMs: number

  constructor(
    now: () => number,
    newId: () => number,
    limit: number,
    idleMs: number,
    onGone: (session: BmcSession) => void,
  ) {
    this.#onGone = onGone
    this.#now = now
    this.#newId = newId
    this.limit = limit
    this.#idleMs = idleMs
  }

  /** A half-open session, or undefined when all slots are taken. */
  open(consoleId: number, suite: CipherSuite, asked: number): BmcSession | undefined {
    this.#expire()
    const handles = new Set([...this.#sessions.values()].map((session) => session.handle))
    let handle = 1
    while (handles.has(handle)) handle++
    if (handle > this.limit) return undefined
    let id = this.#newId()
    while (id === 0 || this.#sessions.has(id)) id = this.#newId()
    const counters = { level: 0, usedAtMs: this.#now(), sent: 0, highest: 0, seen: new Set<number>() }
    const session: BmcSession = { id, handle, consoleId, suite, asked, ...counters }
    this.#sessions.set(id, session)
    return session
  }

  get(id: number): BmcSession | undefined {
    const session = this.#sessions.get(id)
    if (!session || !this.#expired(session)) return session
    this.close(session)
    return undefined
  }

  activate(session: BmcSession, proof: Proof): void {
    session.keys = sessionKeys(session.suite, proof.sik)
    session.level = Math.min(proof.most, 2)
  }

  close(session: BmcSession): void {
    this.#sessions.delete(session.id)
    this.#onGone(session)
  }

  active(): BmcSession[] {
    this.#expire()
    return [...this.#sessions.values()].filter((session) => session.keys !== undefined)
  }

  /** As after a restart of the BMC. */
  forgetAll(): void {
    for (const session of this.#sessions.values()) this.close(session)
  }

  /** Marks the session used and says whether the sequence number is new and inside the window of §6.12.13: +15, -16. */
  accept(session: BmcSession, sequence: number): boolean {
    const ahead = sequence - session.highest
    if (sequence === 0 || ahead > 15 || ahead < -16 || session.seen.has(sequence)) return false
    session.seen.add(sequence)
    if (ahead > 0) session.highest = sequence
    for (const old of session.seen) if (old < session.highest - 16) session.seen.delete(old)
    session.usedAtMs = this.#now()
    return true
  }

  #expired(session: BmcSession): boolean {
    return this.#now() - session.usedAtMs > (session.keys ? this.#idleMs : halfOpenMs)
  }

  #expire(): void {
    for (const session of this.#sessions.values()) if (this.#expired(session)) this.close(session)
  }
}
