// Runs tasks: accept, then for each step ask the hub, do it, report it; at the end report the outcome until the hub has settled it.
// 1. No step without the hub's `proceed` (questions.ts). 2. Everything is in the journal before it is said (reports.ts). 3. A lost node
// ends the run silently: whoever has it now goes on at the step that was under way, and a step reads before it acts. 4. One run per node.
import type { Env } from '../shared/env.ts'
import { FaultError, toFault } from '../shared/faults.ts'
import type { FromConductor, Outcome, Step, StepEvent } from '../shared/protocol.ts'
import { Authority } from './authority.ts'
import { type Driver, implementationOf, implementationsOf, type StepContext, type StepResult } from './driver.ts'
import { openDriverInfo } from './driver-info.ts'
import type { Grants } from './grants.ts'
import type { Journal, Task } from './journal.ts'
import type { Log } from './log.ts'
import { Questions } from './questions.ts'
import { Reports } from './reports.ts'
import type { Site } from './site.ts'
import type { Moment } from './span.ts'
import { bounded } from './timing.ts'

const STEP_TIMEOUT_MS = 10 * 60_000
/** By then the hub has delivered what it still wants of an earlier run. */
const LEFTOVERS_AFTER_MS = 10_000

export interface RunnerOptions {
  readonly env: Env
  readonly log: Log
  readonly grants: Grants
  readonly journal: Journal
  readonly drivers: ReadonlyMap<string, Driver>
  readonly site: Site
  /** Sends a frame, or drops it while there is no link: everything that matters is said again by `reconnected`. */
  readonly send: (message: FromConductor) => void
  readonly note: (node: string, task: string, stage: string, body: Record<string, unknown>) => void
  /** The journal cannot be written: nothing may go on. */
  readonly broken: (error: unknown) => void
}

/** A task that is being worked on here. */
interface Run {
  readonly task: Task
  readonly authority: Authority
  readonly driver: Driver
  readonly log: Log
  context: Record<string, unknown>
  /** Index of the step under way or next. */
  index: number
  /** Number of the last event. */
  n: number
  value: unknown
  cancelled: boolean
  /** Ends the step under way when that only waits. */
  endWait: ((reason: FaultError) => void) | undefined
  ended: Promise<void>
}

export class Runner {
  readonly #options: RunnerOptions
  readonly #questions: Questions
  readonly #reports: Reports
  readonly #runs = new Map<string, Run>()
  /** Per node the last delivery that is being dealt with: one after another. */
  readonly #deliveries = new Map<string, Promise<void>>()
  #closed = false
  #stopLeftovers = () => {}

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#questions = new Questions(options.env, options.send)
    this.#reports = new Reports(options.journal, options.grants, options.send)
  }

  /** The hub delivers a task, perhaps not for the first time. */
  async deliver(task: Task): Promise<void> {
    const going = this.#runs.get(task.id)
    if (going !== undefined && !going.authority.signal.aborted && going.authority.epoch === task.epoch) {
      this.#reports.accepted(task)
      return this.#repeat(task.id)
    }
    going?.authority.end(new FaultError('fenced', `task ${task.id} was delivered again with epoch ${task.epoch}`))
    const delivery = (this.#deliveries.get(task.node) ?? Promise.resolve()).then(() => this.#begin(task))
    this.#deliveries.set(task.node, delivery)
    await delivery
    if (this.#deliveries.get(task.node) === delivery) this.#deliveries.delete(task.node)
  }

  async #begin(task: Task): Promise<void> {
    const { env, grants, journal, drivers, send, broken, log } = this.#options
    await Promise.all([...this.#runs.values()].filter((run) => run.task.node === task.node).map((run) => run.ended))
    if (this.#closed) return
    try {
      const hold = grants.find(task.node, task.epoch)
      const driver = drivers.get(hold.grant.driver)
      if (driver === undefined)
        throw new FaultError('driver.unknown', `this conductor has no driver ${hold.grant.driver}`)
      await this.#reports.accept(task, hold)
      const { events = [], result } = journal.entries.get(task.id) ?? {}
      this.#repeat(task.id)
      if (result !== undefined) return
      const run: Run = {
        task,
        authority: new Authority(env, grants, hold),
        driver,
        log: log.with({ node: task.node, task: task.id, kind: task.kind, epoch: task.epoch }),
        context: events.reduce((context, { event }) => merged(context, event.context), task.context),
        index: Math.max(task.doneSteps, ...events.map(({ event }) => event.step + (event.kind === 'finished' ? 1 : 0))),
        n: task.lastEvent + events.length,
        value: undefined,
        cancelled: false,
        endWait: undefined,
        ended: Promise.resolve(),
      }
      this.#runs.set(task.id, run)
      run.ended = this.#work(run).finally(() => this.#runs.delete(task.id))
    } catch (error) {
      if (!(error instanceof FaultError)) return broken(error)
      // Not ours (any more): the hub delivers it again after the next hello, while a rejection would fail it.
      if (isLost(error)) return log.info('task left', { node: task.node, task: task.id, why: error.message })
      send({ type: 'rejected', id: task.id, epoch: task.epoch, why: error.fault })
    }
  }

  async #work(run: Run): Promise<void> {
    const { task, authority, log } = run
    try {
      if (run.index > 0) await this.#resume(run)
      for (; run.index < task.steps.length; run.index++) {
        if (run.cancelled) throw new FaultError('task.cancelled', 'the task was cancelled')
        await this.#questions.ask(task.id, run.index, authority)
        await this.#perform(run, task.steps[run.index]!)
      }
      await this.#finish(run, run.value === undefined ? { ok: true } : { ok: true, value: run.value })
    } catch (error) {
      if (authority.signal.aborted || isLost(error))
        log.info('task left', { why: toFault(authority.signal.reason ?? error).message })
      else await this.#finish(run, { ok: false, fault: toFault(error), step: run.index }, error)
    } finally {
      authority.end(new FaultError('task.cancelled', 'the task has ended'))
      for (const implementation of implementationsOf(run.driver))
        implementation.release?.(task.node, this.#options.site)
    }
  }

  async #perform(run: Run, step: Step): Promise<void> {
    await this.#report(run, 'started')
    if (step.waits) await this.#report(run, 'waiting')
    const wait = new AbortController()
    if (step.waits) run.endWait = (reason) => wait.abort(reason)
    const outer = AbortSignal.any([run.authority.signal, wait.signal])
    const limit = { ms: step.timeoutMs ?? STEP_TIMEOUT_MS, what: `step ${nameOf(step)}` }
    try {
      const act = implementationOf(run.driver, run.authority.hold.grant, step.interface)?.steps?.[step.step]
      if (act === undefined)
        throw new FaultError('driver.unsupported', `driver ${run.driver.name} has no step ${nameOf(step)}`)
      const work = async (signal: AbortSignal) => act(await this.#context(run, step, signal))
      const done = (await bounded(this.#options.env, limit, outer, work)) ?? {}
      if (done.value !== undefined) run.value = done.value
      if (step.waits) await this.#report(run, 'resumed')
      await this.#report(run, 'finished', done)
    } finally {
      run.endWait = undefined
    }
  }

  /** Lets every interface rebuild, from task.context, what an earlier run had in memory. */
  async #resume(run: Run): Promise<void> {
    const step = run.task.steps[Math.min(run.index, run.task.steps.length - 1)]!
    const context = await this.#context(run, step, run.authority.signal)
    for (const kind of Object.keys(run.driver.interfaces)) {
      await implementationOf(run.driver, run.authority.hold.grant, kind)?.resume?.(context)
    }
  }

  async #context(run: Run, step: Step, signal: AbortSignal): Promise<StepContext> {
    const { env, site, note } = this.#options
    const node = run.authority.hold.grant
    return {
      node,
      driverInfo: await openDriverInfo(run.driver, node, site),
      before: run.authority.before,
      signal,
      note: (stage, body = {}) => note(node.node, run.task.id, stage, body),
      env,
      log: run.log.with({ step: nameOf(step) }),
      site,
      task: {
        id: run.task.id,
        kind: run.task.kind,
        get epoch() {
          return run.authority.epoch
        },
        get context() {
          return run.context
        },
      },
      args: step.args,
      keep: (context) => this.#report(run, 'started', { context }),
    }
  }

  async #report(run: Run, kind: StepEvent['kind'], { context, facts }: StepResult = {}): Promise<void> {
    const event: StepEvent = {
      n: ++run.n,
      at: this.#options.env.now(),
      step: run.index,
      kind,
      ...(context && { context }),
      ...(facts && { facts }),
    }
    run.context = merged(run.context, context)
    await this.#reports.event(run.task.id, run.authority.hold, event).catch(this.#options.broken)
  }

  async #finish(run: Run, outcome: Outcome, error?: unknown): Promise<void> {
    if (outcome.ok) run.log.info('task done')
    else run.log.warn('task failed', { step: nameOf(run.task.steps[run.index]), code: outcome.fault.code, error })
    await this.#reports.result(run.task.id, run.authority.hold, outcome).catch(this.#options.broken)
  }

  // From here on: what the hub says about a task, and what it hears on a new connection.

  proceed(id: string, rid: number, tenureMs: number): void {
    this.#questions.proceed(id, rid, tenureMs)
  }

  /** `fenced`: somebody else has it. `done`: it has ended. Either way nothing more is to be said about it. */
  async over(id: string, why: 'fenced' | 'done', rid?: number): Promise<void> {
    if (rid !== undefined && this.#runs.has(id) && !this.#questions.isOpen(id, rid)) return
    const run = this.#runs.get(id)
    run?.authority.end(new FaultError('fenced', `the hub says that task ${id} is ${why}`))
    await run?.ended
    await this.#reports.forget(id)
  }

  /** Honoured while the hub is asked and in waits, otherwise at the end of the step; not from the point of no return on. */
  cancel(id: string): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    const isAsking = this.#questions.isOpen(id)
    if (!isAsking && run.task.steps.slice(0, run.index + 1).some((step) => step.pointOfNoReturn)) {
      return this.#options.note(run.task.node, id, 'cancel.refused', { step: nameOf(run.task.steps[run.index]) })
    }
    run.cancelled = true
    const reason = new FaultError('task.cancelled', 'the task was cancelled')
    if (isAsking) this.#questions.refuse(id, reason)
    else run.endWait?.(reason)
  }

  async acked(id: string, upTo: number): Promise<void> {
    await this.#options.journal.acked(id, upTo)
  }

  async settled(id: string): Promise<void> {
    await this.#reports.forget(id)
  }

  extendTenures(tenures: Record<string, number>, sent: Moment): void {
    for (const [id, ms] of Object.entries(tenures)) this.#runs.get(id)?.authority.extendTenure({ from: sent, ms })
  }

  /** Everything that the hub has not settled; it answers each with the task again, `settled`, `done` or `fenced`. */
  inflight(): { task: string; node: string; epoch: number }[] {
    return [...this.#options.journal.entries.values()].map(({ task }) => {
      return { task: task.id, node: task.node, epoch: this.#runs.get(task.id)?.authority.epoch ?? task.epoch }
    })
  }

  isBusy(node: string): boolean {
    return [...this.#runs.values()].some(({ task }) => task.node === node)
  }

  reconnected(): void {
    this.#stopLeftovers()
    this.#stopLeftovers = this.#options.env.setTimer(LEFTOVERS_AFTER_MS, () => this.#reports.askAboutLeftovers())
    for (const id of this.#options.journal.entries.keys()) this.#repeat(id)
  }

  #repeat(id: string): void {
    this.#reports.repeat(id)
    this.#questions.repeat(id)
  }

  /** Ends all runs without a word; the journal keeps what the hub has not heard. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopLeftovers()
    for (const run of this.#runs.values()) run.authority.end(new FaultError('unavailable', 'the conductor is stopping'))
    await Promise.all([...this.#runs.values()].map((run) => run.ended))
    await Promise.all(this.#deliveries.values())
  }
}

function merged(context: Record<string, unknown>, patch: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...context, ...patch }).filter(([, value]) => value !== null))
}

function isLost(error: unknown): boolean {
  return error instanceof FaultError && (error.fault.code === 'fenced' || error.fault.code === 'lease.lapsed')
}

function nameOf(step: Step | undefined): string {
  return step === undefined ? 'end' : `${step.interface}.${step.step}`
}
