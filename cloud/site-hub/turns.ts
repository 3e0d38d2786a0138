// The hub's queue and its turns: what waits is taken together, drafted, committed in one guarded batch, and only then answered.
// 1. One turn at a time (a Durable Object is not serial across a database fetch by itself). 2. An input that fails after it drafted
// something fails alone: the turn is thrown away and its inputs run one by one. 3. A commit without an answer is looked up, not repeated.
import { FaultError } from '../../shared/faults.ts'
import { Clock, moveMoments } from './clock.ts'
import { nextDue, passTime } from './due.ts'
import { takenText } from '../schema/rows.ts'
import type { HubDeps } from './hub.ts'
import { rebalance, regrant, sendDropped, sendGained } from './ownership.ts'
import { loadState, type HubState } from './state.ts'
import { assign } from './tasks.ts'
import { Turn } from './turn.ts'

interface Input {
  /** Nodes to read ahead. */
  readonly nodes: readonly string[]
  run(turn: Turn): Promise<unknown>
  done(value: unknown): void
  failed(error: unknown): void
}

/** Inputs of one turn, at most: bounds the size of a batch. */
const TURN_INPUTS = 128

export class Turns {
  readonly #deps: HubDeps
  readonly #clock: Clock
  #state: HubState | null = null
  /** The state was read from rows, and no turn has begun with it. */
  #isNew = true
  /** A turn may have been stored whose tasks nobody was sent. */
  #isUnsaid = false
  #queue: Input[] = []
  #running: Promise<void> | null = null
  #alarmAt: number | null = null

  constructor(deps: HubDeps) {
    this.#deps = deps
    this.#clock = new Clock(deps.env)
  }

  /**
   * Runs `run` in a turn; what it answers is durable. Rejects with its fault, or with `unavailable` when it could not be stored; `onFailed`
   * is called before anything that waits behind it is run.
   */
  enqueue<T>(nodes: readonly string[], run: (turn: Turn) => Promise<T>, onFailed = () => {}): Promise<T> {
    return new Promise<T>((done, reject) => {
      const failed = (error: unknown) => {
        onFailed()
        reject(error as Error)
      }
      this.#queue.push({ nodes, run, done: done as (value: unknown) => void, failed })
      this.#running ??= this.#drain()
    })
  }

  /** The alarm rang: whatever is due is dealt with at the start of a turn, which arms it again. */
  async rang(): Promise<void> {
    this.#alarmAt = null
    await this.enqueue([], async () => undefined)
  }

  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #drain(): Promise<void> {
    await Promise.resolve() // whatever arrives in this same moment shares the turn
    while (this.#queue.length > 0) {
      const inputs = this.#queue.splice(0, TURN_INPUTS)
      if (await this.#turn(inputs)) continue
      for (const input of inputs) await this.#turn([input])
    }
    this.#running = null // in the same moment as the look at the queue: nothing can slip in between
  }

  /** Runs one turn; false when it was thrown away and its inputs must be run again one by one. */
  async #turn(inputs: readonly Input[]): Promise<boolean> {
    const answers: (() => void)[] = []
    let turn: Turn | undefined
    let committing = false
    const setBy = this.#clock.setBy()
    try {
      turn = await this.#draft(inputs, answers, setBy)
      await this.#setAlarm(turn)
      committing = true
      await turn.commit()
    } catch (error) {
      const known = explain(error)
      this.#forget()
      if (!known) this.#deps.log('error', 'hub.turn_failed', { error: String(error) })
      const isStored = !known && committing && (await this.#isStored(turn!))
      if (!isStored) {
        if (inputs.length > 1) return false
        inputs[0]!.failed(known ?? new FaultError('unavailable', 'the change could not be stored', { cause: error }))
        return true
      }
    }
    this.#isUnsaid = false
    this.#clock.follow(setBy)
    if (turn!.isNews) turn!.after(() => this.#deps.changed(turn!.changedNodes))
    turn!.finish((error) => this.#deps.log('warn', 'hub.effect_failed', { error: String(error) }))
    for (const answer of answers) answer()
    return true
  }

  async #draft(inputs: readonly Input[], answers: (() => void)[], setBy: number): Promise<Turn> {
    const { env, sql, blobs } = this.#deps
    const turn = new Turn(this.#state ?? (await this.#load()), env, sql, blobs)
    if (setBy !== 0) moveMoments(turn, setBy)
    await passTime(turn)
    // Which nodes were on their way is in no row: the ring says it again.
    if (this.#isNew) await rebalance(turn)
    this.#isNew = false
    if (this.#isUnsaid) for (const node of turn.state.tasks.keys()) turn.assign.add(node)
    await turn.prefetch(inputs.flatMap((input) => input.nodes))
    for (const input of inputs) {
      const before = turn.drafts
      try {
        const value = await input.run(turn)
        answers.push(() => input.done(value))
      } catch (error) {
        if (turn.drafts !== before) throw error
        answers.push(() => input.failed(error))
      }
    }
    for (const node of turn.regrant) await regrant(turn, node)
    await sendGained(turn)
    for (const node of turn.assign) await assign(turn, node)
    sendDropped(turn)
    return turn
  }

  /** After a commit whose answer was lost: the next number keeps a late one out, then the site says which turn was the last. */
  async #isStored(turn: Turn): Promise<boolean> {
    try {
      return (await this.#load()).site.last_turn === turn.id
    } catch {
      this.#isUnsaid = true
      return false
    }
  }

  async #load(): Promise<HubState> {
    const { sql, site, peers } = this.#deps
    this.#isNew = true
    return (this.#state = await loadState(sql, site.site, peers()))
  }

  #forget(): void {
    this.#state = null
    this.#alarmAt = null
  }

  /**
   * The earliest due time of leases, tenures and open tasks; set before the commit, so that no due time is ever without its alarm. One
   * that rings too early is cheap; moving it with every renewal is not.
   */
  async #setAlarm(turn: Turn): Promise<void> {
    const at = nextDue(turn)
    const armed = this.#alarmAt
    if (at === null || (armed !== null && armed > turn.now && armed <= at)) return
    this.#alarmAt = at
    await this.#deps.alarm.set(at)
  }
}

/** A failure that says itself that nothing was stored; undefined when that is not known. */
function explain(error: unknown): FaultError | undefined {
  if (error instanceof FaultError) return error
  const text = String(error)
  const taken = takenText(error)
  if (taken) return new FaultError('conflict', taken)
  if (text.includes('sites.hub_no')) return new FaultError('hub.superseded', 'another hub of this site took over')
  return undefined
}
