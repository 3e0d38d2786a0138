// Runs one task: for each step fence, ask the hub, do it through the node's driver, report it; at the end report the outcome.
// 1. No step without the hub's `proceed` (questions.ts); what shuts this run out is at the hub before that. 2. Everything is in the journal before it is said (reports.ts). 3. A lost node
// ends the run silently, and nothing else does: whoever has it now goes on at the step that was under way, and a step reads before it acts.
import type { Env } from '../../shared/env.ts'
import { type Fault, FaultError, toFault } from '../../shared/faults.ts'
import { isPastNoReturn } from '../../shared/no-return.ts'
import { bytesInFrame, type Outcome, type Step, type StepEvent } from '../../shared/protocol.ts'
import type { Acts } from './acts.ts'
import type { Authority } from './authority.ts'
import {
  type Driver,
  type Fence,
  implementationOf,
  implementationsOf,
  type StepContext,
  type StepResult,
} from '../driver.ts'
import type { Entry, Task } from './journal.ts'
import type { Log } from '../log.ts'
import type { Questions } from './questions.ts'
import type { Reports } from './reports.ts'
import type { Site } from '../site.ts'
import { withHeartbeat } from '../deploy/agent-facts.ts'
import { PAGE_BYTES } from '../link/pages.ts'
import { reservedSteps } from './reserved-steps.ts'
import { stepContext } from './step-context.ts'
import { bounded } from '../timing.ts'

const STEP_TIMEOUT_MS = 10 * 60_000
const FENCE_TIMEOUT_MS = 2 * 60_000
const LOOK_TIMEOUT_MS = 60_000
/** How often a step is begun whose BMC session gets lost. */
const FENCES = 3

export interface RunOptions {
  readonly env: Env
  readonly log: Log
  readonly site: Site
  readonly questions: Questions
  readonly reports: Reports
  /** Where each thing that the driver does is on record until it has come back. */
  readonly acts: Acts
  readonly note: (node: string, task: string, stage: string, body: Record<string, unknown>) => void
  /** Facts of a node have gone up with a step's event. */
  readonly told: (node: string, epoch: number, facts: Record<string, unknown>) => void
  /** The journal cannot be written: nothing may go on. */
  readonly broken: (error: unknown) => void
}

export class Run {
  readonly task: Task
  readonly authority: Authority
  /** Resolves when it does nothing more; what its driver is deaf in is in `acts`. Never rejects. */
  readonly ended: Promise<void>
  readonly #options: RunOptions
  readonly #driver: Driver
  readonly #log: Log
  /** task.context with everything that steps added since. */
  #context: Record<string, unknown>
  /** Of the step under way or next. */
  #index: number
  /** Number of the last event. */
  #n: number
  #value: unknown
  /** What last acted on the node's BMC, as far as is known. */
  #predecessor: string | undefined
  #cancelled = false
  /** The step that this run began last. */
  #begun = -1
  /** Ends the step under way. */
  #endStep: ((reason: FaultError) => void) | undefined

  /** Starts at once. `unheard`: events of an earlier run that the hub does not know of; `predecessor`: the BMC session in which somebody acted last. */
  constructor(
    options: RunOptions,
    task: Task,
    driver: Driver,
    authority: Authority,
    { unheard, predecessor }: { unheard: Entry['events']; predecessor: string | undefined },
  ) {
    this.#options = options
    this.task = task
    this.#driver = driver
    this.authority = authority
    this.#log = options.log.with({ node: task.node, task: task.id, kind: task.kind, epoch: task.epoch })
    const last = unheard.at(-1)?.event
    this.#index = last === undefined ? task.doneSteps : last.step + (last.kind === 'finished' ? 1 : 0)
    this.#predecessor = predecessor
    this.#n = task.lastEvent + unheard.length
    this.#context = unheard.reduce((context, { event }) => merged(context, event.context), task.context)
    this.ended = this.#work()
  }

  /** Honoured while the hub is asked and in waits, otherwise at the end of the step; from the point of no return on only in a wait. */
  cancel(): void {
    const { questions, note } = this.#options
    const { id, node, steps } = this.task
    const isAsking = questions.isOpen(id)
    const { waits = false, abortable = true } = steps[this.#index] ?? {}
    const isInWait = waits && !isAsking
    if (!isInWait && isPastNoReturn(steps, this.#index, this.#begun === this.#index)) {
      return note(node, id, 'cancel.refused', { step: nameOf(steps[this.#index]) })
    }
    this.#cancelled = true
    const reason = new FaultError('task.cancelled', 'the task was cancelled')
    if (isAsking) questions.refuse(id, reason)
    else if (isInWait && abortable) this.#endStep?.(reason)
  }

  /** Ends the task with a failure at once, wherever it is: a person at the site wants it so. */
  abort(): void {
    this.#cancelled = true
    const reason = new FaultError('task.cancelled', 'the task was aborted at the site')
    if (this.#options.questions.isOpen(this.task.id)) this.#options.questions.refuse(this.task.id, reason)
    else this.#endStep?.(reason)
  }

  async #work(): Promise<void> {
    const { task, authority } = this
    const { site } = this.#options
    try {
      if (this.#index > 0) await this.#resume()
      for (; this.#index < task.steps.length; this.#index++) {
        await this.#takeStep(task.steps[this.#index]!)
      }
      if (this.#value !== undefined) mustFit(this.#value, `what the task has done is done, but its answer`)
      await this.#finish(this.#value === undefined ? { ok: true } : { ok: true, value: this.#value })
    } catch (error) {
      // What a driver or an agent calls lost is a failure as long as the node is held: nobody else would report it. By a tenure alone it says
      // that somebody has the node (a copy of this conductor, ADR 13), whose task this one must not fail when it is back.
      if (authority.hold.signal.aborted && isFenced(error)) authority.end(error)
      if (!authority.signal.aborted) await this.#lookAt(toFault(error))
      if (authority.signal.aborted) this.#log.info('task left', { why: toFault(authority.signal.reason).message })
      else await this.#finish({ ok: false, fault: toFault(error), step: this.#index }, error)
    } finally {
      authority.end(new FaultError('task.cancelled', 'the task has ended'))
      for (const implementation of implementationsOf(this.#driver)) implementation.release?.(task.node, site)
    }
  }

  /** The machine's own words on why the task has failed, before anything is done about it. Whatever comes of that, the task fails with what it failed with. */
  async #lookAt(why: Fault): Promise<void> {
    const { task, authority } = this
    const { failed } = implementationOf(this.#driver, authority.hold.grant, 'deploy') ?? {}
    if (failed === undefined || why.code === 'task.cancelled') return
    const step = task.steps[Math.min(this.#index, task.steps.length - 1)]!
    const limit = { ms: LOOK_TIMEOUT_MS, what: 'looking at what has failed' }
    await this.#act(limit, authority.signal, async (signal) => failed(await this.#contextOf(step, signal), why)).catch(
      (error: unknown) => this.#log.warn('what has failed could not be looked at', { error }),
    )
  }

  /** Fence, permit, read, act (ownership.md, rule 6). A step whose fence was lost on the way is begun again. */
  async #takeStep(step: Step): Promise<void> {
    for (let lost = 0; ;) {
      this.#checkCancelled()
      let fence: Fence | undefined
      try {
        fence = await this.#openFence(step)
        if (fence?.session !== undefined) await this.#remember(fence.session)
        this.#checkCancelled()
        await this.#options.questions.ask(this.task.id, this.#index, this.authority, fence?.session)
        return await this.#perform(step, fence, FENCES - 1 - lost)
      } catch (error) {
        if (toFault(error).code !== 'bmc.session_lost' || ++lost === FENCES) throw error
        this.#log.warn('the BMC session of a step was lost', { step: nameOf(step), lost })
      } finally {
        if (fence !== undefined) await this.#closeFence(step, fence)
      }
    }
  }

  async #openFence(step: Step): Promise<Fence | undefined> {
    const { fencing } = this.#driver
    const more = implementationOf(this.#driver, this.authority.hold.grant, step.interface)?.fenced
    if (fencing === undefined || !(fencing.steps.includes(nameOf(step)) || more?.includes(step.step))) return undefined
    const limit = { ms: FENCE_TIMEOUT_MS, what: `opening a BMC session for ${nameOf(step)}` }
    const fence = await this.#act(limit, this.authority.signal, async (signal) =>
      fencing.open(await this.#contextOf(step, signal), this.#predecessor),
    )
    this.#predecessor = fence.session ?? this.#predecessor
    return fence
  }

  /** On record before anything is done in it, for whoever acts next from here: a step of this task, or a person. */
  async #remember(session: string): Promise<void> {
    await this.#onRecord(this.#options.reports.session(this.task.id, this.authority.hold, session))
  }

  async #onRecord(written: Promise<void>): Promise<void> {
    await written.catch((error: unknown) => {
      this.#options.broken(error)
      throw new FaultError('lease.lapsed', 'the journal cannot be written, so nothing may be done')
    })
  }

  /** One that cannot be closed in time is left to the BMC, which closes what is silent. */
  async #closeFence(step: Step, fence: Fence): Promise<void> {
    const limit = { ms: FENCE_TIMEOUT_MS, what: `closing the BMC session of ${nameOf(step)}` }
    await this.#act(limit, new AbortController().signal, () => fence.close()).catch((error: unknown) =>
      this.#log.warn('the BMC session of a step was not closed', { step: nameOf(step), error }),
    )
  }

  /** Lets the driver do something, on record and within its limit. */
  #act<T>(
    limit: { ms: number; what: string },
    outer: AbortSignal,
    act: (signal: AbortSignal, again: () => void) => Promise<T>,
  ): Promise<T> {
    const { env, acts } = this.#options
    return bounded(env, limit, outer, (signal, again) => acts.track(this.task.node, limit.what, act(signal, again)))
  }

  #checkCancelled(): void {
    if (this.#cancelled) throw new FaultError('task.cancelled', 'the task was cancelled')
  }

  async #perform(step: Step, fence: Fence | undefined, fencesLeft: number): Promise<void> {
    this.#begun = this.#index
    const wait = new AbortController()
    this.#endStep = (reason) => wait.abort(reason)
    const outer = AbortSignal.any([this.authority.signal, wait.signal])
    const limit = { ms: step.timeoutMs ?? STEP_TIMEOUT_MS, what: `step ${nameOf(step)}` }
    try {
      await this.#report('started', fence?.facts && { facts: fence.facts })
      if (step.waits) await this.#report('waiting')
      const implementation = implementationOf(this.#driver, this.authority.hold.grant, step.interface)
      const { agentStep } = implementation ?? {}
      const act =
        implementation?.steps?.[step.step] ??
        reservedSteps[step.step] ??
        (agentStep && ((context: StepContext) => agentStep(context, step.step)))
      if (act === undefined)
        throw new FaultError('driver.unsupported', `driver ${this.#driver.name} has no step ${nameOf(step)}`)
      const work = async (signal: AbortSignal, again: () => void) =>
        act(await this.#contextOf(step, signal, fence, again, fencesLeft))
      const done = (await this.#act(limit, outer, work)) ?? {}
      if (done.back !== undefined) return this.#goBack(step, done.back)
      if (done.value !== undefined) this.#value = done.value
      if (step.waits) await this.#report('resumed')
      await this.#report('finished', withHeartbeat(done, this.#options.site, this.task.node))
    } finally {
      this.#endStep = undefined
    }
  }

  /** The hub hears of it by the beginning of the step that comes next. */
  #goBack(step: Step, names: readonly string[]): void {
    const before = this.task.steps.slice(0, this.#index)
    const to = names.map((name) => before.findLastIndex((each) => nameOf(each) === name)).find((at) => at !== -1)
    if (to === undefined) throw new FaultError('internal', `the task has no step before ${nameOf(step)} to go back to`)
    this.#log.info('the task goes back', { from: nameOf(step), to: nameOf(before[to]) })
    this.#index = to - 1
  }

  /** Lets every interface rebuild, from task.context, what an earlier run had in memory. */
  async #resume(): Promise<void> {
    const { task, authority } = this
    const step = task.steps[Math.min(this.#index, task.steps.length - 1)]!
    const limit = { ms: STEP_TIMEOUT_MS, what: 'resuming' }
    await this.#act(limit, authority.signal, async (signal) => {
      const context = await this.#contextOf(step, signal)
      for (const kind of Object.keys(this.#driver.interfaces)) {
        const back = await implementationOf(this.#driver, authority.hold.grant, kind)?.resume?.(context)
        const to = task.steps.findIndex((earlier) => back?.includes(nameOf(earlier)))
        if (to === -1 || to >= this.#index) continue
        this.#log.info('the task goes back', { from: nameOf(step), to: nameOf(task.steps[to]) })
        this.#index = to
      }
    })
  }

  async #contextOf(
    step: Step,
    signal: AbortSignal,
    fence?: Fence,
    again = () => {},
    fencesLeft = 0,
  ): Promise<StepContext> {
    const { task, authority } = this
    const log = this.#log.with({ step: nameOf(step) })
    const [context, keep] = [
      () => this.#context,
      (kept: Record<string, unknown>) => this.#report('kept', { context: kept }),
    ]
    const running = {
      ...this.#options,
      log,
      driver: this.#driver,
      task,
      at: this.#index,
      authority,
      context,
      keep,
      limitFromNow: again,
      fencesLeft,
    }
    return await stepContext(running, step, signal, fence)
  }

  async #report(kind: StepEvent['kind'], { context, facts }: StepResult = {}): Promise<void> {
    const { env, reports, told } = this.#options
    const more = { ...(context && { context }), ...(facts && { facts }) }
    const event: StepEvent = { n: this.#n + 1, at: env.now(), step: this.#index, kind, ...more }
    mustFit(event, `what step ${nameOf(this.task.steps[this.#index])} has to report`)
    this.#n = event.n
    this.#context = merged(this.#context, context)
    if (facts !== undefined) told(this.task.node, this.authority.epoch, facts)
    await this.#onRecord(reports.event(this.task.id, this.authority.hold, event))
  }

  async #finish(outcome: Outcome, error?: unknown): Promise<void> {
    const { reports, broken } = this.#options
    if (outcome.ok) this.#log.info('task done')
    else this.#log.warn('task failed', { step: nameOf(this.task.steps[this.#index]), code: outcome.fault.code, error })
    await reports.result(this.task.id, this.authority.hold, outcome).catch(broken)
  }
}

/** Whatever is told must fit into a frame. */
function mustFit(value: unknown, what: string): void {
  const bytes = bytesInFrame(value)
  if (bytes > PAGE_BYTES)
    throw new FaultError(
      'request.too_large',
      `${what} has ${bytes} bytes, more than the ${PAGE_BYTES} that can be told`,
    )
}

function merged(context: Record<string, unknown>, patch: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...context, ...patch }).filter(([, value]) => value !== null))
}

function isFenced(error: unknown): error is FaultError {
  return error instanceof FaultError && error.fault.code === 'fenced'
}

function nameOf(step: Step | undefined): string {
  return step === undefined ? 'end' : `${step.interface}.${step.step}`
}
