// An RMCP+ session: asks commands one at a time, again after silence or "node busy", and closes.
// Invariants: `before` runs in the turn of every packet of its request; an answer counts once, and only if its HMAC, its sequence
// number and its request number are right; a `once` command is never sent again after silence.
import { CodecError } from './codec/cursor.ts'
import { decodeResponse, encodeRequest, type IpmiResponse } from './codec/message.ts'
import { afterRmcp, isRmcpPlus } from './codec/rmcp.ts'
import { decodeSession20, encodeSealed20, payloadType, unseal20 } from './codec/session20.ts'
import type { SuiteId } from './codec/suites.ts'
import { closeSessionCommand } from './commands/close-session.ts'
import { setSessionPrivilege, type Privilege } from './commands/session-privilege.ts'
import { completionKind, completionText, isBusy } from './completion.ts'
import { nodeEnv, type Env } from './env.ts'
import { IpmiError } from './errors.ts'
import { handshake, type Established } from './handshake.ts'
import { loginOf, type Login, type SessionOptions } from './options.ts'
import type { Command, Requester, RequestOptions } from './request.ts'
import { openTransport, type Channel } from './transport.ts'
import { ReplayWindow } from './window.ts'

export interface Session extends Requester {
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
}

/**
 * Opens a session (five or six round trips) and raises it to `privilege`.
 * Throws IpmiError: 'timeout', 'authentication', 'privilege', 'cipher', 'busy' (no free session), 'aborted', 'argument', 'protocol'.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const login = loginOf(options)
  const env = options.env ?? nodeEnv()
  const transport = options.transport ?? openTransport(env)
  let channel: Channel | undefined
  const release = () => {
    channel?.release()
    if (!options.transport) transport.close()
  }
  try {
    const address = await env.lookup(options.host)
    channel = await transport.open(address, options.port ?? 623)
    const session = new LiveSession(env, channel, login, await handshake(env, channel, login), release)
    // A session starts at User level (§22.18), so that only more needs asking for.
    if (login.privilege === 'operator' || login.privilege === 'administrator') await raise(session, login)
    return session
  } catch (error) {
    release()
    throw error
  }
}

async function raise(session: LiveSession, { privilege, signal }: Login): Promise<void> {
  try {
    await setSessionPrivilege(session, privilege, { signal })
  } catch (error) {
    await session.close()
    throw error
  }
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

class LiveSession implements Session {
  readonly id: number
  readonly privilege: Privilege
  readonly cipherSuite: SuiteId
  stragglers = false
  readonly #env: Env
  readonly #channel: Channel
  readonly #login: Login
  readonly #keys: Established['keys']
  readonly #consoleId: number
  readonly #release: () => void
  readonly #window = new ReplayWindow()
  readonly #queue: Pending[] = []
  #current: Pending | undefined
  #sequence = 0
  #requestNumber = 0
  #ended: IpmiError | undefined
  #closing: Promise<void> | undefined

  constructor(env: Env, channel: Channel, login: Login, established: Established, release: () => void) {
    this.id = established.managedId
    this.privilege = login.privilege
    this.cipherSuite = established.keys.suite.id
    this.#env = env
    this.#channel = channel
    this.#login = login
    this.#keys = established.keys
    this.#consoleId = established.consoleId
    this.#release = release
    channel.onPacket = (packet) => this.#receive(packet)
  }

  get alive(): boolean {
    return this.#ended === undefined
  }

  request(command: Command, options: RequestOptions = {}): Promise<Uint8Array> {
    if (this.#ended) return Promise.reject(new IpmiError(this.#ended.kind, this.#ended.message))
    return this.#ask(command, options)
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
    const sequence = this.#requestNumber
    const payload = encodeRequest({ netFn, command: command.command, sequence, data })
    const frame = { payloadType: payloadType.ipmi, sessionId: this.id, sequence: ++this.#sequence, payload }
    const packet = encodeSealed20(frame, this.#keys, this.#env.random(16))
    try {
      options.before?.()
    } catch (error) {
      return this.#settle(pending, () => pending.reject(error))
    }
    // `before` may have aborted the request.
    if (this.#current !== pending) return
    this.#channel.send(packet)
    pending.sent++
    pending.sentSinceBusy++
    pending.stopTimer = this.#env.setTimer(
      () => this.#silence(pending),
      this.#login.timing.timeoutMs * pending.sentSinceBusy,
    )
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

  #receive(packet: Uint8Array): void {
    let response: IpmiResponse
    try {
      const wrapper = afterRmcp(packet)
      if (!isRmcpPlus(wrapper)) return
      const frame = decodeSession20(wrapper)
      if (frame.sessionId !== this.#consoleId || frame.payloadType !== payloadType.ipmi) return
      const message = unseal20(wrapper, frame, this.#keys)
      if (!this.#window.accept(frame.sequence)) return
      response = decodeResponse(message)
    } catch (error) {
      // Noise, or somebody's forgery: the request's timer deals with what is missing.
      if (error instanceof CodecError) return
      throw error
    }
    const pending = this.#current
    if (!pending || !pending.numbers.includes(response.sequence)) return
    if (response.netFn !== pending.command.netFn + 1 || response.command !== pending.command.command) return
    this.#answer(pending, response)
  }

  #answer(pending: Pending, { completionCode, data }: IpmiResponse): void {
    const { command } = pending
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
      const text = completionText(completionCode, command.completions)
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

  /** Ends a session that the BMC lost, with one packet in case that it did not. */
  #end(error: IpmiError): void {
    if (this.#ended) return
    this.#ended = error
    this.#drain(error)
    const { netFn, command, data = nothing } = closeSessionCommand(this.id)
    const payload = encodeRequest({ netFn, command, sequence: 0, data })
    const frame = { payloadType: payloadType.ipmi, sessionId: this.id, sequence: ++this.#sequence, payload }
    this.#channel.send(encodeSealed20(frame, this.#keys, this.#env.random(16)))
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
