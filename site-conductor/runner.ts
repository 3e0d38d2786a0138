// Runs tasks: accept, then for each step ask the hub, do it, report it; at the end report the outcome until the hub has settled it.
// 1. No step without a `proceed` to the question that is outstanding; after a reconnect the question is asked again.
// 2. Everything is in the journal before it is sent. 3. A lost node ends the run silently: whoever has it now goes on at the step
// that was under way, and a step reads before it acts. 4. One run per node.
import type { Env } from '../shared/env.ts'
import { FaultError, toFault } from '../shared/faults.ts'
import type { FromConductor, Outcome, Step, StepEvent, ToConductor } from '../shared/protocol.ts'
import { Authority } from './authority.ts'
import { type Driver, implementationOf, type StepContext, type StepResult } from './driver.ts'
import { openDriverInfo } from './driver-info.ts'
import type { Grants } from './grants.ts'
import type { Journal, Task } from './journal.ts'
import type { Log } from './log.ts'
import type { Site } from './site.ts'
import { moment, type Moment } from './span.ts'
import { bounded } from './timing.ts'

const STEP_TIMEOUT_MS = 10 * 60_000
const EVENTS_PER_FRAME = 20

export interface RunnerOptions {
  readonly env: Env
  readonly log: Log
  readonly grants: Grants
  readonly journal: Journal
  readonly drivers: ReadonlyMap<string, Driver>
  readonly site: Site
  /** Sends a frame, or drops it while there is no link: everything that matters is sent again by `reconnected`. */
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
  context: Record<string, unknown>
  /** Index of the step under way or next. */
  index: number
  /** Number of the last event. */
  n: number
  value?: unknown
  cancelled: boolean
  /** The question that the hub has not answered yet. */
  asked?: { rid: number; sent: Moment; answer: (refusal?: FaultError) => void }
  /** Ends a step that only waits. */
  endWait?: (reason: FaultError) => void
  ended: Promise<void>
}

export class Runner {
  readonly #options: RunnerOptions
  readonly #runs = new Map<string, Run>()
  readonly #starting = new Map<string, Promise<void>>()
  #lastRid = 0

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /** What the hub hears in hello: everything that it has not settled. */
  inflight(): { task: string; node: string; epoch: number }[] {
    return [...this.#options.journal.entries.values()].map(({ task }) => ({
      task: task.id,
      node: task.node,
      epoch: this.#runs.get(task.id)?.authority.epoch ?? task.epoch,
    }))
  }

  /** Is this node being worked on? */
  works(node: string): boolean {
    return [...this.#runs.values()].some(({ task }) => task.node === node)
  }

  /** The hub delivers a task, perhaps not for the first time. */
  async deliver(task: Task): Promise<void> {
    const { grants, journal, drivers, send } = this.#options
    const going = this.#runs.get(task.id)
    if (going !== undefined && !going.authority.signal.aborted && going.authority.epoch === task.epoch) {
      send({ type: 'accepted', id: task.id, epoch: task.epoch })
      return this.#repeat(task.id)
    }
    // One after another per node: an older run must have left before its successor begins.
    going?.authority.end(new FaultError('fenced', `task ${task.id} was delivered again with epoch ${task.epoch}`))
    const previous = this.#starting.get(task.node)
    const start = (async () => {
      await previous
      await Promise.all([...this.#runs.values()].filter((run) => run.task.node === task.node).map((run) => run.ended))
      try {
        const hold = grants.find(task.node, task.epoch)
        const driver = drivers.get(hold.grant.driver)
        if (driver === undefined)
          throw new FaultError('driver.unknown', `this conductor has no driver ${hold.grant.driver}`)
        await journal.accept(task)
        send({ type: 'accepted', id: task.id, epoch: task.epoch })
        if (journal.entries.get(task.id)?.result === undefined)
          this.#start(task, driver, new Authority(this.#options.env, grants, hold))
        else this.#repeat(task.id)
      } catch (error) {
        if (!(error instanceof FaultError)) return this.#options.broken(error)
        send({ type: 'rejected', id: task.id, epoch: task.epoch, why: error.fault })
      }
    })()
    this.#starting.set(task.node, start)
    await start
    if (this.#starting.get(task.node) === start) this.#starting.delete(task.node)
  }

  /** An answer to an intent. */
  proceed(id: string, rid: number, tenureMs: number): void {
    const run = this.#runs.get(id)
    if (run?.asked?.rid !== rid) return
    run.authority.extendTenure({ from: run.asked.sent, ms: tenureMs })
    run.asked.answer()
  }

  /** `fenced`: somebody else has it. `done`: it has ended. Either way nothing more is to be said about it. */
  async over(id: string, why: 'fenced' | 'done', rid: number | undefined): Promise<void> {
    const run = this.#runs.get(id)
    if (rid !== undefined && run !== undefined && run.asked?.rid !== rid) return
    run?.authority.end(new FaultError('fenced', `the hub says that task ${id} is ${why}`))
    await run?.ended
    await this.#options.journal.forget(id)
  }

  cancel(id: string): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    if (run.asked === undefined && pastPointOfNoReturn(run.task, run.index)) {
      return this.#options.note(run.task.node, id, 'cancel.refused', { step: nameOf(run.task.steps[run.index]) })
    }
    run.cancelled = true
    const reason = new FaultError('task.cancelled', 'the task was cancelled')
    if (run.asked !== undefined) run.asked.answer(reason)
    else run.endWait?.(reason)
  }

  async acked(id: string, upTo: number): Promise<void> {
    await this.#options.journal.acked(id, upTo)
  }

  async settled(id: string): Promise<void> {
    await this.#options.journal.forget(id)
  }

  extendTenures(tenures: Record<string, number>, sent: Moment): void {
    for (const [id, ms] of Object.entries(tenures)) this.#runs.get(id)?.authority.extendTenure({ from: sent, ms })
  }

  /** There is a link again: say again whatever may not have been heard. */
  reconnected(): void {
    for (const id of this.#options.journal.entries.keys()) this.#repeat(id)
  }

  /** Ends all runs without a word; the journal keeps what the hub has not heard. */
  async close(): Promise<void> {
    for (const run of this.#runs.values()) run.authority.end(new FaultError('unavailable', 'the conductor is stopping'))
    await Promise.all([...this.#runs.values()].map((run) => run.ended))
  }

  #start(task: Task, driver: Driver, authority: Authority): void {
    const unheard = this.#options.journal.entries.get(task.id)?.events ?? []
    const run: Run = {
      task,
      authority,
      driver,
      context: unheard.reduce((context, { event }) => merged(context, event.context), task.context),
      index: Math.max(task.doneSteps, ...unheard.map(({ event }) => event.step + (event.kind === 'finished' ? 1 : 0))),
      n: task.lastEvent + unheard.length,
      cancelled: false,
      ended: Promise.resolve(),
    }
    this.#runs.set(task.id, run)
    run.ended = this.#work(run).finally(() => this.#runs.delete(task.id))
    this.#repeat(task.id)
  }

  async #work(run: Run): Promise<void> {
    const { task, authority } = run
    const log = this.#options.log.with({ node: task.node, task: task.id, epoch: authority.epoch, kind: task.kind })
    try {
      if (run.index > 0) await this.#resume(run)
      for (; run.index < task.steps.length; run.index++) {
        await this.#ask(run)
        await this.#perform(run, task.steps[run.index]!, log)
      }
      await this.#finish(run, run.value === undefined ? { ok: true } : { ok: true, value: run.value })
      log.info('task done')
    } catch (error) {
      if (isLost(error) || authority.signal.aborted)
        return log.info('task left', { why: toFault(authority.signal.reason ?? error).message })
      log.warn('task failed', { step: nameOf(task.steps[run.index]), error })
      await this.#finish(run, { ok: false, fault: toFault(error), step: run.index }).catch(this.#options.broken)
    } finally {
      authority.end(new FaultError('task.cancelled', 'the task has ended'))
      for (const named of Object.values(run.driver.interfaces)) {
        for (const implementation of Object.values(named)) implementation.release?.(task.node, this.#options.site)
      }
    }
  }

  /** Waits for the hub's permission to begin the step at `run.index`. The hub is also the judge of the deadline. */
  async #ask(run: Run): Promise<void> {
    if (run.cancelled) throw new FaultError('task.cancelled', 'the task was cancelled')
    const { signal } = run.authority
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const lost = () => answer(signal.reason as FaultError)
      const answer = (refusal?: FaultError) => {
        signal.removeEventListener('abort', lost)
        delete run.asked
        if (refusal === undefined) resolve()
        else reject(refusal)
      }
      signal.addEventListener('abort', lost, { once: true })
      run.asked = { rid: 0, sent: moment(this.#options.env), answer }
      this.#sendIntent(run)
    })
  }

  #sendIntent(run: Run): void {
    const { env, send } = this.#options
    run.asked = { ...run.asked!, rid: ++this.#lastRid, sent: moment(env) }
    send({ type: 'intent', id: run.task.id, step: run.index, epoch: run.authority.epoch, rid: run.asked.rid })
  }

  async #perform(run: Run, step: Step, log: Log): Promise<void> {
    const { env } = this.#options
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
      const done =
        (await bounded(env, limit, outer, async (signal) => act(await this.#context(run, step, signal, log)))) ?? {}
      if (done.value !== undefined) run.value = done.value
      if (step.waits) await this.#report(run, 'resumed')
      await this.#report(run, 'finished', done)
    } finally {
      delete run.endWait
    }
  }

  /** Lets every interface rebuild, from task.context, what an earlier run had in memory. */
  async #resume(run: Run): Promise<void> {
    const step = run.task.steps[Math.min(run.index, run.task.steps.length - 1)]!
    const context = await this.#context(run, step, run.authority.signal, this.#options.log)
    for (const kind of Object.keys(run.driver.interfaces)) {
      await implementationOf(run.driver, run.authority.hold.grant, kind)?.resume?.(context)
    }
  }

  async #context(run: Run, step: Step, signal: AbortSignal, log: Log): Promise<StepContext> {
    const { env, site, note } = this.#options
    const node = run.authority.hold.grant
    return {
      node,
      driverInfo: await openDriverInfo(run.driver, node, site),
      before: run.authority.before,
      signal,
      note: (stage, body = {}) => note(node.node, run.task.id, stage, body),
      env,
      log: log.with({ step: nameOf(step) }),
      site,
      task: { id: run.task.id, kind: run.task.kind, epoch: run.authority.epoch, context: run.context },
      args: step.args,
      keep: (context) => this.#report(run, 'started', { context }),
    }
  }

  async #report(run: Run, kind: StepEvent['kind'], done: Pick<StepResult, 'context' | 'facts'> = {}): Promise<void> {
    const { env, journal, send } = this.#options
    const { context, facts } = done
    const event: StepEvent = {
      n: ++run.n,
      at: env.now(),
      step: run.index,
      kind,
      ...(context && { context }),
      ...(facts && { facts }),
    }
    run.context = merged(run.context, context)
    await journal.event(run.task.id, run.authority.epoch, event)
    send({ type: 'event', id: run.task.id, epoch: run.authority.epoch, events: [event] })
  }

  async #finish(run: Run, outcome: Outcome): Promise<void> {
    const { journal, send } = this.#options
    await journal.result(run.task.id, run.authority.epoch, outcome)
    send({ type: 'result', id: run.task.id, epoch: run.authority.epoch, outcome })
  }

  /** Sends again what the hub has not acknowledged of one task, under the epoch that its node has now. */
  #repeat(id: string): void {
    const { journal, grants, send } = this.#options
    const entry = journal.entries.get(id)
    if (entry === undefined) return
    // Without the node nothing of it would count; the hub hears of the task by hello's inflight, and says what becomes of it.
    const epoch = grants.get(entry.task.node)?.grant.epoch
    if (epoch === undefined || epoch < entry.task.epoch) return
    for (let i = 0; i < entry.events.length; i += EVENTS_PER_FRAME) {
      send({ type: 'event', id, epoch, events: entry.events.slice(i, i + EVENTS_PER_FRAME).map(({ event }) => event) })
    }
    if (entry.result !== undefined) send({ type: 'result', id, epoch, outcome: entry.result.outcome })
    const run = this.#runs.get(id)
    if (run?.asked !== undefined) this.#sendIntent(run)
  }
}

export type RunnerMessage = Extract<
  ToConductor,
  { type: 'task' | 'proceed' | 'fenced' | 'done' | 'ack' | 'settled' | 'cancel' }
>

function merged(context: Record<string, unknown>, patch: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...context, ...patch }).filter(([, value]) => value !== null))
}

/** A cancel is honoured up to the start of the first such step. */
function pastPointOfNoReturn(task: Task, index: number): boolean {
  return task.steps.slice(0, index + 1).some((step) => step.pointOfNoReturn)
}

function isLost(error: unknown): boolean {
  return error instanceof FaultError && (error.fault.code === 'fenced' || error.fault.code === 'lease.lapsed')
}

function nameOf(step: Step | undefined): string {
  return step === undefined ? 'end' : `${step.interface}.${step.step}`
}
