// A Redfish BMC's service: who may ask, what is asked, what it answers and logs. Knows nothing of sockets. Written apart from the client and after the
// specification (DSP0266, DSP2046); Debian's sushy judges it.
import { createHash } from 'node:crypto'
import type { PowerAction } from '../chassis.ts'
import { biosResources } from './bios.ts'
import { EVENT_SERVICE, eventResources } from './events.ts'
import { RedfishLog } from './log.ts'
import type { RedfishMachine } from './machine.ts'
import { chassisResources, managerResources, updateResources } from './manager.ts'
import { type MediaQuirks, mediaResources, usualMedia } from './media.ts'
import { type Body, done, errorBody, link, type Outcome, Refusal, type Resource } from './resource.ts'
import { type RedfishSession, type RedfishUser, Sessions } from './sessions.ts'
import { storageResources } from './storage.ts'
import { BOOT_TARGETS, systemResources } from './system.ts'
import { Tasks } from './tasks.ts'

/** What this BMC's firmware does otherwise than one would wish. May be changed at any time. */
export interface Quirks extends MediaQuirks {
  /** PATCH without the right If-Match is refused (428, 412). */
  needsEtag: boolean
  /** Answers that many requests with 503 and does nothing. */
  busy: number
  /** False: no session service, basic authentication only. */
  sessionService: boolean
  /** How long a machine takes to be switched; it is PoweringOn or PoweringOff until then. */
  powerMs: number
  /** Refuses to switch on a machine that is powering off (409). */
  conflicts: boolean
  /** Does that many changes and closes the connection instead of answering. */
  loseAnswers: number
  /** False: an override of the boot source lasts for one start only. */
  knowsContinuous: boolean
  /** Refuses that many changes of the system, for the machine is in its self-test (HPE's iLO). */
  postChanges: number
  /** Names of boot sources that it knows. */
  targets: readonly string[]
  /** When volumes are made and deleted. */
  raidApplies: 'at once' | 'by a task' | 'at the next start'
  updatesFail: boolean
  /** Its list of tasks is empty, as of a BMC that keeps none. */
  hidesTasks: boolean
  /** What of its clock nobody may set: it has its time by NTP, or its offset from somewhere. */
  fixedClock: 'clock' | 'offset' | undefined
  /** What deleting another's session does: deletes it, is refused, deletes the one that asks, or only says so. */
  closing: 'works' | 'refused' | 'asker' | 'pretended'
  /** Where the answer to a new subscription says where that is; 'none': nobody can subscribe. */
  eventService: 'header' | 'body' | 'none'
  /** The graphical console: RFB on a WebSocket, for those with a token or, as older firmware has it, with a cookie only; a page for browsers; none. */
  kvm: 'token' | 'cookie' | 'page' | 'oem' | 'off' | 'none'
}

export interface RedfishOptions {
  users?: RedfishUser[]
  /** Most sessions at once. Default 8. */
  sessionLimit?: number
  /** Default 30 min. */
  sessionIdleMs?: number
  quirks?: Partial<Quirks>
}

export interface RedfishRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface RedfishAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

interface Caller {
  readonly user: RedfishUser
  readonly session: RedfishSession | undefined
}

export const defaultRedfishUsers: RedfishUser[] = [
  { name: 'admin', password: 'secret', role: 'Administrator' },
  { name: 'viewer', password: 'view', role: 'ReadOnly' },
]

/** What strangers are shown (DSP0266 §13.3.2). */
const OPEN = ['/redfish', '/redfish/v1']

export class RedfishServer {
  readonly log = new RedfishLog()
  readonly quirks: Quirks
  readonly machine: RedfishMachine
  readonly sessions: Sessions
  readonly users: RedfishUser[]
  readonly #tasks: Tasks
  /** Of a machine between two states. */
  #change: { to: 'on' | 'off'; stop: () => void } | undefined

  constructor(machine: RedfishMachine, { users, sessionLimit = 8, sessionIdleMs = 1_800_000, quirks }: RedfishOptions) {
    this.machine = machine
    this.#tasks = new Tasks(machine)
    this.users = (users ?? defaultRedfishUsers).map((user) => ({ ...user }))
    this.sessions = new Sessions(this.users, sessionLimit, sessionIdleMs)
    this.quirks = {
      needsEtag: false,
      busy: 0,
      sessionService: true,
      powerMs: 0,
      conflicts: false,
      loseAnswers: 0,
      knowsContinuous: true,
      postChanges: 0,
      raidApplies: 'at once',
      updatesFail: false,
      hidesTasks: false,
      fixedClock: undefined,
      closing: 'works',
      targets: BOOT_TARGETS,
      ...usualMedia,
      eventService: 'header',
      kvm: 'token',
      ...quirks,
    }
  }

  /** Undefined: the connection is to be closed without an answer. */
  answer(request: RedfishRequest): RedfishAnswer | undefined {
    // Whatever the machine took over when it started is so by now.
    this.machine.settle()
    const { method } = request
    const path = request.path.split('?')[0]!.replace(/(?<=.)\/$/, '')
    if (this.quirks.busy > 0) {
      this.quirks.busy--
      const body = JSON.stringify(errorBody('ServiceTemporarilyUnavailable', 'the service is busy'))
      return { status: 503, headers: { 'retry-after': '0' }, body }
    }
    const caller = this.#callerOf(request)
    const resource = this.#resources(caller).get(path)
    const outcome = this.#do(request, path, resource, caller)
    const what = resource?.what ?? path
    this.log.add({
      session: caller?.session?.id ?? (caller ? 'basic' : ''),
      user: caller?.user.name ?? '',
      method,
      path,
      what: method === 'POST' ? what : `${method} ${what}`,
      detail: outcome.detail ?? '',
      status: outcome.status,
    })
    if (method !== 'GET' && outcome.status < 300 && this.quirks.loseAnswers > 0) {
      this.quirks.loseAnswers--
      return undefined
    }
    const body = outcome.body === undefined ? '' : JSON.stringify(outcome.body)
    return { status: outcome.status, headers: { ...outcome.headers }, body }
  }

  /** Of whoever wants to see the screen: 101, or the status of the refusal. */
  screenStatus({ path, headers }: Pick<RedfishRequest, 'path' | 'headers'>): number {
    const { kvm } = this.quirks
    if (path !== '/kvm/0' || (kvm !== 'token' && kvm !== 'cookie')) return 404
    const caller = this.#callerOf({ method: 'GET', path, headers, body: '' })
    if (!caller || kvm === 'cookie') return 401
    return caller.user.role === 'Administrator' ? 101 : 403
  }

  close(): void {
    this.#change?.stop()
  }

  #do(request: RedfishRequest, path: string, resource: Resource | undefined, caller: Caller | undefined): Outcome {
    const isLogin = request.method === 'POST' && path.endsWith('/SessionService/Sessions')
    try {
      if (!caller && !OPEN.includes(path) && !isLogin)
        throw new Refusal(401, 'NoValidSession', 'there is no valid session')
      if (!resource) throw new Refusal(404, 'ResourceMissingAtURI', `there is no ${path}`)
      if (request.method === 'GET' && resource.look) return resource.look()
      if (request.method === 'GET' && resource.get) {
        const shown = resource.get()
        return { status: 200, body: shown, headers: { etag: etagOf(shown) } }
      }
      const act = { PATCH: resource.patch, POST: resource.post, DELETE: resource.remove }[request.method] as
        | ((body: Body) => Outcome)
        | undefined
      if (!act) throw new Refusal(405, 'OperationNotAllowed', `${request.method} is not allowed here`)
      const isOwn = request.method === 'DELETE' && path.endsWith(`/Sessions/${caller?.session?.id}`)
      if (!isLogin && !isOwn && caller?.user.role === 'ReadOnly')
        throw new Refusal(403, 'InsufficientPrivilege', 'the user may only look')
      if (request.method === 'PATCH') this.#checkTag(request, resource)
      return act(bodyOf(request.body))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: errorBody(error.messageId, error.message), detail: error.messageId }
    }
  }

  #checkTag({ headers }: RedfishRequest, { get }: Resource): void {
    const given = headers['if-match']
    if (given === undefined) {
      if (this.quirks.needsEtag) throw new Refusal(428, 'PreconditionRequired', 'If-Match is needed')
      return
    }
    if (given !== '*' && get && given !== etagOf(get()))
      throw new Refusal(412, 'PreconditionFailed', 'the resource has changed')
  }

  #callerOf({ headers }: RedfishRequest): Caller | undefined {
    const token = headers['x-auth-token']
    if (typeof token === 'string') {
      const session = this.sessions.byToken(token)
      if (session) return { user: session.user, session }
      this.log.strays++
      return undefined
    }
    const [, encoded] = /^Basic (\S+)$/.exec(String(headers.authorization ?? '')) ?? []
    if (encoded === undefined) return undefined
    const [name, ...password] = Buffer.from(encoded, 'base64').toString().split(':')
    const user = this.sessions.user(name, password.join(':'))
    return user && { user, session: undefined }
  }

  #resources(caller: Caller | undefined): Map<string, Resource> {
    const { machine, quirks } = this
    const system = {
      machine,
      powerState: () => this.#powerState(),
      reset: (action: PowerAction) => this.#reset(action),
      targets: () => quirks.targets,
      hasMedia: () => quirks.mediaOf !== 'manager',
      knowsContinuous: () => quirks.knowsContinuous,
      inPost: () => quirks.postChanges-- > 0,
    }
    return new Map(
      Object.entries({
        '/redfish': { what: 'Versions', get: () => ({ v1: '/redfish/v1/' }) },
        '/redfish/v1': { what: 'ServiceRoot', get: () => this.#root() },
        ...(quirks.sessionService && this.sessions.resources((session) => this.#removeSession(session, caller))),
        ...systemResources(system),
        ...biosResources(machine),
        ...storageResources({ machine, tasks: this.#tasks, applies: () => quirks.raidApplies }),
        ...managerResources({
          machine,
          hasMedia: quirks.mediaOf !== 'system',
          kvm: quirks.kvm,
          fixed: quirks.fixedClock,
        }),
        ...mediaResources(machine, quirks),
        ...chassisResources(machine),
        ...updateResources({ machine, tasks: this.#tasks, fails: () => quirks.updatesFail }),
        ...(quirks.eventService !== 'none' && eventResources(machine, quirks.eventService === 'header')),
        ...this.#tasks.resources(quirks.hidesTasks),
      } satisfies Record<string, Resource>),
    )
  }

  #root(): Record<string, unknown> {
    const { sessionService, eventService } = this.quirks
    return {
      '@odata.type': '#ServiceRoot.v1_5_0.ServiceRoot',
      '@odata.id': '/redfish/v1/',
      Id: 'RootService',
      Name: 'Root Service',
      RedfishVersion: '1.11.0',
      UUID: this.machine.facts.uuid,
      Vendor: 'Ferrule',
      Product: 'Simulated BMC',
      Systems: link('/redfish/v1/Systems'),
      Chassis: link('/redfish/v1/Chassis'),
      Managers: link('/redfish/v1/Managers'),
      Registries: link('/redfish/v1/Registries'),
      Tasks: link('/redfish/v1/TaskService'),
      UpdateService: link('/redfish/v1/UpdateService'),
      ...(eventService !== 'none' && { EventService: link(EVENT_SERVICE) }),
      ...(sessionService && { SessionService: link('/redfish/v1/SessionService') }),
      Links: sessionService ? { Sessions: link('/redfish/v1/SessionService/Sessions') } : {},
    }
  }

  #removeSession(session: RedfishSession, caller: Caller | undefined): Outcome {
    const { closing } = this.quirks
    const isOwn = caller?.session === session
    if (!isOwn && closing === 'refused')
      throw new Refusal(403, 'InsufficientPrivilege', "another's session cannot be deleted")
    if (isOwn || closing === 'works') this.sessions.remove(session.id)
    else if (closing === 'asker' && caller?.session) this.sessions.remove(caller.session.id)
    return { ...done, detail: isOwn ? 'its own' : session.id }
  }

  #powerState(): string {
    if (this.#change) return this.#change.to === 'on' ? 'PoweringOn' : 'PoweringOff'
    return this.machine.chassis.power() === 'on' ? 'On' : 'Off'
  }

  #reset(action: PowerAction): Outcome {
    const { chassis } = this.machine
    const { powerMs, conflicts } = this.quirks
    if (conflicts && action === 'on' && this.#change?.to === 'off')
      throw new Refusal(409, 'ActionParameterValueConflict', 'the machine is powering off')
    const to = action === 'on' ? 'on' : action === 'off' || action === 'soft' ? 'off' : undefined
    this.#change?.stop()
    this.#change = undefined
    if (powerMs === 0 || to === undefined || chassis.power() === to) {
      chassis.control(action)
      return done
    }
    const timer = setTimeout(() => {
      this.#change = undefined
      chassis.control(action)
    }, powerMs)
    this.#change = { to, stop: () => clearTimeout(timer) }
    return done
  }
}

function etagOf(shown: object): string {
  return `W/"${createHash('sha256').update(JSON.stringify(shown)).digest('hex').slice(0, 16)}"`
}

function bodyOf(text: string): Body {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body
  } catch {
    // Refused below.
  }
  throw new Refusal(400, 'MalformedJSON', 'the body is not a JSON object')
}
