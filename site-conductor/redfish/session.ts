// A login at a BMC: a session (DSP0266 §13.3.4), by whose id another can delete it, or basic authentication, which has nothing to delete.
import { z } from 'zod'
import { type Endpoint, pathOf } from './endpoint.ts'
import { RedfishError } from './errors.ts'
import { refusalOf } from './json.ts'
import { accepted, type Changing, isHeader, type Reading, Requests } from './requests.ts'
import type { Verify, Wire } from './wire.ts'

/** BMCs that have no session left say that they are busy, and may be so for long. */
const LOGIN_BUSY_MS = 10_000
const GOODBYE_MS = 3_000

export type AuthType = 'basic' | 'session' | 'auto'

/** How to reach one BMC. */
export interface Bmc {
  readonly endpoint: Endpoint
  /** Without one nobody logs in. */
  readonly username: string | undefined
  readonly password: string
  readonly auth: AuthType
  readonly verify: Verify
}

export const Link = z.object({ '@odata.id': z.string() })

export const ServiceRoot = z.object({
  RedfishVersion: z.string().nullish(),
  UUID: z.string().nullish(),
  Vendor: z.string().nullish(),
  Product: z.string().nullish(),
  Systems: Link.nullish(),
  UpdateService: Link.nullish(),
  Tasks: Link.nullish(),
  Registries: Link.nullish(),
  SessionService: Link.nullish(),
  Links: z.object({ Sessions: Link.nullish() }).nullish(),
})
export type ServiceRoot = z.output<typeof ServiceRoot>

/** Of a session; undefined with basic authentication. */
export interface SessionResource {
  /** Last part of its path. */
  readonly id: string
  readonly path: string
}

export class Session extends Requests {
  readonly resource: SessionResource | undefined
  /** Where sessions are; undefined where there are none. */
  readonly sessionsPath: string | undefined
  /** Which system is meant by a driver's words for it, once that is known. */
  readonly systems = new Map<string, string>()
  #root: ServiceRoot | undefined

  constructor(
    wire: Wire,
    credentials: Readonly<Record<string, string>>,
    sessionsPath: string | undefined,
    resource?: SessionResource,
  ) {
    super(wire, credentials, resource === undefined ? 'authentication' : 'session-lost')
    this.sessionsPath = sessionsPath
    this.resource = resource
  }

  /** As it was when this login first read it. */
  async root(options: Reading): Promise<ServiceRoot> {
    this.#root ??= (await this.get(this.wire.endpoint.root, ServiceRoot, options)).value
    return this.#root
  }

  /** Asks for something that strangers are not shown; the service root they are. Throws 'session-lost' when the session is there no more. */
  async checkAlive(options: Reading): Promise<void> {
    const { Systems } = await this.root(options)
    await this.get(Systems ? this.path(Systems['@odata.id']) : this.wire.endpoint.root, z.object({}), options)
  }

  path(reference: string): string {
    return pathOf(this.wire.endpoint, reference)
  }

  /** Deletes another's session by its id. False: there is none (any more). */
  async removeSession(id: string, options: Changing): Promise<boolean> {
    return (await this.remove(`${this.sessionsPath}/${id}`, options)) !== false
  }

  /** Is there a session with this id? */
  async hasSession(id: string, { signal }: Reading): Promise<boolean> {
    const path = `${this.sessionsPath}/${id}`
    const answer = await this.send({ method: 'GET', path, signal })
    if (answer.status === 404 || answer.status === 410) return false
    accepted(path, answer, 'session-lost')
    return true
  }

  /** Logs out. Never throws and does not wait for long: what cannot be deleted ends by itself. */
  async close(): Promise<void> {
    const { resource } = this
    if (resource === undefined) return
    const over = new AbortController()
    const stop = this.wire.env.setTimer(GOODBYE_MS, () => over.abort())
    await this.wire
      .exchange({ method: 'DELETE', path: resource.path, headers: this.credentials, signal: over.signal })
      .catch(() => {})
    stop()
  }
}

/** By the bmc's `auth`: with 'auto' basic authentication is used where there are no sessions, never where the password is wrong. */
export async function login(wire: Wire, bmc: Bmc, options: Reading & Partial<Changing>): Promise<Session> {
  if (bmc.username === undefined) return new Session(wire, {}, undefined)
  if (bmc.auth === 'basic') return basic(wire, bmc.username, bmc.password)
  try {
    return await openSession(wire, bmc, options)
  } catch (error) {
    const isDenied = error instanceof RedfishError && !['missing', 'refused', 'busy', 'protocol'].includes(error.kind)
    if (bmc.auth === 'session' || isDenied || !(error instanceof RedfishError)) throw error
    return basic(wire, bmc.username, bmc.password)
  }
}

function basic(wire: Wire, username: string, password: string): Session {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return new Session(wire, { authorization }, undefined)
}

/** Throws 'missing' where the BMC has no sessions, 'busy' where it has none left. */
export async function openSession(wire: Wire, bmc: Bmc, options: Reading & Partial<Changing>): Promise<Session> {
  const { endpoint } = wire
  const stranger = new Requests(wire, {}, 'authentication', { busyMs: LOGIN_BUSY_MS })
  const { value: root } = await stranger.get(endpoint.root, ServiceRoot, options)
  const service = root.Links?.Sessions ?? root.SessionService
  if (!service) throw new RedfishError('missing', 'the BMC has no session service')
  const found = pathOf(endpoint, service['@odata.id']).replace(/\/$/, '')
  const path = root.Links?.Sessions ? found : `${found}/Sessions`
  const body = { UserName: bmc.username, Password: bmc.password }
  const post = () => stranger.send({ method: 'POST', path, body, ...options })
  const answer = await post().catch((error: unknown) => {
    if (!(error instanceof RedfishError) || error.kind !== 'unanswered') throw error
    // It may have been opened: nobody knows its token, and it ends by itself.
    return post()
  })
  if (refusalOf(answer.body).messageIds.includes('SessionLimitExceeded'))
    throw new RedfishError('busy', 'the BMC has no session left', { status: answer.status })
  accepted(path, answer, 'authentication')
  const { 'x-auth-token': token, location } = answer.headers
  if (!isHeader(token)) throw new RedfishError('protocol', 'the BMC has opened a session without a token')
  const own = location === undefined ? undefined : pathOf(endpoint, location).replace(/\/$/, '')
  const id = own?.startsWith(`${path}/`) ? own.slice(path.length + 1) : undefined
  if (own === undefined || id === undefined || !/^[\w.~%-]+$/.test(id))
    throw new RedfishError('protocol', 'the BMC has opened a session and does not say which')
  return new Session(wire, { 'x-auth-token': token }, path, { id, path: own })
}
