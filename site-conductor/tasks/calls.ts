// Calls of the hub: reads, and what a person may repeat (ownership.md). One answer each, within the hub's time limit.
import type { Duplex } from 'node:stream'
import type { Env } from '../../shared/env.ts'
import { FaultError, toFault } from '../../shared/faults.ts'
import type { FromConductor, Grant, ToConductor } from '../../shared/protocol.ts'
import { Acts, DEAF_AFTER_MS } from './acts.ts'
import { type Context, type Driver, type Implementation, implementationOf, type InterfaceKind } from '../driver.ts'
import { openDriverInfo } from '../driver-info.ts'
import type { Grants, Hold } from '../link/grants.ts'
import type { Log } from '../log.ts'
import type { Site } from '../site.ts'
import { bounded } from '../timing.ts'

export interface CallsOptions {
  readonly env: Env
  readonly log: Log
  readonly grants: Grants
  readonly drivers: ReadonlyMap<string, Driver>
  readonly site: Site
  readonly send: (message: FromConductor) => void
  readonly note: (node: string, stage: string, body: Record<string, unknown>) => void
  /** Facts of a node that a method has changed or found. */
  readonly told?: (hold: Hold, facts: Record<string, unknown>) => void
  /** What was told goes up now: it is at the hub before the call's answer. */
  readonly answering?: () => void
}

/** instance_info, where it is asked about. */
type Instance = Readonly<Record<string, unknown>> | undefined
/** `interfaces`: what is to be asked, where a deployment will use others than the grant has. */
type Question = { readonly instance_info?: Instance; readonly interfaces?: Grant['interfaces'] }
type Call = Extract<ToConductor, { type: 'call' }>

export class Calls {
  readonly #options: CallsOptions
  /** Calls of the hub that a driver has not come back from, answered or not. */
  readonly #acts: Acts

  constructor(options: CallsOptions) {
    this.#options = options
    this.#acts = new Acts(options.env)
  }

  /** Answers one call. Never throws. */
  async answer(call: Call): Promise<void> {
    const { env, log, grants, send } = this.#options
    const what = `${call.interface}.${call.method}`
    try {
      const hold = grants.find(call.node, call.epoch)
      const limit = { ms: call.timeoutMs, what }
      const result = await bounded(env, limit, hold.signal, (signal) =>
        this.#acts.track(call.node, what, this.invoke(hold, call.interface, call.method, call.args, signal)),
      )
      this.#options.answering?.()
      send({ type: 'answer', rid: call.rid, result: result ?? null })
    } catch (error) {
      const fault = toFault(error)
      log.info('call failed', { node: call.node, call: what, code: fault.code, error })
      send({ type: 'answer', rid: call.rid, fault })
    }
  }

  /** Waits until no driver is at work on a call for the node. Answers the calls that it has waited for in vain. */
  async ended(node: string): Promise<string[]> {
    return await this.#acts.ended(DEAF_AFTER_MS, node)
  }

  /** Waits until no driver is at work on any call. Answers those that still are after `ms`. */
  async idle(ms: number): Promise<string[]> {
    return await this.#acts.ended(ms)
  }

  /** Calls a method of the node's driver; also what periodic tasks use. */
  async invoke(
    hold: Hold,
    kind: string,
    method: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const driver = this.#options.drivers.get(hold.grant.driver)
    if (driver === undefined)
      throw new FaultError('driver.unknown', `this conductor has no driver ${hold.grant.driver}`)
    if (kind === 'node' && method === 'validate') return await this.#validate(driver, hold, args as Question, signal)
    if (kind === 'vendor') {
      const told = aboutVendor(implementationOf(driver, hold.grant, kind), driver, method, args)
      if (told !== undefined) return told
    }
    const run = implementationOf(driver, hold.grant, kind)?.methods?.[method]
    if (run === undefined)
      throw new FaultError('driver.unsupported', `driver ${driver.name} cannot do ${kind}.${method}`)
    return await run(await this.#context(driver, hold, signal), args)
  }

  /** Joins a client with the console of the node, for as long as both are there; what the driver does is waited for as a call's. */
  async join(hold: Hold, client: Duplex, accept: () => void): Promise<void> {
    const driver = this.#options.drivers.get(hold.grant.driver)
    const { join } = (driver && implementationOf(driver, hold.grant, 'console')) ?? {}
    if (driver === undefined || join === undefined)
      throw new FaultError(
        'driver.unsupported',
        `driver ${hold.grant.driver} has no console with the node's interfaces`,
      )
    const joined = async () => join(await this.#context(driver, hold, hold.signal), client, accept)
    await this.#acts.track(hold.grant.node, 'console', joined())
  }

  /** Ironic's answer to `GET /v1/nodes/{id}/validate`: interface → {result, reason}; an interface that the driver lacks is null. */
  async #validate(
    driver: Driver,
    hold: Hold,
    { instance_info: instance, interfaces = hold.grant.interfaces }: Question,
    signal: AbortSignal,
  ): Promise<Record<string, { result: boolean | null; reason?: string }>> {
    const answers: Record<string, { result: boolean | null; reason?: string }> = {}
    const node = { ...hold.grant, interfaces }
    // Once for all of them: opening secrets that are not ours costs as much as opening those that are.
    const [driverInfo, broken] = await openDriverInfo(driver, hold.grant, this.#options.site).then(
      (opened) => [opened, undefined] as const,
      (error: unknown) => [{}, toFault(error).message] as const,
    )
    const context: Context = { ...this.#around(driver, hold, signal, node), driverInfo }
    for (const kind of new Set([...Object.keys(driver.interfaces), ...Object.keys(interfaces)])) {
      const asked = instance?.[`${kind}_interface`]
      if (typeof asked === 'string' && driver.interfaces[kind as InterfaceKind]?.[asked] === undefined) {
        answers[kind] = { result: false, reason: `driver ${driver.name} has no ${kind} interface ${asked}` }
        continue
      }
      const implementation = implementationOf(driver, node, kind)
      if (implementation === undefined) {
        answers[kind] = {
          result: null,
          reason: `driver ${driver.name} has no ${kind} interface ${interfaces[kind] ?? ''}`,
        }
        continue
      }
      // What needs no driver_info, because it does nothing, is what it is whatever is wrong there.
      const isIdle = implementation.steps === undefined && implementation.methods === undefined
      if (broken !== undefined && !isIdle) {
        answers[kind] = { result: false, reason: broken }
        continue
      }
      try {
        await implementation.validate?.(context, instance)
        answers[kind] = { result: true }
      } catch (error) {
        answers[kind] = { result: false, reason: toFault(error).message }
      }
    }
    return answers
  }

  async #context(driver: Driver, hold: Hold, signal: AbortSignal): Promise<Context> {
    return {
      ...this.#around(driver, hold, signal),
      driverInfo: await openDriverInfo(driver, hold.grant, this.#options.site),
    }
  }

  #around(driver: Driver, hold: Hold, signal: AbortSignal, node: Grant = hold.grant): Omit<Context, 'driverInfo'> {
    const { env, log, grants, site, note, told } = this.#options
    return {
      node,
      before: () => grants.check(hold),
      signal,
      tell: (facts) => told?.(hold, facts),
      note: (stage, body = {}) => note(node.node, stage, body),
      env,
      log: log.with({ node: node.node, epoch: node.epoch }),
      site,
      other: (kind) => implementationOf(driver, node, kind),
    }
  }
}

/**
 * What can be said about a vendor's methods without one being called: `get_methods` lists them, `validate` looks at the arguments of one. Any other
 * call is validated as well; undefined: it may be made.
 */
function aboutVendor(
  implementation: Implementation | undefined,
  driver: Driver,
  method: string,
  args: Readonly<Record<string, unknown>>,
): unknown {
  const { vendor } = implementation ?? {}
  if (vendor === undefined)
    throw new FaultError(
      'driver.unsupported',
      `Driver ${driver.name} does not support vendor (disabled or not implemented).`,
    )
  if (method === 'get_methods') {
    const shown = Object.entries(vendor).map(([name, { description, http, async, shared }]) => {
      const looks = !async && http.every((verb) => verb === 'GET')
      const facts = { http_methods: [...http], async, attach: false, require_exclusive_lock: !(shared ?? looks) }
      return [name, { description, ...facts }]
    })
    return Object.fromEntries(shown) as unknown
  }
  const [name, given] =
    method === 'validate' ? [String(args['method']), (args['args'] ?? {}) as Record<string, unknown>] : [method, args]
  vendor[name]?.validate?.(given)
  return method === 'validate' ? true : undefined
}
