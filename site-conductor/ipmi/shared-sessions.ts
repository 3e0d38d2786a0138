// The open sessions of a pool: found by BMC, level and user, shared by those who use them, closed when idle.
// Invariants: a retired session gets no new users and is closed by its last one; who leaves early does not end it for the others.
import type { Privilege } from './commands/session-privilege.ts'
import type { Env } from './env.ts'
import { IpmiError } from './errors.ts'
import { Gate } from './gate.ts'
import type { SessionOptions } from './options.ts'
import { openSession, type Session } from './session.ts'
import { openTransport } from './transport.ts'

/** How to reach one BMC. */
export type Bmc = Omit<SessionOptions, 'privilege' | 'signal' | 'before' | 'transport' | 'env'>

export interface Entry {
  readonly bmc: Bmc
  readonly session: Promise<Session>
  /** Under which it is shared, if it is. */
  readonly key: string | undefined
  users: number
  retired: boolean
  stopTimer(): void
}

/** How long a handshake holds its place among those that begin at once. */
const handshakeTurnMs = 100

export class SharedSessions {
  readonly #env: Env
  readonly #idleMs: number
  readonly #transport
  readonly #handshakes: Gate
  readonly #shared = new Map<string, Entry>()
  /** Those, and the ones that somebody uses alone. */
  readonly #all = new Set<Entry>()
  readonly #closings = new Set<Promise<void>>()
  readonly #closed = new AbortController()

  constructor(env: Env, idleMs: number, opening: number) {
    this.#env = env
    this.#idleMs = idleMs
    this.#transport = openTransport(env)
    this.#handshakes = new Gate(opening)
  }

  checkOpen(): void {
    if (this.#closed.signal.aborted) throw new IpmiError('closed', 'the IPMI pool is closed')
  }

  /** The session for this login, opened if there is none. Every `enter` needs its `leave`. */
  enter(bmc: Bmc, privilege: Privilege): Entry {
    this.checkOpen()
    const key = `${placeOf(bmc)} ${privilege} ${bmc.username}`
    const known = this.#shared.get(key)
    if (known && !known.retired && sameLogin(known.bmc, bmc)) {
      known.stopTimer()
      known.users++
      return known
    }
    if (known) this.retire(known)
    const entry = this.#enterNew(bmc, privilege, key)
    this.#shared.set(key, entry)
    return entry
  }

  /** A new session that nobody else gets; `before` is asked at each packet that opens it. */
  enterAlone(bmc: Bmc, privilege: Privilege, before?: () => void): Entry {
    this.checkOpen()
    return this.#enterNew(bmc, privilege, undefined, before)
  }

  /** Closes what nobody uses at this BMC, for many allow few sessions. Resolves false when there was nothing. */
  async makeRoom(bmc: Bmc): Promise<boolean> {
    const idle = [...this.#shared.values()].filter((entry) => entry.users === 0 && placeOf(entry.bmc) === placeOf(bmc))
    for (const entry of idle) this.retire(entry)
    const closed = (session: Session) => session.close()
    await Promise.all(idle.map((entry) => entry.session.then(closed, () => {})))
    return idle.length > 0
  }

  #enterNew(bmc: Bmc, privilege: Privilege, key: string | undefined, before?: () => void): Entry {
    const session = this.#open(bmc, privilege, before)
    const entry: Entry = { bmc, session, key, users: 1, retired: false, stopTimer() {} }
    this.#all.add(entry)
    entry.session.catch(() => this.retire(entry))
    return entry
  }

  leave(entry: Entry): void {
    if (--entry.users > 0) return
    if (entry.retired) this.#shut(entry)
    else entry.stopTimer = this.#env.setTimer(() => this.retire(entry), this.#idleMs)
  }

  retire(entry: Entry): void {
    if (entry.retired) return
    entry.retired = true
    entry.stopTimer()
    if (entry.key !== undefined && this.#shared.get(entry.key) === entry) this.#shared.delete(entry.key)
    if (entry.users === 0) this.#shut(entry)
  }

  async close(): Promise<void> {
    this.#closed.abort()
    for (const entry of this.#all) {
      this.retire(entry)
      // Not only when its last user leaves.
      this.#shut(entry)
    }
    while (this.#closings.size > 0) await Promise.all(this.#closings)
    this.#transport.close()
  }

  #open(bmc: Bmc, privilege: Privilege, before?: () => void): Promise<Session> {
    const { signal } = this.#closed
    const [transport, env] = [this.#transport, this.#env]
    const opened = this.#handshakes.run(
      () => this.#turn(openSession({ ...bmc, privilege, signal, before, transport, env })),
      signal,
    )
    return opened
      .then(({ session }) => session)
      .catch((error: unknown) => {
        this.checkOpen()
        throw error
      })
  }

  /** Resolves with the handshake or after a moment: BMCs that are dead must not keep the others from theirs. */
  #turn(session: Promise<Session>): Promise<{ session: Promise<Session> }> {
    return new Promise((resolve) => {
      const go = () => resolve({ session })
      const stop = this.#env.setTimer(go, handshakeTurnMs)
      session.then(go, go).finally(stop)
    })
  }

  #shut(entry: Entry): void {
    this.#all.delete(entry)
    const closing = entry.session.then(
      (opened) => opened.close(),
      () => {},
    )
    this.#closings.add(closing)
    void closing.finally(() => this.#closings.delete(closing))
  }
}

/** One BMC, whoever logs in. */
export function placeOf({ host, port = 623 }: Bmc): string {
  return `${host} ${port}`
}

function sameLogin(one: Bmc, other: Bmc): boolean {
  if (one === other) return true
  const kg = Buffer.compare(one.kg ?? new Uint8Array(0), other.kg ?? new Uint8Array(0)) === 0
  return kg && one.password === other.password && one.cipherSuite === other.cipherSuite
}
