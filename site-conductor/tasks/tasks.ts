// The tasks at this conductor: what the hub delivers becomes a run, and what it says about a task reaches that run.
// 1. One run per node at a time, and none beside what a deaf driver still does there. 2. A delivery of what runs already repeats what may not have
// been heard. 3. What the hub has settled, or has given to somebody else, is forgotten.
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import { Acts, DEAF_AFTER_MS } from './acts.ts'
import { Authority } from './authority.ts'
import type { Driver } from '../driver.ts'
import type { Grants } from '../link/grants.ts'
import type { Journal, Task } from './journal.ts'
import type { Log } from '../log.ts'
import { Questions } from './questions.ts'
import { Reports } from './reports.ts'
import { Run, type RunOptions } from './runner.ts'
import type { Site } from '../site.ts'
import type { Moment } from '../link/span.ts'

/** So long after its grants the hub has delivered what it still wants of an earlier run. */
const LEFTOVERS_AFTER_MS = 10_000
/** Where none have come by then, none will: longer than a run waits for the lease of the one before (40 s at most, and a margin). */
const UNGRANTED_AFTER_MS = 60_000

export interface TasksOptions {
  readonly env: Env
  readonly log: Log
  readonly grants: Grants
  readonly journal: Journal
  readonly drivers: ReadonlyMap<string, Driver>
  readonly site: Site
  /** Sends a frame, or drops it while there is no link: everything that matters is said again by `reconnected`. */
  readonly send: (message: FromConductor) => void
  readonly note: RunOptions['note']
  readonly told: RunOptions['told']
  /** Resolves when what the task will need of the cloud is here. */
  readonly ahead: (task: Task) => Promise<void>
  /** Nothing is done with the node any more, for now. */
  readonly ended: (node: string) => void
  readonly broken: RunOptions['broken']
}

export class Tasks {
  readonly #options: TasksOptions
  readonly #questions: Questions
  readonly #reports: Reports
  readonly #runs = new Map<string, Run>()
  readonly #acts: Acts
  /** Per node the last delivery that is being dealt with: one after another. */
  readonly #deliveries = new Map<string, Promise<void>>()
  /** Tasks that are being taken in, with their epoch. */
  readonly #coming = new Map<string, number>()
  #closed = false
  readonly #closing = Promise.withResolvers<void>()
  #stopLeftovers = () => {}
  #isUngranted = false

  constructor(options: TasksOptions) {
    this.#options = options
    this.#acts = new Acts(options.env)
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
    this.#coming.set(task.id, task.epoch)
    const before = this.#deliveries.get(task.node)
    const ready = Promise.all([before, this.#options.ahead(task)])
    const delivery = this.#orClosing(ready).then(() => this.#begin(task))
    this.#deliveries.set(task.node, delivery)
    await delivery
    if (this.#deliveries.get(task.node) === delivery) this.#deliveries.delete(task.node)
    if (this.#coming.get(task.id) === task.epoch) this.#coming.delete(task.id)
  }

  async #begin(task: Task): Promise<void> {
    const { env, grants, journal, drivers, send, broken, log } = this.#options
    const deaf = (await this.#orClosing(this.ended(task.node))) ?? []
    if (this.#closed) return
    try {
      const hold = grants.find(task.node, task.epoch)
      const driver = drivers.get(hold.grant.driver)
      if (driver === undefined)
        throw new FaultError('driver.unknown', `this conductor has no driver ${hold.grant.driver}`)
      await this.#reports.accept(task, hold)
      this.#repeat(task.id)
      const { events, result } = journal.entries.get(task.id) ?? {}
      const isSettled = events === undefined // while it was being taken in
      if (isSettled || result !== undefined || this.#closed) return
      if (deaf.length > 0) {
        log.error('a task is refused, for its driver does not end what it did before', { task: task.id, acts: deaf })
        throw besideDeaf(deaf)
      }
      const options = { ...this.#options, questions: this.#questions, reports: this.#reports, acts: this.#acts }
      const earlier = { unheard: events, predecessor: journal.bmcSessionOf(task.id) }
      const run = new Run(options, task, driver, new Authority(env, grants, hold), earlier)
      this.#runs.set(task.id, run)
      void run.ended.then(() => this.#ended(task))
    } catch (error) {
      if (!(error instanceof FaultError)) return broken(error)
      // Not ours (any more): the hub delivers it again after the next hello, while a rejection would fail it.
      if (isLost(error)) return log.info('task left', { node: task.node, task: task.id, why: error.message })
      send({ type: 'rejected', id: task.id, epoch: task.epoch, why: error.fault })
    }
  }

  /** What is waited for before a task begins; no longer than there is something to begin it for. */
  async #orClosing<T>(before: Promise<T>): Promise<T | void> {
    return await Promise.race([before, this.#closing.promise])
  }

  #ended({ id, node }: Task): void {
    this.#runs.delete(id)
    this.#options.ended(node)
  }

  proceed(id: string, rid: number, tenureMs: number): void {
    this.#questions.proceed(id, rid, tenureMs)
  }

  /** `fenced`: somebody else has it. `done`: it has ended. Either way nothing more is to be said about it. */
  async over(id: string, why: 'fenced' | 'done', rid?: number, epoch?: number): Promise<void> {
    const run = this.#runs.get(id)
    if (rid !== undefined && run !== undefined && !this.#questions.isOpen(id, rid)) return
    // An answer to what was said under an epoch that the task has left behind.
    const present = [run?.authority.epoch, this.#coming.get(id), this.#reports.epochOf(id)]
    if (epoch !== undefined && present.some((one) => one !== undefined && one > epoch)) return
    run?.authority.end(new FaultError('fenced', `the hub says that task ${id} is ${why}`))
    await run?.ended
    await this.#reports.forget(id)
  }

  cancel(id: string): void {
    this.#runs.get(id)?.cancel()
  }

  async acked(id: string, upTo: number): Promise<void> {
    await this.#options.journal.acked(id, upTo)
  }

  /** The hub has the task's outcome. Or the task ended there without this conductor: then a run that went on by its tenure is over, too. */
  async settled(id: string): Promise<void> {
    if (this.#options.journal.entries.get(id)?.result === undefined)
      this.#runs.get(id)?.authority.end(new FaultError('fenced', `the hub says that task ${id} has ended`))
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

  /** Is there a task of `node` that the hub has not settled, running or left over from before a restart? */
  isPending(node: string): boolean {
    return [...this.#options.journal.entries.values()].some(({ task }) => task.node === node)
  }

  /** Waits until no run on `node` is under way, and its driver has come back from each step. Answers what it has waited for in vain. */
  async ended(node: string): Promise<string[]> {
    await Promise.all([...this.#runs.values()].filter((run) => run.task.node === node).map((run) => run.ended))
    return await this.#acts.ended(DEAF_AFTER_MS, node)
  }

  /** Waits until no driver is at work on any step. Answers those that still are after `ms`. */
  async idle(ms: number): Promise<string[]> {
    return await this.#acts.ended(ms)
  }

  isBusy(node: string): boolean {
    return [...this.#runs.values()].some(({ task }) => task.node === node)
  }

  /** Does a task run that has, or had, the machine boot the deploy ramdisk? */
  bootsRamdisk(node: string): boolean {
    const boots = ({ steps }: Task) =>
      steps.some(({ interface: iface, step }) => iface === 'boot' && step === 'prepare_ramdisk')
    return [...this.#runs.values()].some(({ task }) => task.node === node && boots(task))
  }

  /** What runs here now, and how long it may after a lapse. */
  running(): { id: string; node: string; kind: string; tenureLeftMs: number }[] {
    return [...this.#runs.values()].map(({ task, authority }) => {
      return { id: task.id, node: task.node, kind: task.kind, tenureLeftMs: authority.tenureLeft }
    })
  }

  /** Ends what runs on `node`, as a person at the site wants it. Answers the tasks, when they have ended. */
  async abort(node: string): Promise<string[]> {
    const runs = [...this.#runs.values()].filter(({ task }) => task.node === node)
    for (const run of runs) run.abort()
    await Promise.all(runs.map((run) => run.ended))
    return runs.map(({ task }) => task.id)
  }

  /** There is a session: say again whatever may not have been heard. */
  reconnected(): void {
    this.#isUngranted = this.#options.grants.isEmpty
    this.#askLater(this.#isUngranted ? UNGRANTED_AFTER_MS : LEFTOVERS_AFTER_MS)
    for (const id of this.#options.journal.entries.keys()) this.#repeat(id)
  }

  /** The hub has said what it grants: after that it delivers. A run that has to wait for the one before is granted nothing at first. */
  granted(): void {
    if (!this.#isUngranted || this.#options.grants.isEmpty) return
    this.#isUngranted = false
    this.#askLater(LEFTOVERS_AFTER_MS)
  }

  #askLater(ms: number): void {
    this.#stopLeftovers()
    this.#stopLeftovers = this.#options.env.setTimer(ms, () => {
      this.#isUngranted = false
      this.#reports.askAboutLeftovers((id) => this.#coming.has(id))
    })
  }

  #repeat(id: string): void {
    try {
      this.#reports.repeat(id)
    } catch (error) {
      // Of an earlier version, which did not look how large it was.
      this.#options.log.error('what a task has to report does not fit into a frame', { task: id, error })
    }
    this.#questions.repeat(id)
  }

  /** Ends all runs without a word; the journal keeps what the hub has not heard. */
  async close(): Promise<void> {
    this.#closed = true
    this.#closing.resolve()
    this.#stopLeftovers()
    for (const run of this.#runs.values()) run.authority.end(new FaultError('unavailable', 'the conductor is stopping'))
    await Promise.all([...this.#runs.values()].map((run) => run.ended))
    await Promise.all(this.#deliveries.values())
  }
}

/** Does this error mean that the node is not ours (any more)? */
function isLost(error: unknown): boolean {
  return error instanceof FaultError && (error.fault.code === 'fenced' || error.fault.code === 'lease.lapsed')
}

/** One mutation at a time at a BMC: what a driver still does there may be one. */
function besideDeaf(acts: readonly string[]): FaultError {
  const what = `the driver has not come back from ${acts.join(', ')} of an earlier task, beside which nothing may be done`
  return new FaultError('timeout', what, { hint: 'try again; restart the conductor if the driver never comes back' })
}
