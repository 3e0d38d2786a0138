// What the hub is told about tasks: each event and outcome is in the journal before it is sent, and is sent again until it is answered.
// 1. Nothing is said about a node under a hold that has ended: whoever has the node now speaks for it.
import { type Outcome, type FromConductor, type StepEvent } from '../../shared/protocol.ts'
import type { Grants, Hold } from '../link/grants.ts'
import type { Journal, Task } from './journal.ts'
import { pages } from '../link/pages.ts'

const EVENTS_PER_FRAME = 20

export class Reports {
  readonly #journal: Journal
  readonly #grants: Grants
  readonly #send: (message: FromConductor) => void
  /** The hold under which a task was last accepted. After a restart there is none until the hub delivers the task again. */
  readonly #holds = new Map<string, Hold>()

  constructor(journal: Journal, grants: Grants, send: (message: FromConductor) => void) {
    this.#journal = journal
    this.#grants = grants
    this.#send = send
  }

  async accept(task: Task, hold: Hold): Promise<void> {
    await this.#journal.accept(task)
    this.#holds.set(task.id, hold)
    this.accepted(task)
  }

  /** Of a task that was accepted under a hold which lasts. */
  epochOf(id: string): number | undefined {
    const hold = this.#holds.get(id)
    return hold?.signal.aborted ? undefined : hold?.grant.epoch
  }

  accepted(task: Task): void {
    this.#send({ type: 'accepted', id: task.id, epoch: task.epoch })
  }

  async event(id: string, hold: Hold, event: StepEvent): Promise<void> {
    await this.#journal.event(id, hold.grant.epoch, event)
    this.#say(hold, { type: 'event', id, epoch: hold.grant.epoch, events: [event] })
  }

  /** The hub hears of it with the question. */
  async session(id: string, hold: Hold, bmcSession: string): Promise<void> {
    await this.#journal.session(id, hold.grant.epoch, bmcSession)
  }

  async result(id: string, hold: Hold, outcome: Outcome): Promise<void> {
    await this.#journal.result(id, hold.grant.epoch, outcome)
    this.#say(hold, { type: 'result', id, epoch: hold.grant.epoch, outcome })
  }

  /**
   * A task that goes on by its tenure under a hold that has ended says nothing: the hub would answer `fenced`, and what it has not heard would be
   * forgotten. It is repeated when the hub has delivered the task again.
   */
  #say(hold: Hold, message: FromConductor): void {
    if (!hold.signal.aborted) this.#send(message)
  }

  async forget(id: string): Promise<void> {
    this.#holds.delete(id)
    await this.#journal.forget(id)
  }

  /**
   * Asks about tasks of an earlier run of the process or of an earlier hold that the hub has not delivered again: under their old epoch nothing of it moves a state, and
   * the answer (`settled`, `done` or `fenced`) lets us forget them. Not about those that are being taken in at this moment.
   */
  askAboutLeftovers(isComing: (id: string) => boolean): void {
    for (const [id, { task, result }] of this.#journal.entries) {
      if (isComing(id)) continue
      const hold = this.#holds.get(id)
      if (hold !== undefined && this.#grants.get(task.node) === hold) continue
      // What it grew to while it was held: an answer about an earlier one would be no answer.
      const epoch = hold?.grant.epoch ?? result?.epoch ?? task.epoch
      if (result !== undefined && !this.#journal.isDurable(result.outcome)) continue
      if (result !== undefined) this.#send({ type: 'result', id, epoch, outcome: result.outcome })
      else this.#send({ type: 'intent', id, step: task.doneSteps, epoch, rid: 0 })
    }
  }

  /** Sends again what the hub has not answered, under the epoch that the node has now. What is not on the disk yet follows by itself when it is. */
  repeat(id: string): void {
    const entry = this.#journal.entries.get(id)
    const hold = this.#holds.get(id)
    if (entry === undefined || hold === undefined || this.#grants.get(entry.task.node) !== hold) return
    const { epoch } = hold.grant
    const unheard = entry.events.map(({ event }) => event).filter((event) => this.#journal.isDurable(event))
    for (const events of pages(unheard, EVENTS_PER_FRAME)) this.#send({ type: 'event', id, epoch, events })
    const { result } = entry
    if (result !== undefined && this.#journal.isDurable(result.outcome))
      this.#send({ type: 'result', id, epoch, outcome: result.outcome })
  }
}
