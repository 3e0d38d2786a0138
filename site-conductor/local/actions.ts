// Break-glass: what a person at the site may do to a machine while the cloud is away (ownership.md).
// 1. Only while the link has been down for longer than the lease; each packet of a mutation asks again. 2. On record before it acts, and told to
// the cloud when it is back. 3. Only for somebody who names the machine as it is labelled.
import type { Env } from '../../shared/env.ts'
import { FaultError, toFault } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import type { Grant, LocalAction, Outcome } from '../../shared/protocol.ts'
import { type Driver, implementationOf, type StepContext } from '../driver.ts'
import { openDriverInfo } from '../driver-info.ts'
import type { Journal } from '../tasks/journal.ts'
import type { Log } from '../log.ts'
import type { Site } from '../site.ts'
import { bounded } from '../timing.ts'
import type { Roster } from './roster.ts'

const STEP_TIMEOUT_MS = 10 * 60_000

/** A cycle is off, seen off, on (ownership.md, rule 7). */
export const LOCAL_POWER: Readonly<Record<string, readonly string[]>> = {
  on: ['power_on'],
  off: ['power_off'],
  'soft-off': ['soft_power_off'],
  reboot: ['power_off', 'power_on'],
}

export interface LocalRequest {
  /** UUID or name. */
  readonly node: string
  /** What the person read from the machine: serial number, or name. */
  readonly confirm: string
  readonly by: string
  readonly reason?: string | undefined
}

export interface Switched {
  readonly state: string
  /** Was the session closed in which somebody may have acted last? Not where none is known here, or the BMC cannot do it. */
  readonly fenced: boolean
}

export interface LocalOptions {
  readonly env: Env
  readonly log: Log
  readonly journal: Journal
  readonly roster: Roster
  readonly drivers: ReadonlyMap<string, Driver>
  readonly site: Site
  /** Why nothing may be done locally now; undefined when it may. */
  readonly refusal: () => string | undefined
  /** The tasks that run on a node here, and their end. */
  readonly running: (node: string) => string[]
  readonly abort: (node: string) => Promise<string[]>
  /** Tells the cloud, when it is there. */
  readonly told: (action: LocalAction) => void
}

export class LocalActions {
  readonly #options: LocalOptions
  readonly #busy = new Set<string>()

  constructor(options: LocalOptions) {
    this.#options = options
  }

  /** Switches a machine. Answers its power state, and whether whoever drove it before was shut out. Throws a FaultError that says why not. */
  async power(request: LocalRequest, target: string): Promise<Switched> {
    const steps = LOCAL_POWER[target]
    if (steps === undefined)
      throw new FaultError('request.invalid', `"${target}" is not one of ${Object.keys(LOCAL_POWER).join(', ')}`)
    const grant = this.#confirmed(request)
    const [task] = this.#options.running(grant.node)
    if (task !== undefined) {
      throw new FaultError('node.locked', `task ${task} works on node ${nameOf(grant)}`, {
        hint: `let it end, or end it: ferrule-conductor local abort ${nameOf(grant)}`,
      })
    }
    const switched = { state: 'unknown', fenced: true }
    return await this.#onRecord(grant, request, { action: 'power', target }, async () => {
      for (const step of steps) {
        const { state, fenced } = await this.#step(grant, step)
        Object.assign(switched, { state, fenced: switched.fenced && fenced })
      }
      return { value: switched.state, fenced: switched.fenced, answer: switched }
    })
  }

  /** Ends what runs on a node. Answers the tasks that did. */
  async abort(request: LocalRequest): Promise<string[]> {
    const grant = this.#confirmed(request)
    if (this.#options.running(grant.node).length === 0)
      throw new FaultError('conflict', `no task runs on node ${nameOf(grant)} at this conductor`)
    return await this.#onRecord(grant, request, { action: 'abort' }, async () => {
      const tasks = await this.#options.abort(grant.node)
      return { value: tasks, fenced: false, answer: tasks }
    })
  }

  isUnderWay({ node, outcome }: LocalAction): boolean {
    return outcome === undefined && this.#busy.has(node)
  }

  /** How a person gets to the machine's console. */
  console({ node }: Pick<LocalRequest, 'node'>): string {
    const grant = this.find(node)
    const driver = this.#driverOf(grant)
    if (implementationOf(driver, grant, 'console')?.methods?.['get_console'] === undefined) {
      throw new FaultError('driver.unsupported', `a console is not supported by driver ${driver.name}`, {
        hint: `use the BMC's own: ${reachable(grant)}`,
      })
    }
    throw new FaultError(
      'driver.unsupported',
      `the console of driver ${driver.name} can be opened through the API only`,
    )
  }

  /** By UUID or name; throws not_found. */
  find(ident: string): Grant {
    const grant = this.#options.roster.find(ident)
    if (grant !== undefined) return grant
    throw new FaultError('not_found', `this conductor was not granted a node ${ident}`, {
      hint: 'give its UUID or its name; at a site with more conductors ask at the others',
    })
  }

  #driverOf({ driver: name }: Grant): Driver {
    const driver = this.#options.drivers.get(name)
    if (driver === undefined) throw new FaultError('driver.unknown', `this conductor has no driver ${name}`)
    return driver
  }

  #confirmed({ node, confirm }: LocalRequest): Grant {
    const why = this.#options.refusal()
    if (why !== undefined)
      throw new FaultError('conflict', why, { hint: 'use the API: what is done there, everybody knows of' })
    const grant = this.find(node)
    const wanted = confirmationOf(grant)
    if (confirm.trim().toLowerCase() !== wanted.value.toLowerCase())
      throw new FaultError(
        'request.invalid',
        `the ${wanted.what} of node ${nameOf(grant)} is not "${confirm.trim()}"`,
        {
          hint: `read the ${wanted.what} from the machine itself`,
        },
      )
    return grant
  }

  async #onRecord<T>(
    grant: Grant,
    { by, reason }: LocalRequest,
    what: Pick<LocalAction, 'action' | 'target'>,
    act: () => Promise<{ value: unknown; fenced: boolean; answer: T }>,
  ): Promise<T> {
    const { env, journal, log, told } = this.#options
    if (this.#busy.has(grant.node))
      throw new FaultError('conflict', `somebody acts on node ${nameOf(grant)} at this moment`)
    this.#busy.add(grant.node)
    const more = reason === undefined ? {} : { reason: reason.slice(0, 1000) }
    const begun: LocalAction = { id: uuidv7(env), node: grant.node, ...what, at: env.now(), by: by.slice(0, 255), fenced: false, ...more } // prettier-ignore
    try {
      await journal.local(begun)
      log.warn('local action', { node: grant.node, ...what, by, reason })
      const ended = async (outcome: Outcome, fenced: boolean) => {
        const action = { ...begun, fenced, outcome }
        await journal.local(action)
        told(action)
      }
      const done = await act().catch(async (error: unknown) => {
        await ended({ ok: false, fault: toFault(error) }, false)
        throw error
      })
      await ended({ ok: true, value: done.value }, done.fenced)
      return done.answer
    } finally {
      this.#busy.delete(grant.node)
    }
  }

  /** Fence, read, act; the permit is the person. */
  async #step(grant: Grant, name: string): Promise<Switched> {
    const { env, journal } = this.#options
    const driver = this.#driverOf(grant)
    const act = implementationOf(driver, grant, 'power')?.steps?.[name]
    if (act === undefined) throw new FaultError('driver.unsupported', `driver ${driver.name} has no step power.${name}`)
    const limit = { ms: STEP_TIMEOUT_MS, what: `step power.${name}` }
    const never = new AbortController().signal
    const last = [...journal.entries.values()].findLast(({ task }) => task.node === grant.node)
    const predecessor = last && journal.bmcSessionOf(last.task.id)
    return await bounded(env, limit, never, async (signal) => {
      const context = await this.#context(driver, grant, signal)
      const canFence = driver.fencing?.steps.includes(`power.${name}`)
      const fence = canFence ? await driver.fencing?.open(context, predecessor) : undefined
      try {
        const result = await act({ ...context, fence })
        const fenced = fence?.session !== undefined && predecessor !== undefined
        return { state: String(result?.facts?.['power_state'] ?? 'unknown'), fenced }
      } finally {
        await fence?.close()
      }
    })
  }

  async #context(driver: Driver, node: Grant, signal: AbortSignal): Promise<StepContext> {
    const { env, log, site, refusal } = this.#options
    return {
      node,
      driverInfo: await openDriverInfo(driver, node, site),
      before() {
        const why = refusal()
        if (why !== undefined) throw new FaultError('fenced', why)
      },
      signal,
      note: () => {},
      env,
      log: log.with({ node: node.node }),
      site,
      other: (kind) => implementationOf(driver, node, kind),
      task: { id: 'local', kind: 'local', at: 0, epoch: node.epoch, context: {} },
      args: {},
      limitFromNow: () => {},
      keep: async () => {},
    }
  }
}

/** What a person must say to show that this is the machine that is meant: the serial number where it is known, else the name. */
export function confirmationOf({ node, name, properties }: Grant): { what: string; value: string } {
  const serial = properties['serial_number'] ?? properties['serial']
  if (typeof serial === 'string' && serial !== '') return { what: 'serial number', value: serial }
  return name === null ? { what: 'UUID', value: node } : { what: 'name', value: name }
}

function nameOf({ node, name }: Grant): string {
  return name ?? node
}

/** Without the password, which stays sealed. */
function reachable({ driverInfo: info }: Grant): string {
  const { ipmi_address: address, ipmi_port: port = 623, ipmi_username: user = '' } = info as Record<string, unknown>
  const { redfish_address: web } = info as Record<string, unknown>
  if (typeof web === 'string') return `the web page at ${web}`
  if (typeof address !== 'string') return 'its web page'
  return `ipmitool -I lanplus -H ${address} -p ${String(port)} -U "${String(user)}" -a sol activate`
}
