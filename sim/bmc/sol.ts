// The BMC's side of serial over LAN (IPMI 2.0 §15): a serial line to the machine, and at most one console on it.
import {
  decodeSol,
  encodeSol,
  nextSequence,
  SOL_HEADER_BYTES,
  solOperation,
  solStatus,
} from '../../site-conductor/ipmi/codec/sol.ts'
import { payloadType } from '../../site-conductor/ipmi/codec/session20.ts'
import type { Answer } from './commands.ts'
import type { SetTimer } from './network.ts'
import type { BmcSession } from './sessions.ts'

/** What firmware is found to do. */
export interface SolFaults {
  /** Characters that it accepts of each packet. */
  acceptsAtOnce: number
  /** So many packets it refuses for now. */
  unavailable: number
  enabled: boolean
}

export interface SerialLine {
  /** What the machine was typed, and BREAK for each break. */
  readonly typed: string
  /** The machine says something. */
  say(text: string): void
  /** How often somebody got the console. */
  readonly activations: number
  readonly isActive: boolean
  /** Ends the console from the BMC's side. */
  drop(): void
  onTyped: (text: string) => void
}

const INBOUND_BYTES = 64 + SOL_HEADER_BYTES
const OUTBOUND_CHARACTERS = 48
const RETRY_MS = 20

export class Sol implements SerialLine {
  readonly faults: SolFaults = { acceptsAtOnce: 255, unavailable: 0, enabled: true }
  readonly #setTimer: SetTimer
  /** The BMC's own: ipmitool insists on it. */
  port = 623
  typed = ''
  activations = 0
  onTyped: SerialLine['onTyped'] = () => {}
  #session: BmcSession | undefined
  #waiting = Buffer.alloc(0)
  #outgoing: { sequence: number; data: Buffer } | undefined
  #sequence = 0
  /** The console's last packet, and what was accepted of it. */
  #heard = { sequence: 0, accepted: 0 }
  #stopTimer = () => {}

  constructor(setTimer: SetTimer) {
    this.#setTimer = setTimer
  }

  get isActive(): boolean {
    return this.#session !== undefined
  }

  say(text: string): void {
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(text)])
    this.#next()
  }

  activate(data: Uint8Array, session: BmcSession | undefined): Answer {
    if (data.length < 6 || !session) return { code: 0xc7 }
    if ((data[0] ?? 0) !== 1 || data[1] !== 1) return { code: 0xcc }
    if (!this.faults.enabled) return { code: 0x81 }
    if (this.#session) return { code: 0x80 }
    if (((data[2] ?? 0) & 0xc0) !== 0xc0) return { code: 0x84 }
    this.activations++
    this.#session = session
    this.#sequence = 0
    this.#heard = { sequence: 0, accepted: 0 }
    // Behind the answer.
    queueMicrotask(() => this.#next())
    const size = (bytes: number) => [bytes & 0xff, bytes >> 8]
    return {
      data: [
        0,
        0,
        0,
        0,
        ...size(INBOUND_BYTES),
        ...size(OUTBOUND_CHARACTERS + SOL_HEADER_BYTES),
        ...size(this.port),
        0xff,
        0xff,
      ],
    }
  }

  deactivate(): Answer {
    if (!this.#session) return { code: 0x80 }
    this.drop()
    return {}
  }

  drop(): void {
    this.#push({ sequence: 0, flags: solStatus.inactive })
    this.#forget()
  }

  /** A session that is closed takes its console with it. */
  closed(session: BmcSession): void {
    if (session === this.#session) this.#forget()
  }

  #forget(): void {
    this.#stopTimer()
    this.#session = undefined
    this.#outgoing = undefined
  }

  receive(payload: Uint8Array, session: BmcSession): void {
    if (session !== this.#session) return
    const { sequence, acknowledges, accepted, flags, data } = decodeSol(payload)
    if (acknowledges !== 0 && acknowledges === this.#outgoing?.sequence) {
      this.#stopTimer()
      this.#waiting = Buffer.concat([this.#outgoing.data.subarray(accepted), this.#waiting])
      this.#outgoing = undefined
    }
    if (sequence !== 0) this.#take(sequence, flags, data)
    this.#next()
  }

  #take(sequence: number, flags: number, data: Uint8Array): void {
    if (sequence !== this.#heard.sequence) {
      const isUnavailable = this.faults.unavailable > 0
      if (isUnavailable) this.faults.unavailable--
      const accepted = isUnavailable ? 0 : Math.min(data.length, this.faults.acceptsAtOnce)
      this.#heard = { sequence, accepted }
      const text = Buffer.from(data.subarray(0, accepted)).toString() + (flags & solOperation.break ? 'BREAK' : '')
      this.typed += text
      if (text !== '') this.onTyped(text)
    }
    const { accepted } = this.#heard
    const missing = accepted < data.length ? solStatus.nack | (accepted === 0 ? solStatus.unavailable : 0) : 0
    this.#push({ acknowledges: sequence, accepted, flags: missing })
  }

  #next(): void {
    if (!this.#session || this.#outgoing || this.#waiting.length === 0) return
    this.#sequence = nextSequence(this.#sequence)
    this.#outgoing = { sequence: this.#sequence, data: this.#waiting.subarray(0, OUTBOUND_CHARACTERS) }
    this.#waiting = this.#waiting.subarray(OUTBOUND_CHARACTERS)
    this.#send()
  }

  #send(): void {
    if (!this.#outgoing) return
    this.#push(this.#outgoing)
    this.#stopTimer = this.#setTimer(() => this.#send(), RETRY_MS)
  }

  #push(packet: {
    sequence?: number
    acknowledges?: number
    accepted?: number
    flags?: number
    data?: Uint8Array
  }): void {
    const whole = { sequence: 0, acknowledges: 0, accepted: 0, flags: 0, data: new Uint8Array(0), ...packet }
    this.#session?.push?.(payloadType.sol, encodeSol(whole))
  }
}
