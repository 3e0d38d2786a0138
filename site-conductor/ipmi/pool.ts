// All BMC sessions of a conductor, and the rules for using them.
// Invariants: one mutation per BMC at a time; a mutation never starts in a session in which an older mutation's packet may still be
// on its way; reads are asked once more in a new session when theirs was lost, mutations never; idle sessions make room for new ones.
import { getChassisStatus } from './commands/chassis-status.ts'
import type { Privilege } from './commands/session-privilege.ts'
import { nodeEnv, type Env } from './env.ts'
import { IpmiError } from './errors.ts'
import { Gate } from './gate.ts'
import type { Session } from './session.ts'
import { placeOf, SharedSessions, type Bmc, type Entry } from './shared-sessions.ts'

export type { Bmc }

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
  /** Asked at each packet that opens a fresh session. */
  before?: (() => void) | undefined
  signal?: AbortSignal | undefined
}

/** A session that nobody else uses. Its holder closes it. */
export interface OwnSession {
  readonly session: Session
  /**
   * Runs `use` alone among the BMC's mutations. Fails with 'session-lost' where a packet of an older mutation may still be on its way:
   * this session is not to change anything any more.
   */
  mutate<Value>(use: (session: Session) => Promise<Value>, signal?: AbortSignal): Promise<Value>
  /** Waits until the BMC has closed it, but not long. */
  close(): Promise<void>
}

export interface Pool {
  /** Runs `use` in a shared session; once more in a new one when the BMC had lost it. */
  read<Value>(bmc: Bmc, use: (session: Session) => Promise<Value>, options?: ReadOptions): Promise<Value>
  /** Runs `use` alone among the BMC's mutations, in a session that has just answered. */
  mutate<Value>(bmc: Bmc, use: (session: Session) => Promise<Value>, options?: MutateOptions): Promise<Value>
  /** A session of one's own, opened now. Where the BMC has none left, sessions of this pool that nobody uses make room. */
  own(bmc: Bmc, options?: Omit<MutateOptions, 'fresh'>): Promise<OwnSession>
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

type Use<Value> = (session: Session) => Promise<Value>

export function openPool({ env = nodeEnv(), idleMs = 20_000, opening = 128 }: PoolOptions = {}): Pool {
  const sessions = new SharedSessions(env, idleMs, opening)
  const mutations = new Map<string, Gate>()

  async function within<Value>(entry: Entry, signal: AbortSignal | undefined, use: Use<Value>): Promise<Value> {
    try {
      return await use(await sessionOf(entry, signal))
    } catch (error) {
      if (isLost(error)) sessions.retire(entry)
      throw error
    } finally {
      sessions.leave(entry)
    }
  }

  async function read<Value>(
    bmc: Bmc,
    use: Use<Value>,
    { privilege = 'user', signal }: ReadOptions = {},
  ): Promise<Value> {
    try {
      return await within(sessions.enter(bmc, privilege), signal, use)
    } catch (error) {
      if (!isLost(error) && !(isFull(error) && (await sessions.makeRoom(bmc)))) throw error
      return within(sessions.enter(bmc, privilege), signal, use)
    }
  }

  /** A session that has just shown to be alive, so that a mutation is not the one to find out that it had expired. */
  async function lively(bmc: Bmc, privilege: Privilege, signal: AbortSignal | undefined): Promise<Entry> {
    await read(bmc, (session) => getChassisStatus(session, { signal }), { privilege, signal })
    return sessions.enter(bmc, privilege)
  }

  async function mutateNow<Value>(
    bmc: Bmc,
    use: Use<Value>,
    { privilege = 'operator', fresh = false, before, signal }: MutateOptions,
  ): Promise<Value> {
    if (fresh) {
      const own = await openOwn(bmc, { privilege, before, signal })
      return await use(own.session).finally(() => own.close())
    }
    const entry = await lively(bmc, privilege, signal)
    try {
      return await within(entry, signal, use)
    } finally {
      const session = await entry.session.catch(() => undefined)
      if (session?.stragglers) {
        sessions.retire(entry)
        // Waited for: once the BMC has closed it, packets of it that are still on their way do nothing.
        await session.close()
      }
    }
  }

  /** One mutation per BMC at a time. */
  async function alone<Value>(bmc: Bmc, signal: AbortSignal | undefined, run: () => Promise<Value>): Promise<Value> {
    const place = placeOf(bmc)
    const gate = mutations.get(place) ?? new Gate(1)
    mutations.set(place, gate)
    try {
      return await gate.run(run, signal)
    } finally {
      if (gate.idle(1)) mutations.delete(place)
    }
  }

  async function openOwn(bmc: Bmc, { privilege = 'operator', before, signal }: MutateOptions): Promise<OwnSession> {
    const open = async () => {
      const entry = sessions.enterAlone(bmc, privilege, before)
      const end = () => {
        sessions.retire(entry)
        sessions.leave(entry)
      }
      const session = await sessionOf(entry, signal).catch((error: unknown) => {
        end()
        throw error
      })
      return { session, end }
    }
    const { session, end } = await open().catch(async (error: unknown) => {
      if (!isFull(error) || !(await sessions.makeRoom(bmc))) throw error
      return await open()
    })
    return {
      session,
      mutate: (use, stop) =>
        alone(bmc, stop, () => {
          if (!session.stragglers) return use(session)
          throw new IpmiError('session-lost', 'a packet of an earlier mutation may still be on its way in this session')
        }),
      async close() {
        end()
        await session.close()
      },
    }
  }

  return {
    read,
    mutate: (bmc, use, options = {}) => alone(bmc, options.signal, () => mutateNow(bmc, use, options)),
    own: (bmc, options = {}) => openOwn(bmc, options),
    close: () => sessions.close(),
  }
}

/** Waits for a shared session, but no longer than this caller wants to. */
async function sessionOf(entry: Entry, signal: AbortSignal | undefined): Promise<Session> {
  if (!signal) return entry.session
  if (signal.aborted) throw new IpmiError('aborted', 'aborted while a session was opened')
  return new Promise((resolve, reject) => {
    const abort = () => reject(new IpmiError('aborted', 'aborted while a session was opened'))
    signal.addEventListener('abort', abort, { once: true })
    entry.session.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** The BMC has no session left (a "node busy" has a completion code). */
function isFull(error: unknown): boolean {
  return error instanceof IpmiError && error.kind === 'busy' && error.completionCode === undefined
}

function isLost(error: unknown): boolean {
  return error instanceof IpmiError && error.kind === 'session-lost'
}
