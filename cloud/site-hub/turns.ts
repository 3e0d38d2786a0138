// The hub's queue and its turns: what waits is taken together, drafted, committed in one guarded batch, and only then answered.
// 1. One turn at a time (a Durable Object is not serial across a database fetch by itself). 2. An input that fails after it drafted
// something fails alone: the turn is thrown away and its inputs run one by one. 3. A commit without an answer is looked up, not repeated; when
// that finds out nothing, its inputs may have been stored: they are told so and the hub starts anew.
import { FaultError } from '../../shared/faults.ts'
import { Clock, moveMoments } from './clock.ts'
import { nextDue, passTime } from './due.ts'
import { takenText } from '../schema/rows.ts'
import { CLOSE } from '../../shared/upgrade.ts'
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
/** An input after which this much has been thought ends its turn: some 80 ms. Those behind it wait for the next. */
const TURN_WORK = 5_000_000
/** How often, and after which pause, a commit without an answer is looked up. Everybody waits meanwhile: far less than a lease. */
const LOOK_UPS = 3
const LOOK_UP_PAUSE_MS = 500

/** What became of a batch. */
type Fate = 'stored' | 'not stored' | 'unknown'
/** A turn whose fate is unknown, and by how much it moved the rows' moments. */
type Lost = { readonly turn: string; readonly setBy: number }

export class Turns {
  readonly #deps: HubDeps
  readonly #stored: (state: HubState) => void
  readonly #clock: Clock
  #state: HubState | null = null
  /** The state was read from rows, and no turn has begun with it. */
  #isNew = true
  #queue: Input[] = []
  #running: Promise<void> | null = null
  #alarmAt: number | null = null
  #lost: Lost | null = null

  /** `stored`: is told of what a turn has come to, before it is answered. */
  constructor(deps: HubDeps, stored: (state: HubState) => void) {
    this.#deps = deps
    this.#stored = stored
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

  /** Runs one turn, and leaves in `inputs` those that it had; false when it was thrown away and its inputs must be run again one by one. */
  async #turn(inputs: Input[]): Promise<boolean> {
    const answers: (() => void)[] = []
    let turn: Turn | undefined
    let committing = false
    let setBy = 0
    try {
      const state = this.#state ?? (await this.#load())
      setBy = this.#clock.setBy()
      turn = await this.#draft(state, inputs, answers, setBy)
      await this.#setAlarm(turn)
      committing = true
      await turn.commit()
    } catch (error) {
      const known = explain(error)
      this.#forget()
      if (!known) this.#deps.log('error', 'hub.turn_failed', { error: String(error) })
      const fate = !known && committing ? await this.#lookUp(turn!) : 'not stored'
      if (fate === 'unknown') {
        this.#lost = { turn: turn!.id, setBy }
        this.#startAnew(inputs, error)
        return true
      }
      if (fate === 'not stored') {
        if (inputs.length > 1) return false
        inputs[0]!.failed(known ?? new FaultError('unavailable', 'the change could not be stored', { cause: error }))
        return true
      }
    }
    this.#clock.follow(setBy)
    if (turn!.isNews) turn!.after(() => this.#deps.changed(turn!.changedNodes))
    turn!.finish((error) => this.#deps.log('warn', 'hub.effect_failed', { error: String(error) }))
    this.#stored(this.#state!) // where its fate was looked up, that is another than the turn's
    for (const answer of answers) answer()
    return true
  }

  async #draft(state: HubState, inputs: Input[], answers: (() => void)[], setBy: number): Promise<Turn> {
    const { env, sql, blobs } = this.#deps
    const turn = new Turn(state, env, sql, blobs)
    if (setBy !== 0) moveMoments(turn, setBy)
    await passTime(turn)
    // Which nodes were on their way is in no row: the ring says it again.
    if (this.#isNew) await rebalance(turn)
    this.#isNew = false
    await turn.prefetch(inputs.flatMap((input) => input.nodes))
    for (const [i, input] of inputs.entries()) {
      const before = turn.drafts
      try {
        const value = await input.run(turn)
        answers.push(() => input.done(value))
      } catch (error) {
        if (turn.drafts !== before) throw error
        answers.push(() => input.failed(error))
      }
      if (turn.work > TURN_WORK) this.#queue.unshift(...inputs.splice(i + 1))
    }
    for (const node of turn.regrant) await regrant(turn, node)
    await sendGained(turn)
    for (const node of turn.assign) await assign(turn, node)
    sendDropped(turn)
    return turn
  }

  /** After a commit whose answer was lost: the next number keeps a late one out, then the site says which turn was the last. */
  async #lookUp(turn: Turn): Promise<Fate> {
    const { env } = this.#deps
    for (let i = 0; i < LOOK_UPS; i++) {
      if (i > 0) await new Promise<void>((done) => void env.setTimer(LOOK_UP_PAUSE_MS, done))
      try {
        return (await this.#load()).site.last_turn === turn.id ? 'stored' : 'not stored'
      } catch (error) {
        this.#deps.log('warn', 'hub.look_up_failed', { error: String(error) })
      }
    }
    return 'unknown'
  }

  /**
   * As after a crash: nobody is answered as if it were known, and what was to be told is told when conductors say hello again. Inputs are
   * not run again: a node would be made twice, a task of theirs refuse them.
   */
  #startAnew(inputs: readonly Input[], cause: unknown): void {
    this.#forget()
    const hint = 'look whether the change is there before it is asked for again'
    for (const input of inputs)
      input.failed(new FaultError('unavailable', 'whether the change was stored is not known', { hint, cause }))
    for (const peer of this.#deps.peers()) peer.close(CLOSE.superseded, 'the hub starts anew; say hello again')
  }

  async #load(): Promise<HubState> {
    const { sql, site, peers } = this.#deps
    this.#isNew = true
    const state = await loadState(sql, site.site, peers())
    if (this.#lost?.turn === state.site.last_turn) this.#clock.follow(this.#lost!.setBy)
    this.#lost = null
    return (this.#state = state)
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
