// An RMCP+ session: asks commands one at a time, again after silence or "node busy", and closes.
// Invariants: `before` runs in the turn of every packet of its request; an answer counts once, and only if its HMAC, its sequence
// number and its request number are right; a `once` command is never sent again after silence.
import { envelope, isSendMessage, opened, sendMessageCompletions } from './bridge.ts'
import { CodecError } from './codec/cursor.ts'
import type { IpmiResponse } from './codec/message.ts'
import type { SuiteId } from './codec/suites.ts'
import { closeSessionCommand } from './commands/close-session.ts'
import type { Privilege } from './commands/session-privilege.ts'
import { completionKind, completionText, isBusy } from './completion.ts'
import type { SolCarrier } from './console-line.ts'
import type { Env } from './env.ts'
import { IpmiError } from './errors.ts'
import type { Login } from './options.ts'
import type { Command, Requester, RequestOptions } from './request.ts'
import type { SealedChannel } from './sealed-channel.ts'

export interface Session extends Requester, SolCarrier {
  /** The BMC's id of this session: what another needs to close it. */
  readonly id: number
  readonly privilege: Privilege
  readonly cipherSuite: SuiteId
  /** False once closed or lost. */
  readonly alive: boolean
  /**
   * A packet of a mutation may still be on its way: one that was repeated, aborted or never answered. Close the session before the
   * next mutation, or an old "off" may arrive after a new "on".
   */
  readonly stragglers: boolean
  /** Closes it at the BMC, tries a few times, never throws. Requests under way fail with 'closed'. */
  close(): Promise<void>
  /** Ends it without waiting for anything: one packet, in case the BMC still has it. Requests under way fail with 'closed'. */
  abandon(): void
}

interface Pending {
  command: Command
  options: RequestOptions
  resolve(data: Uint8Array): void
  reject(error: unknown): void
  /** Request numbers under which an answer may come. */
  numbers: number[]
  /** Packets sent, and sent since the last busy answer. */
  sent: number
  sentSinceBusy: number
  answered: number
  busyAnswers: number
  stopTimer(): void
  abort(): void
}

const longestBusyPauseMs = 2_000

export class LiveSession implements Session {
  readonly id: number
  readonly privilege: Privilege
  readonly cipherSuite: SuiteId
  stragglers = false
  onSol: SolCarrier['onSol']
  readonly #env: Env
  readonly #login: Login
  readonly #sealed: SealedChannel
  readonly #release: () => void
  readonly #queue: Pending[] = []
  #current: Pending | undefined
  #requestNumber = 0
  #ended: IpmiError | undefined
  #closing: Promise<void> | undefined

  constructor(env: Env, login: Login, sealed: SealedChannel, release: () => void) {
    const { managedId, keys } = sealed.established
    this.id = managedId
    this.privilege = login.privilege
    this.cipherSuite = keys.suite.id
    this.#env = env
    this.#login = login
    this.#sealed = sealed
    this.#release = release
    sealed.listen(
      (response) => this.#receive(response),
      (payload) => this.onSol?.(payload),
    )
  }

  get alive(): boolean {
    return this.#ended === undefined
  }

  request(command: Command, options: RequestOptions = {}): Promise<Uint8Array> {
    if (this.#ended) return Promise.reject(new IpmiError(this.#ended.kind, this.#ended.message))
    return this.#ask(command, options)
  }

  sendSol(payload: Uint8Array): void {
    if (!this.#ended) this.#sealed.send(this.#sealed.sealSol(payload))
  }

  #ask(command: Command, options: RequestOptions): Promise<Uint8Array> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      const abort = () => this.#settle(pending, () => reject(this.#aborted(command)))
      const counters = { sent: 0, sentSinceBusy: 0, answered: 0, busyAnswers: 0 }
      const pending: Pending = { command, options, resolve, reject, numbers: [], ...counters, stopTimer() {}, abort }
      if (signal?.aborted) return reject(this.#aborted(command))
      signal?.addEventListener('abort', abort)
      this.#queue.push(pending)
      this.#next()
    })
  }

  #next(): void {
    if (this.#current) return
    this.#current = this.#queue.shift()
    if (this.#current) this.#send(this.#current)
  }

  #send(pending: Pending): void {
    const { command, options } = pending
    // A repeated mutation keeps its number, by which a BMC may know that it has done it (§13.8 rqSeq); a repeated read takes a new one.
    if (command.kind === 'read' || pending.sentSinceBusy === 0) {
      this.#requestNumber = (this.#requestNumber + 1) & 0x3f
      pending.numbers.push(this.#requestNumber)
    }
    const { netFn, data = nothing } = command
    const request = { netFn, command: command.command, sequence: this.#requestNumber, data }
    const packet = this.#sealed.seal(command.bridge ? envelope(request, command.bridge) : request)
    try {
      options.before?.()
    } catch (error) {
      return this.#settle(pending, () => pending.reject(error))
    }
    // `before` may have aborted the request.
    if (this.#current !== pending) return
    this.#sealed.send(packet)
    pending.sent++
    pending.sentSinceBusy++
    pending.stopTimer = this.#env.setTimer(() => this.#silence(pending), this.#patienceMs(pending))
  }

  /** The n-th attempt waits n times as long. What is asked only once waits as long as all attempts of the others together. */
  #patienceMs({ command, sentSinceBusy }: Pending): number {
    const { timeoutMs, retries } = this.#login.timing
    return command.kind === 'once' ? (timeoutMs * (retries + 1) * (retries + 2)) / 2 : timeoutMs * sentSinceBusy
  }

  #silence(pending: Pending): void {
    const { command } = pending
    const { retries } = this.#login.timing
    // Closing is a courtesy that nobody should wait long for.
    const most = this.#closing ? Math.min(retries, 2) : retries
    if (command.kind !== 'once' && pending.sentSinceBusy <= most) return this.#send(pending)
    const times = pending.sent === 1 ? 'once' : `${pending.sent} times`
    const outcome = command.kind === 'read' ? '' : '; whether it was done is unknown'
    const why = `${this.#login.bmc} no longer answers in this session: it expired there, or the BMC is gone`
    const error = new IpmiError('session-lost', `${why} (${command.name} sent ${times})${outcome}`)
    this.#settle(pending, () => pending.reject(error), false)
    this.#end(error)
  }

  #receive(response: IpmiResponse): void {
    const pending = this.#current
    if (!pending || !pending.numbers.includes(response.sequence)) return
    const { netFn, command, bridge } = pending.command
    const answer = bridge ? openedOrNoise(response) : response
    if (!answer) return
    const isOurs = answer.netFn === netFn + 1 && answer.command === command
    if (isOurs || (bridge && isSendMessage(answer))) this.#answer(pending, answer)
  }

  #answer(pending: Pending, response: IpmiResponse): void {
    const { completionCode, data } = response
    const { command } = pending
    const bridgeFailed = command.bridge !== undefined && isSendMessage(response)
    pending.answered++
    const { busyRetries, busyPauseMs } = this.#login.timing
    if (isBusy(completionCode) && pending.busyAnswers < busyRetries) {
      const pauseMs = Math.min(busyPauseMs * 2 ** pending.busyAnswers, longestBusyPauseMs)
      pending.busyAnswers++
      pending.sentSinceBusy = 0
      pending.stopTimer()
      pending.stopTimer = this.#env.setTimer(() => this.#send(pending), pauseMs)
      return
    }
    this.#settle(pending, () => {
      if (completionCode === 0) return pending.resolve(data)
      const specific = bridgeFailed ? sendMessageCompletions : command.completions
      const text = completionText(completionCode, specific)
      const message = `${this.#login.bmc} refused ${command.name}: ${text}`
      pending.reject(new IpmiError(completionKind(completionCode), message, completionCode))
    })
  }

  #settle(pending: Pending, finish: () => void, goOn = true): void {
    pending.stopTimer()
    pending.options.signal?.removeEventListener('abort', pending.abort)
    if (pending.command.kind !== 'read' && pending.sent > pending.answered) this.stragglers = true
    if (this.#current === pending) this.#current = undefined
    else this.#queue.splice(this.#queue.indexOf(pending), 1)
    finish()
    if (goOn) this.#next()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#ended) return
    const error = new IpmiError('closed', `the session with ${this.#login.bmc} was closed`)
    this.#ended = error
    this.#drain(error)
    // What the BMC answers does not matter; without an answer its own timeout (60 s ± 3, §6.12.15) closes the session.
    await this.#ask(closeSessionCommand(this.id), {}).catch(() => {})
    this.#release()
  }

  abandon(): void {
    this.#end(new IpmiError('closed', `the session with ${this.#login.bmc} was given up`))
  }

  /** Ends a session that the BMC lost, with one packet in case that it did not. */
  #end(error: IpmiError): void {
    if (this.#ended) return
    this.#ended = error
    this.#drain(error)
    this.#sealed.abandon()
    this.#release()
  }

  #drain(error: IpmiError): void {
    const open = [...(this.#current ? [this.#current] : []), ...this.#queue]
    for (const pending of open)
      this.#settle(pending, () => pending.reject(new IpmiError(error.kind, error.message)), false)
  }

  #aborted(command: Command): IpmiError {
    return new IpmiError('aborted', `${command.name} to ${this.#login.bmc} was aborted`)
  }
}

const nothing = new Uint8Array(0)

/** Undefined where nothing is said yet, or nothing that can be read: the request's timer deals with what is missing. */
function openedOrNoise(response: IpmiResponse): IpmiResponse | undefined {
  try {
    return opened(response)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}
