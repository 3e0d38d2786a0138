// The console of a machine over an open session (IPMI 2.0 §15): characters both ways, each packet acknowledged before the next.
// 1. One packet of ours is on its way at a time; it is sent again until the BMC has said how much of it was accepted, and the rest follows under the
// next number. 2. Of what comes each character counts once, also where a packet comes again, longer. 3. `before` is asked at each packet that types.
import { CodecError } from './codec/cursor.ts'
import { decodeSol, encodeSol, nextSequence, type SolPacket, solOperation, solStatus } from './codec/sol.ts'
import type { Env } from './env.ts'
import { IpmiError } from './errors.ts'

/** How packets come and go: a session. */
export interface SolCarrier {
  sendSol(payload: Uint8Array): void
  /** Who gets what comes; undefined: nobody. */
  onSol: ((payload: Uint8Array) => void) | undefined
}

export interface ConsoleLineOptions {
  readonly env: Pick<Env, 'setTimer'>
  readonly carrier: SolCarrier
  /** Characters in one packet. */
  readonly most: number
  /** Throws when nothing may be typed any more. */
  readonly before: () => void
  readonly onData: (data: Uint8Array) => void
  /** The BMC has ended it, or does not answer, or `before` has refused. */
  readonly onEnd: (why: Error) => void
  /** How long to wait for an acknowledgement, default 500; as ipmitool it then sends again, 7 times at most. */
  readonly retryMs?: number
}

const RETRIES = 7
const RETRY_MS = 500
const nothing = new Uint8Array(0)

interface Outgoing {
  readonly data: Uint8Array
  readonly flags: number
}

export class ConsoleLine {
  readonly #options: ConsoleLineOptions
  readonly #queue: Outgoing[] = []
  #current: Outgoing | undefined
  #sequence = 0
  #sent = 0
  #stopTimer = () => {}
  #heard = { sequence: 0, characters: 0 }
  #drained: (() => void)[] = []
  #ended = false

  constructor(options: ConsoleLineOptions) {
    this.#options = options
    options.carrier.onSol = (payload) => this.#receive(payload)
  }

  /** Resolves when the BMC has accepted it all, or the line has ended. */
  async write(data: Uint8Array): Promise<void> {
    const { most } = this.#options
    for (let at = 0; at < data.length; at += most) this.#queue.push({ data: data.subarray(at, at + most), flags: 0 })
    await this.#empty()
  }

  /** A serial break (§15.9): magic SysRq, firmware menus. */
  async sendBreak(): Promise<void> {
    this.#queue.push({ data: nothing, flags: solOperation.break })
    await this.#empty()
  }

  /** Nothing comes or goes any more. The payload is still to be deactivated. */
  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopTimer()
    this.#options.carrier.onSol = undefined
    this.#queue.length = 0
    this.#current = undefined
    this.#tellDrained()
  }

  #empty(): Promise<void> {
    if (this.#ended) return Promise.resolve()
    const empty = new Promise<void>((resolve) => this.#drained.push(resolve))
    this.#next()
    return empty
  }

  #next(): void {
    if (this.#current || this.#ended) return
    this.#current = this.#queue.shift()
    if (this.#current === undefined) return this.#tellDrained()
    this.#sequence = nextSequence(this.#sequence)
    this.#sent = 0
    this.#send()
  }

  #send(): void {
    const { env, carrier, before, retryMs = RETRY_MS } = this.#options
    const current = this.#current
    if (current === undefined) return
    if (this.#sent > RETRIES)
      return this.#end(new IpmiError('session-lost', `the BMC did not take what was typed (sent ${this.#sent} times)`))
    try {
      before()
    } catch (error) {
      return this.#end(error as Error)
    }
    this.#sent++
    carrier.sendSol(encodeSol({ sequence: this.#sequence, acknowledges: 0, accepted: 0, ...current }))
    this.#stopTimer = env.setTimer(() => this.#send(), retryMs)
  }

  #receive(payload: Uint8Array): void {
    let packet: SolPacket
    try {
      packet = decodeSol(payload)
    } catch (error) {
      if (error instanceof CodecError) return
      throw error
    }
    if (packet.flags & solStatus.inactive) return this.#end(new IpmiError('closed', 'the BMC has ended the console'))
    if (packet.sequence !== 0) this.#take(packet)
    if (packet.acknowledges !== 0 && packet.acknowledges === this.#sequence) this.#acknowledged(packet)
  }

  #take({ sequence, data }: SolPacket): void {
    const known = sequence === this.#heard.sequence ? this.#heard.characters : 0
    const characters = Math.max(known, data.length)
    this.#heard = { sequence, characters }
    const acknowledgement = { sequence: 0, acknowledges: sequence, accepted: characters, flags: 0, data: nothing }
    this.#options.carrier.sendSol(encodeSol(acknowledgement))
    if (data.length > known) this.#options.onData(data.subarray(known))
  }

  #acknowledged({ accepted }: SolPacket): void {
    const current = this.#current
    if (current === undefined) return
    this.#stopTimer()
    const rest = current.data.subarray(Math.min(accepted, current.data.length))
    if (rest.length === 0) {
      this.#current = undefined
      return this.#next()
    }
    // What was not accepted goes under the next number: at once, or in a while where the BMC takes nothing now (§15.11).
    this.#current = { ...current, data: rest }
    this.#sequence = nextSequence(this.#sequence)
    this.#sent = 0
    if (accepted > 0) return this.#send()
    this.#stopTimer = this.#options.env.setTimer(() => this.#send(), this.#options.retryMs ?? RETRY_MS)
  }

  #tellDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  #end(why: Error): void {
    if (this.#ended) return
    this.close()
    this.#options.onEnd(why)
  }
}
