// All logins of a conductor at its BMCs, and the rules for using them. 1. One mutation per BMC at a time. 2. Reads share a session, and are asked once
// more in a new one when theirs was lost; mutations never are. 3. A login with a request of unknown fate changes nothing more.
import { createHash } from 'node:crypto'
import { type Env, nodeEnv } from './env.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading } from './requests.ts'
import { type Bmc, login, openSession, type Session } from './session.ts'
import { openWire, type Wire } from './wire.ts'

/** A session that nobody else uses. Its holder closes it. */
export interface OwnSession {
  readonly session: Session
  /** Runs `use` alone among the BMC's mutations. Fails with 'session-lost' where an older request of it may still be on its way. */
  mutate<Value>(use: (session: Session) => Promise<Value>, signal?: AbortSignal): Promise<Value>
  close(): Promise<void>
}

type Use<Value> = (session: Session) => Promise<Value>
type Run<Value> = () => Promise<Value>

export interface Pool {
  /** Runs `use` in a shared session; once more in a new one when the BMC had dropped it. */
  read<Value>(bmc: Bmc, use: Use<Value>, options?: Reading): Promise<Value>
  /** Runs `use` alone among the BMC's mutations, in a login that has just answered; `fresh`: in one of its own that is closed afterwards. */
  mutate<Value>(bmc: Bmc, use: Use<Value>, options: Changing & { fresh?: boolean }): Promise<Value>
  /** A session of one's own, opened now. Throws 'missing' where the BMC has no sessions or is not to use them, 'busy' where it has none left. */
  own(bmc: Bmc, options: Changing): Promise<OwnSession>
  /** Logs out everywhere. What is under way fails. */
  close(): Promise<void>
}

export interface PoolOptions {
  readonly env?: Env
  /** After which a shared session that nobody uses is closed. Default 5 min: a poll each minute keeps it. */
  readonly idleMs?: number
  /** Of one request; default 30 s. */
  readonly timeoutMs?: number
}

interface Place {
  readonly key: string
  readonly wire: Wire
  shared: Promise<Session> | undefined
  /** Requests and sessions of one's own that are under way. */
  users: number
  stopTimer: () => void
  /** Ends with the last mutation that was begun. */
  tail: Promise<unknown>
}

export function openPool({ env = nodeEnv, idleMs = 300_000, timeoutMs }: PoolOptions = {}): Pool {
  const places = new Map<string, Place>()
  const closed = new AbortController()

  function placeOf(bmc: Bmc): Place {
    if (closed.signal.aborted) throw new RedfishError('closed', 'the Redfish pool is closed')
    const key = keyOf(bmc)
    const known = places.get(key)
    if (known !== undefined) return known
    const wire = openWire(bmc.endpoint, bmc.verify, { env, timeoutMs })
    const made: Place = { key, wire, shared: undefined, users: 0, stopTimer: () => {}, tail: Promise.resolve() }
    places.set(key, made)
    return made
  }

  function enter(place: Place): void {
    place.stopTimer()
    place.users++
  }

  /** What nobody uses for a while is logged out and forgotten. */
  function leave(place: Place): void {
    if (--place.users > 0 || closed.signal.aborted) return
    place.stopTimer = env.setTimer(idleMs, () => {
      places.delete(place.key)
      void logOut(place).then(() => place.wire.close())
    })
  }

  async function within<Value>(place: Place, use: () => Promise<Value>): Promise<Value> {
    enter(place)
    try {
      return await use()
    } finally {
      leave(place)
    }
  }

  async function logOut(place: Place): Promise<void> {
    const { shared } = place
    place.shared = undefined
    await shared?.then(
      (session) => session.close(),
      () => {},
    )
  }

  function inShared<Value>(place: Place, bmc: Bmc, use: Use<Value>): Promise<Value> {
    return within(place, async () => {
      const opening = (place.shared ??= login(place.wire, bmc, {}))
      try {
        return await use(await opening)
      } catch (error) {
        const session = await opening.catch(() => undefined)
        const isOver = session === undefined || session.isSuspect || isLost(error)
        if (isOver && place.shared === opening) void logOut(place)
        throw error
      }
    })
  }

  async function read<Value>(bmc: Bmc, use: Use<Value>, { signal }: Reading = {}): Promise<Value> {
    const place = placeOf(bmc)
    const once = () => abortable(inShared(place, bmc, use), signal)
    return await once().catch((error: unknown) => {
      if (!isLost(error)) throw error
      return once()
    })
  }

  /** One mutation per BMC at a time. */
  async function alone<Value>(place: Place, signal: AbortSignal | undefined, run: Run<Value>): Promise<Value> {
    const turn = place.tail.then(() => {
      if (signal?.aborted) throw new RedfishError('aborted', 'aborted while waiting for its turn')
      return within(place, run)
    })
    place.tail = turn.catch(() => {})
    return await abortable(turn, signal)
  }

  async function openOwn(bmc: Bmc, options: Changing): Promise<OwnSession> {
    const place = placeOf(bmc)
    if (bmc.username === undefined || bmc.auth === 'basic')
      throw new RedfishError('missing', 'basic authentication has no session that could be closed')
    enter(place)
    const open = () => openSession(place.wire, bmc, options)
    const opening = open().catch(async (error: unknown) => {
      const isIdle = place.users === 1 && place.shared !== undefined
      if (!(error instanceof RedfishError) || error.kind !== 'busy' || !isIdle) throw error
      // Ours, which nobody uses, makes room.
      await logOut(place)
      return await open()
    })
    const session = await opening.catch((error: unknown) => {
      leave(place)
      throw error
    })
    let isOpen = true
    return {
      session,
      mutate: (use, signal) =>
        alone(place, signal, async () => {
          if (!session.isSuspect) return await use(session)
          throw new RedfishError('session-lost', 'an earlier request of this session may still be on its way')
        }),
      async close() {
        if (!isOpen) return
        isOpen = false
        await session.close()
        leave(place)
      },
    }
  }

  return {
    read,
    async mutate(bmc, use, { fresh = false, before, signal }) {
      const place = placeOf(bmc)
      const options = { before, signal }
      return await alone(place, signal, async () => {
        if (fresh) {
          const session = await login(place.wire, bmc, options)
          return await use(session).finally(() => session.close())
        }
        // It has just answered, so that a mutation is not the one to find out that it had expired.
        await read(bmc, (session) => session.checkAlive(options), options)
        return await inShared(place, bmc, use)
      })
    },
    own: openOwn,
    async close() {
      closed.abort()
      const all = [...places.values()]
      places.clear()
      for (const { stopTimer } of all) stopTimer()
      await Promise.all(all.map((place) => logOut(place)))
      for (const { wire } of all) wire.close()
    },
  }
}

function isLost(error: unknown): boolean {
  return error instanceof RedfishError && error.kind === 'session-lost'
}

/** Of one login: whoever has another password, or believes other certificates, gets another connection. */
function keyOf({ endpoint, username, password, auth, verify }: Bmc): string {
  const secret = createHash('sha256').update(password).digest('hex')
  return JSON.stringify([endpoint.origin, endpoint.root, username, secret, auth, verify])
}

/** Waits for `work`, but no longer than this caller wants to. */
function abortable<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = () => reject(new RedfishError('aborted', 'the caller has given up'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
