// All BMC sessions of a conductor: kept open between polls, shared by readers, closed when idle.
// Invariants: one mutation per BMC at a time; a mutation never starts in a session in which an older mutation's packet may still be
// on its way; reads are asked once more in a new session when theirs was lost, mutations never.
import { nodeEnv, type Env } from './env.ts'
import { getChassisStatus } from './commands/chassis-status.ts'
import type { Privilege } from './commands/session-privilege.ts'
import { IpmiError } from './errors.ts'
import { Gate } from './gate.ts'
import type { SessionOptions } from './options.ts'
import { openSession, type Session } from './session.ts'
import { openTransport } from './transport.ts'

/** How to reach one BMC. */
export type Bmc = Omit<SessionOptions, 'privilege' | 'signal' | 'transport' | 'env'>

export interface ReadOptions {
  /** Default user. Boot options need operator (IPMI 2.0 Appendix G). */
  privilege?: Privilege
  signal?: AbortSignal | undefined
}

export interface MutateOptions {
  /** Default operator; closing other sessions needs administrator. */
  privilege?: 'operator' | 'administrator'
  /** A session of its own, opened now and closed afterwards: what a fence needs. Default false. */
  fresh?: boolean
  signal?: AbortSignal | undefined
}

export interface Pool {
  /** Runs `use` in a shared session; once more in a new one when the BMC had lost it. */
  read<Value>(bmc: Bmc, use: (session: Session) => Promise<Value>, options?: ReadOptions): Promise<Value>
  /** Runs `use` alone among the BMC's mutations, in a session that has just answered. */
  mutate<Value>(bmc: Bmc, use: (session: Session) => Promise<Value>, options?: MutateOptions): Promise<Value>
  /** Closes all sessions at their BMCs, then the sockets. Everything under way fails with 'closed'. */
  close(): Promise<void>
}

export interface PoolOptions {
  env?: Env
  /** Default 20,000: well under the 60 s after which BMCs drop a session. */
  idleMs?: number
  /** Handshakes begun at once, default 128; the next ones begin when these end, or 100 ms later. */
  opening?: number
}

interface Entry {
  bmc: Bmc
  session: Promise<Session>
  users: number
  /** Retired: no new users; closed by the last one. */
  retired: boolean
  stopTimer(): void
}

const handshakeTurnMs = 100

export function openPool({ env = nodeEnv(), idleMs = 20_000, opening = 128 }: PoolOptions = {}): Pool {
  const transport = openTransport(env)
  /** The shared ones. */
  const entries = new Map<string, Entry>()
  /** Those and the fresh ones that mutations use alone. */
  const all = new Set<Entry>()
  const closings = new Set<Promise<void>>()
  const mutations = new Map<string, Gate>()
  const handshakes = new Gate(opening)
  const closed = new AbortController()

  function checkOpen(): void {
    if (closed.signal.aborted) throw new IpmiError('closed', 'the IPMI pool is closed')
  }

  function open(bmc: Bmc, privilege: Privilege): Promise<Session> {
    const { signal } = closed
    const opened = handshakes.run(() => {
      const session = openSession({ ...bmc, privilege, signal, transport, env })
      return patienceFor(session)
    }, signal)
    return opened
      .then(({ session }) => session)
      .catch((error: unknown) => {
        checkOpen()
        throw error
      })
  }

  /** Resolves with the handshake or after a moment: BMCs that are dead must not keep the others from theirs. */
  function patienceFor(session: Promise<Session>): Promise<{ session: Promise<Session> }> {
    return new Promise((resolve) => {
      const go = () => resolve({ session })
      const stop = env.setTimer(go, handshakeTurnMs)
      session.then(go, go).finally(stop)
    })
  }

  function enter(bmc: Bmc, privilege: Privilege): Entry {
    checkOpen()
    const key = `${placeOf(bmc)} ${privilege} ${bmc.username}`
    const known = entries.get(key)
    if (known && !known.retired && sameLogin(known.bmc, bmc)) {
      known.stopTimer()
      known.users++
      return known
    }
    if (known) retire(known)
    const entry = newEntry(bmc, privilege)
    entries.set(key, entry)
    return entry
  }

  function newEntry(bmc: Bmc, privilege: Privilege): Entry {
    const entry: Entry = { bmc, session: open(bmc, privilege), users: 1, retired: false, stopTimer() {} }
    all.add(entry)
    entry.session.catch(() => retire(entry))
    return entry
  }

  function leave(entry: Entry): void {
    if (--entry.users > 0) return
    if (entry.retired) shut(entry)
    else entry.stopTimer = env.setTimer(() => retire(entry), idleMs)
  }

  function retire(entry: Entry): void {
    if (entry.retired) return
    entry.retired = true
    entry.stopTimer()
    for (const [key, other] of entries) if (other === entry) entries.delete(key)
    if (entry.users === 0) shut(entry)
  }

  function shut(entry: Entry): void {
    all.delete(entry)
    const closing = entry.session.then(
      (opened) => opened.close(),
      () => {},
    )
    closings.add(closing)
    void closing.finally(() => closings.delete(closing))
  }

  /** Waits for a shared session, but no longer than this caller wants to. */
  async function sessionOf(entry: Entry, signal: AbortSignal | undefined): Promise<Session> {
    if (!signal) return entry.session
    if (signal.aborted) throw new IpmiError('aborted', 'aborted while a session was opened')
    return new Promise((resolve, reject) => {
      const abort = () => reject(new IpmiError('aborted', 'aborted while a session was opened'))
      signal.addEventListener('abort', abort, { once: true })
      const done = () => signal.removeEventListener('abort', abort)
      entry.session.then(resolve, reject).finally(done)
    })
  }

  async function within<Value>(
    entry: Entry,
    signal: AbortSignal | undefined,
    use: (session: Session) => Promise<Value>,
  ): Promise<Value> {
    try {
      return await use(await sessionOf(entry, signal))
    } catch (error) {
      if (isLost(error)) retire(entry)
      throw error
    } finally {
      leave(entry)
    }
  }

  async function read<Value>(
    bmc: Bmc,
    use: (session: Session) => Promise<Value>,
    { privilege = 'user', signal }: ReadOptions = {},
  ): Promise<Value> {
    try {
      return await within(enter(bmc, privilege), signal, use)
    } catch (error) {
      if (!isLost(error)) throw error
      return within(enter(bmc, privilege), signal, use)
    }
  }

  /** A session that has just shown to be alive, so that a mutation is not the one to find out that it had expired. */
  async function lively(bmc: Bmc, privilege: Privilege, signal: AbortSignal | undefined): Promise<Entry> {
    await read(bmc, (session) => getChassisStatus(session, { signal }), { privilege, signal })
    return enter(bmc, privilege)
  }

  async function mutateNow<Value>(
    bmc: Bmc,
    use: (session: Session) => Promise<Value>,
    { privilege = 'operator', fresh = false, signal }: MutateOptions,
  ): Promise<Value> {
    checkOpen()
    const entry = fresh ? newEntry(bmc, privilege) : await lively(bmc, privilege, signal)
    try {
      return await within(entry, signal, use)
    } finally {
      const session = await entry.session.catch(() => undefined)
      if (session && (fresh || session.stragglers)) {
        retire(entry)
        // Waited for: once the BMC has closed it, packets of it that are still on their way do nothing.
        await session.close()
      }
    }
  }

  return {
    read,
    async mutate(bmc, use, options = {}) {
      const place = placeOf(bmc)
      const gate = mutations.get(place) ?? new Gate(1)
      mutations.set(place, gate)
      try {
        return await gate.run(() => mutateNow(bmc, use, options), options.signal)
      } finally {
        if (gate.idle(1)) mutations.delete(place)
      }
    },
    async close() {
      closed.abort()
      for (const entry of all) {
        retire(entry)
        // Not only when its last user leaves.
        shut(entry)
      }
      while (closings.size > 0) await Promise.all(closings)
      transport.close()
    },
  }
}

function placeOf({ host, port = 623 }: Bmc): string {
  return `${host} ${port}`
}

function sameLogin(one: Bmc, other: Bmc): boolean {
  if (one === other) return true
  const kg = Buffer.compare(one.kg ?? new Uint8Array(0), other.kg ?? new Uint8Array(0)) === 0
  return kg && one.password === other.password && one.cipherSuite === other.cipherSuite
}

function isLost(error: unknown): boolean {
  return error instanceof IpmiError && error.kind === 'session-lost'
}
