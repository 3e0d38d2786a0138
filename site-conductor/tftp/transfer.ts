// One file on its way to one client (RFC 1350 §2, RFC 7440 §4). A state machine over an injected wire and clock.
// 1. Only an ACK that moves the transfer on, or one that answers the window just sent, causes data to be sent: a doubled
//    ACK never doubles the data (Sorcerer's Apprentice).
// 2. Blocks count on without end; only their lower 16 bits are on the wire, so files may be of any size.
// 3. It ends exactly once, with its statistics.
import { ERROR_CODES, CodecError, decodeTftp, encodeTftp, writeDataHeader } from './packet.ts'
import type { Agreed } from './options.ts'

/** What a resolver gives for a name. `read` gives exactly `lengthBytes` bytes from `offset`, less only at the end of the file. */
export interface TftpContent {
  sizeBytes: number
  read(offset: number, lengthBytes: number): Uint8Array | Promise<Uint8Array>
  close?(): void
}

export interface TransferStats {
  file: string
  client: { address: string; port: number }
  /** `aborted`: the client sent an ERROR (firmware does so after it has read `tsize`). */
  outcome: 'complete' | 'aborted' | 'timed-out' | 'failed'
  sizeBytes: number
  /** Bytes the client has acknowledged. */
  sentBytes: number
  durationMs: number
  blockBytes: number
  windowBlocks: number
  /** Windows sent again after silence, and after a gap that the client reported. */
  timeouts: number
  gaps: number
  /** Why it failed or was aborted; from the client, so not to be trusted as text. */
  detail?: string
}

export interface TransferWire {
  send(bytes: Buffer, offset: number, length: number): void
}

export interface Clock {
  nowMs(): number
  /** Calls `then` once after `delayMs`, unless the returned function is called first. */
  after(delayMs: number, then: () => void): () => void
}

export interface TransferOptions {
  file: string
  client: { address: string; port: number }
  content: TftpContent
  agreed: Agreed
  wire: TransferWire
  clock: Clock
  onEnd: (stats: TransferStats) => void
}

const FIRST_TIMEOUT_MS = 1_000
/** Once a round trip is known, four of the slowest are waited for, but no less than this. */
const LEAST_TIMEOUT_MS = 250
const LONGEST_TIMEOUT_MS = 8_000
/** With doubling from 1 s: silent for 1+2+4+8+8+8 s; from 250 ms for 8 s. */
const MOST_TIMEOUTS_IN_A_ROW = 6

export class Transfer {
  readonly #options: TransferOptions
  readonly #startedMs: number
  readonly #blocks: number
  readonly #window: Buffer
  readonly #slotBytes: number
  /** Blocks 1..#acked have arrived; -1 while the OACK is not acknowledged. */
  #acked: number
  #sent = 0
  /** The last block whose data is in the window buffer. */
  #loadedTo = 0
  #windowSentMs = 0
  #quickestRoundTripMs = Number.POSITIVE_INFINITY
  #slowestRoundTripMs = 0
  #resentForGap = false
  #timeoutsInARow = 0
  #timeouts = 0
  #gaps = 0
  /** When a reaction is due, and when the timer fires (0: none runs); the second may be earlier than the first. */
  #deadlineMs = 0
  #timerMs = 0
  #cancelTimer = () => {}
  #busy = false
  #ended = false

  constructor(options: TransferOptions) {
    this.#options = options
    this.#startedMs = options.clock.nowMs()
    const { blockBytes, windowBlocks } = options.agreed
    // A file that is a multiple of the block size ends with an empty block (RFC 1350 §6).
    this.#blocks = Math.floor(options.content.sizeBytes / blockBytes) + 1
    this.#slotBytes = blockBytes + 4
    this.#window = Buffer.allocUnsafe(this.#slotBytes * Math.min(windowBlocks, this.#blocks))
    this.#acked = options.agreed.acknowledged.size > 0 ? -1 : 0
  }

  start(): void {
    if (this.#acked === -1) this.#sendOack()
    else this.#sendWindow()
  }

  /** A datagram from the client's address and port. */
  receive(bytes: Uint8Array): void {
    if (this.#ended) return
    try {
      const packet = decodeTftp(bytes)
      if (packet.op === 'ack') this.#onAck(packet.block)
      else if (packet.op === 'error') this.#end('aborted', `${packet.code} ${packet.message}`)
      else if (packet.op === 'data' || packet.op === 'oack') this.fail('illegal-operation', 'ACK or ERROR expected')
      // A repeated RRQ came before our first answer did; the timer takes care of it.
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.fail('illegal-operation', 'malformed packet')
    }
  }

  /** Tells the client and ends. The text is sent to the network: it never holds a path. */
  fail(code: keyof typeof ERROR_CODES, message: string): void {
    if (this.#ended) return
    this.#write(encodeTftp({ op: 'error', code: ERROR_CODES[code], message }))
    this.#end('failed', message)
  }

  /** Ends without a word to the client, which is gone. */
  abort(detail: string): void {
    this.#end('aborted', detail)
  }

  #onAck(wireBlock: number): void {
    if (this.#busy) return
    if (this.#acked === -1) {
      if (wireBlock === 0) this.#advance(0)
      return
    }
    // The block in acked..acked+65535 with these lower bits; later than what was sent means an old one.
    const block = this.#acked + ((wireBlock - this.#acked) & 0xffff)
    if (block > this.#sent) return
    if (block > this.#acked) this.#advance(block)
    else if (this.#isGapReport()) {
      this.#gaps++
      this.#resentForGap = true
      this.#sent = this.#acked
      this.#sendWindow()
    }
  }

  #advance(block: number): void {
    const { clock } = this.#options
    if (this.#timeoutsInARow === 0) {
      const roundTripMs = clock.nowMs() - this.#windowSentMs
      this.#quickestRoundTripMs = Math.min(this.#quickestRoundTripMs, roundTripMs)
      this.#slowestRoundTripMs = Math.max(this.#slowestRoundTripMs, roundTripMs)
    }
    // An ACK short of the window's end reports a gap, and asks for the rest (RFC 7440 §4).
    if (block < this.#sent) this.#gaps++
    this.#acked = block
    this.#sent = block
    this.#timeoutsInARow = 0
    this.#resentForGap = false
    if (block === this.#blocks) this.#end('complete')
    else this.#sendWindow()
  }

  /**
   * The last ACK once more. With a window it means that the window's first block was lost, or that the network doubled
   * the ACK. An answer takes at least about the quickest round trip, a doubled packet comes at once; and it is believed once a window.
   */
  #isGapReport(): boolean {
    if (this.#options.agreed.windowBlocks === 1 || this.#resentForGap) return false
    return this.#options.clock.nowMs() - this.#windowSentMs >= this.#quickestRoundTripMs / 2
  }

  #sendWindow(): void {
    const { blockBytes, windowBlocks } = this.#options.agreed
    const first = this.#acked + 1
    const last = Math.min(this.#acked + windowBlocks, this.#blocks)
    if (this.#loadedTo >= last) {
      this.#sendBlocks(first, last)
      return
    }
    const from = Math.max(first, this.#loadedTo + 1)
    const offset = (from - 1) * blockBytes
    const length = Math.min(last * blockBytes, this.#options.content.sizeBytes) - offset
    const data = length > 0 ? this.#read(offset, length) : new Uint8Array(0)
    if (data === null) return
    if (data instanceof Uint8Array) this.#load(from, last, data, length)
    else void this.#loadLater(from, last, data, length)
  }

  /** While the file is read nothing is on its way: no timer runs and no ACK counts. */
  async #loadLater(from: number, last: number, data: Promise<Uint8Array>, length: number): Promise<void> {
    this.#busy = true
    this.#stopTimer()
    try {
      const bytes = await data
      this.#busy = false
      if (!this.#ended) this.#load(from, last, bytes, length)
    } catch (error) {
      this.#readFailed(error)
    }
  }

  #read(offset: number, length: number): Uint8Array | Promise<Uint8Array> | null {
    try {
      return this.#options.content.read(offset, length)
    } catch (error) {
      this.#readFailed(error)
      return null
    }
  }

  #readFailed(error: unknown): void {
    this.#busy = false
    if (this.#ended) return
    this.#write(encodeTftp({ op: 'error', code: ERROR_CODES.undefined, message: 'read failed' }))
    this.#end('failed', error instanceof Error ? error.message : String(error))
  }

  #load(from: number, last: number, data: Uint8Array, length: number): void {
    if (data.length !== length) {
      this.#readFailed(new Error(`${length} bytes wanted, the file gave ${data.length}: it has changed`))
      return
    }
    const { blockBytes } = this.#options.agreed
    for (let block = from; block <= last; block++) {
      const slot = this.#slot(block)
      writeDataHeader(this.#window, slot, block)
      const start = (block - from) * blockBytes
      this.#window.set(data.subarray(start, start + blockBytes), slot + 4)
    }
    this.#loadedTo = last
    this.#sendBlocks(this.#acked + 1, last)
  }

  #sendBlocks(first: number, last: number): void {
    const { blockBytes } = this.#options.agreed
    const { sizeBytes } = this.#options.content
    for (let block = first; block <= last; block++) {
      const length = Math.min(blockBytes, sizeBytes - (block - 1) * blockBytes)
      this.#options.wire.send(this.#window, this.#slot(block), length + 4)
    }
    this.#sent = last
    this.#windowSentMs = this.#options.clock.nowMs()
    this.#startTimer()
  }

  #slot(block: number): number {
    return ((block - 1) % Math.floor(this.#window.length / this.#slotBytes)) * this.#slotBytes
  }

  #sendOack(): void {
    this.#write(encodeTftp({ op: 'oack', options: this.#options.agreed.acknowledged }))
    this.#windowSentMs = this.#options.clock.nowMs()
    this.#startTimer()
  }

  #write(bytes: Buffer): void {
    this.#options.wire.send(bytes, 0, bytes.length)
  }

  /** Moves the deadline. The timer itself is left running and looks at it when it fires: most never need to. */
  #startTimer(): void {
    const { clock, agreed } = this.#options
    const delayMs = agreed.timeoutMs ?? this.#backoffMs()
    const deadlineMs = clock.nowMs() + delayMs
    const runsLonger = this.#timerMs > deadlineMs
    this.#deadlineMs = deadlineMs
    if (this.#timerMs === 0 || runsLonger) this.#arm(delayMs)
  }

  #stopTimer(): void {
    this.#cancelTimer()
    this.#timerMs = 0
  }

  #arm(delayMs: number): void {
    const { clock } = this.#options
    this.#cancelTimer()
    this.#timerMs = clock.nowMs() + delayMs
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#timerMs = 0
      const leftMs = this.#deadlineMs - clock.nowMs()
      if (leftMs > 0) this.#arm(leftMs)
      else this.#onTimeout()
    })
  }

  #backoffMs(): number {
    const known = this.#quickestRoundTripMs < Number.POSITIVE_INFINITY
    const patienceMs = Math.max(LEAST_TIMEOUT_MS, 4 * this.#slowestRoundTripMs)
    const firstMs = known ? Math.min(patienceMs, FIRST_TIMEOUT_MS) : FIRST_TIMEOUT_MS
    return Math.min(firstMs * 2 ** this.#timeoutsInARow, LONGEST_TIMEOUT_MS)
  }

  #onTimeout(): void {
    if (this.#ended) return
    this.#timeouts++
    this.#timeoutsInARow++
    if (this.#timeoutsInARow >= MOST_TIMEOUTS_IN_A_ROW) {
      this.#end('timed-out')
      return
    }
    this.#resentForGap = false
    if (this.#acked === -1) this.#sendOack()
    else this.#sendWindow()
  }

  #end(outcome: TransferStats['outcome'], detail?: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopTimer()
    const { file, client, content, agreed, clock, onEnd } = this.#options
    content.close?.()
    onEnd({
      file,
      client,
      outcome,
      sizeBytes: content.sizeBytes,
      sentBytes: Math.min(Math.max(this.#acked, 0) * agreed.blockBytes, content.sizeBytes),
      durationMs: clock.nowMs() - this.#startedMs,
      blockBytes: agreed.blockBytes,
      windowBlocks: agreed.windowBlocks,
      timeouts: this.#timeouts,
      gaps: this.#gaps,
      ...(detail !== undefined && { detail }),
    })
  }
}
