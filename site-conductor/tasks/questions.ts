// Asking the hub for permission to begin a step: intent, then proceed or a refusal.
// 1. Only the answer to the outstanding number counts. 2. Asking again takes a new number, so an answer to the old one is nothing.
// 3. After a lapse nobody answers: then the task's tenure, while it lasts, is the permit for its steps (ownership.md, rule 10).
import type { Env } from '../../shared/env.ts'
import type { FaultError } from '../../shared/faults.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import type { Authority } from './authority.ts'
import { moment, type Moment } from '../link/span.ts'

interface Question {
  readonly step: number
  readonly authority: Authority
  /** How a successor shuts out what acts after the permit. */
  readonly bmcSession: string | undefined
  readonly answer: (refusal?: FaultError) => void
  rid: number
  sent: Moment
}

export class Questions {
  readonly #env: Env
  readonly #send: (message: FromConductor) => void
  readonly #open = new Map<string, Question>()
  #lastRid = 0

  constructor(env: Env, send: (message: FromConductor) => void) {
    this.#env = env
    this.#send = send
  }

  /** Resolves at the hub's `proceed`, or when the lease has lapsed and a tenure goes on; rejects with the refusal, or with the authority's reason when that ends. */
  async ask(task: string, step: number, authority: Authority, bmcSession?: string): Promise<void> {
    const { signal } = authority
    const lapse = authority.hold.signal
    signal.throwIfAborted()
    if (lapse.aborted) return
    await new Promise<void>((resolve, reject) => {
      const lost = () => answer(signal.reason as FaultError)
      const answer = (refusal?: FaultError) => {
        signal.removeEventListener('abort', lost)
        lapse.removeEventListener('abort', lapsed)
        this.#open.delete(task)
        if (refusal === undefined) resolve()
        else reject(refusal)
      }
      // The authority hears of it first: when nothing is left it has ended by now.
      const lapsed = () => signal.aborted || answer()
      signal.addEventListener('abort', lost, { once: true })
      lapse.addEventListener('abort', lapsed, { once: true })
      this.#open.set(task, { step, authority, bmcSession, answer, rid: 0, sent: moment(this.#env) })
      this.repeat(task)
    })
  }

  /** Asks again, where a question is open. */
  repeat(task: string): void {
    const question = this.#open.get(task)
    if (question === undefined) return
    question.rid = ++this.#lastRid
    question.sent = moment(this.#env)
    const { step, authority, rid, bmcSession } = question
    const fence = bmcSession === undefined ? {} : { bmcSession }
    this.#send({ type: 'intent', id: task, step, epoch: authority.epoch, rid, ...fence })
  }

  proceed(task: string, rid: number, tenureMs: number): void {
    const question = this.#open.get(task)
    if (question?.rid !== rid) return
    question.authority.extendTenure({ from: question.sent, ms: tenureMs })
    question.answer()
  }

  isOpen(task: string, rid?: number): boolean {
    const question = this.#open.get(task)
    return question !== undefined && (rid === undefined || question.rid === rid)
  }

  refuse(task: string, reason: FaultError): void {
    this.#open.get(task)?.answer(reason)
  }
}
