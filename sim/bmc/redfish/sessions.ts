// Sessions of the simulated BMC (DSP0266 §13.3.4): a token each, deleted by their path, given up when idle, limited in number.
import { randomBytes } from 'node:crypto'
import { collection, type Outcome, only, Refusal, type Resource, text } from './resource.ts'

export interface RedfishUser {
  name: string
  password: string
  role: 'Administrator' | 'Operator' | 'ReadOnly'
}

export interface RedfishSession {
  readonly id: string
  readonly token: string
  readonly user: RedfishUser
  usedAtMs: number
}

const SESSIONS = '/redfish/v1/SessionService/Sessions'

export class Sessions {
  readonly #all = new Map<string, RedfishSession>()
  readonly #users: readonly RedfishUser[]
  readonly #limit: number
  readonly #idleMs: number
  #last = 0

  constructor(users: readonly RedfishUser[], limit: number, idleMs: number) {
    this.#users = users
    this.#limit = limit
    this.#idleMs = idleMs
  }

  get active(): number {
    this.#expire()
    return this.#all.size
  }

  user(name: unknown, password: unknown): RedfishUser | undefined {
    return this.#users.find((user) => user.name === name && user.password === password)
  }

  byToken(token: string): RedfishSession | undefined {
    this.#expire()
    const found = [...this.#all.values()].find((session) => session.token === token)
    if (found) found.usedAtMs = performance.now()
    return found
  }

  /** As a restart of the BMC would. */
  forgetAll(): void {
    this.#all.clear()
  }

  remove(id: string): boolean {
    return this.#all.delete(id)
  }

  open(body: Readonly<Record<string, unknown>>): Outcome {
    only(body, ['UserName', 'Password'])
    const user = this.user(text(body, 'UserName'), body['Password'])
    if (!user) throw new Refusal(401, 'ResourceAtUriUnauthorized', 'the user name or password is wrong')
    this.#expire()
    if (this.#all.size >= this.#limit)
      throw new Refusal(503, 'SessionLimitExceeded', 'the session limit has been reached')
    const session = {
      id: String(++this.#last),
      token: randomBytes(16).toString('hex'),
      user,
      usedAtMs: performance.now(),
    }
    this.#all.set(session.id, session)
    const path = `${SESSIONS}/${session.id}`
    return {
      status: 201,
      headers: { 'x-auth-token': session.token, location: path },
      body: describe(session),
      detail: user.name,
    }
  }

  /** `remove`: what deleting one does. */
  resources(remove: (session: RedfishSession) => Outcome): Record<string, Resource> {
    this.#expire()
    return {
      '/redfish/v1/SessionService': {
        what: 'SessionService',
        get: () => ({
          '@odata.type': '#SessionService.v1_1_8.SessionService',
          '@odata.id': '/redfish/v1/SessionService',
          Id: 'SessionService',
          Name: 'Session Service',
          ServiceEnabled: true,
          SessionTimeout: Math.max(30, Math.round(this.#idleMs / 1000)),
          Sessions: { '@odata.id': SESSIONS },
        }),
      },
      [SESSIONS]: {
        what: 'Sessions',
        get: () =>
          collection(
            SESSIONS,
            'Session',
            [...this.#all.keys()].map((id) => `${SESSIONS}/${id}`),
          ),
        post: (body) => this.open(body),
      },
      ...Object.fromEntries(
        [...this.#all.values()].map((session) => [
          `${SESSIONS}/${session.id}`,
          { what: 'Session', get: () => describe(session), remove: () => remove(session) },
        ]),
      ),
    }
  }

  #expire(): void {
    const since = performance.now() - this.#idleMs
    for (const { id, usedAtMs } of this.#all.values()) if (usedAtMs < since) this.#all.delete(id)
  }
}

function describe({ id, user }: RedfishSession): Record<string, unknown> {
  return {
    '@odata.type': '#Session.v1_3_0.Session',
    '@odata.id': `${SESSIONS}/${id}`,
    Id: id,
    Name: 'User Session',
    UserName: user.name,
  }
}
