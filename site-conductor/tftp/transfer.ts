// One file on its way to one client (RFC 1350 §2, RFC 7440 §4). A state machine over an injected wire and clock.
// 1. Data is sent again only after silence, or once per round trip when an ACK reports a gap: doubled ACKs never double
//    the data (Sorcerer's Apprentice).
// 2. Blocks count on without end; only their lower 16 bits are on the wire, so files may be of any size.
// 3. It ends exactly once, with its statistics.
import { CodecError, ERROR_CODES, decodeTftp, encodeTftp } from './packet.ts'
import { Patience } from './patience.ts'
import { Window } from './window.ts'
import type { Agreed } from './options.ts'
import type { Clock } from './patience.ts'
import type { TftpContent } from './window.ts'

export interface TransferStats {
  file: string
  client: { address: string; port: number }
  /** `aborted`: the client sent an ERROR (firmware does so after it has read `tsize`) or is gone. */
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

export interface TransferOptions {
  file: string
  client: { address: string; port: number }
  content: TftpContent
  agreed: Agreed
  wire: TransferWire
  clock: Clock
  onEnd: (stats: TransferStats) => void
}

export class Transfer {
  readonly #options: TransferOptions
  readonly #startedMs: number
  readonly #window: Window
  readonly #patience: Patience
  /** Blocks 1..#acked have arrived; -1 while the OACK is not acknowledged. */
  #acked: number
  /** Blocks up to here have been sent; #repeated: some of the last ones more than once. */
  #sent = 0
  #repeated = false
  #timeouts = 0
  #gaps = 0
  #reading = false
  #ended = false

  constructor(options: TransferOptions) {
    this.#options = options
    this.#startedMs = options.clock.nowMs()
    this.#window = new Window(options.content, options.agreed)
    this.#patience = new Patience(options.clock, options.agreed.timeoutMs, () => this.#onTimeout())
    this.#acked = options.agreed.acknowledged.size > 0 ? -1 : 0
  }

  start(): void {
    if (this.#acked === -1) this.#sendOack()
    else this.#sendFrom(1)
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
    if (this.#reading) return
    if (this.#acked === -1) {
      if (wireBlock === 0) this.#advance(0)
      return
    }
    // The block in acked..acked+65535 with these lower bits; later than what was sent means an old one.
    const block = this.#acked + ((wireBlock - this.#acked) & 0xffff)
    if (block > this.#sent) return
    if (block > this.#acked) this.#advance(block)
    // The last ACK once more: the first block of the window was lost, or the network doubled the ACK.
    else if (this.#options.agreed.windowBlocks > 1 && this.#patience.mayBeAnswered()) this.#resend()
  }

  #advance(block: number): void {
    const atWindowEnd = block === this.#sent
    // An ACK short of the window's end reports a gap behind it, and asks for the rest again (RFC 7440 §4).
    const reportsGap = !atWindowEnd && this.#patience.mayBeAnswered()
    this.#patience.answered(atWindowEnd && !this.#repeated)
    this.#acked = block
    if (block === this.#window.blocks) this.#end('complete')
    else if (reportsGap) this.#resend()
    // Otherwise what follows it is on its way already, and only the window moves.
    else this.#sendFrom(this.#sent + 1)
  }

  #resend(): void {
    this.#gaps++
    this.#sendFrom(this.#acked + 1)
  }

  /** Sends from block `first` to the end of the window. */
  #sendFrom(first: number): void {
    const last = Math.min(this.#acked + this.#options.agreed.windowBlocks, this.#window.blocks)
    try {
      const loading = this.#window.load(last)
      if (loading === undefined) this.#sendBlocks(first, last)
      else void this.#sendLoaded(loading, first, last)
    } catch (error) {
      this.#readFailed(error)
    }
  }

  /** While the file is read no timer runs and no ACK counts. */
  async #sendLoaded(loading: Promise<void>, first: number, last: number): Promise<void> {
    this.#reading = true
    this.#patience.stop()
    try {
      await loading
      this.#reading = false
      if (!this.#ended) this.#sendBlocks(first, last)
    } catch (error) {
      this.#reading = false
      this.#readFailed(error)
    }
  }

  #readFailed(error: unknown): void {
    if (this.#ended) return
    this.#write(encodeTftp({ op: 'error', code: ERROR_CODES.undefined, message: 'read failed' }))
    this.#end('failed', error instanceof Error ? error.message : String(error))
  }

  #sendBlocks(first: number, last: number): void {
    if (first > last) return
    for (let block = first; block <= last; block++) {
      const { offset, length } = this.#window.packet(block)
      this.#options.wire.send(this.#window.packets, offset, length)
    }
    this.#repeated = first <= this.#sent
    this.#sent = last
    this.#patience.sent()
  }

  #sendOack(): void {
    this.#write(encodeTftp({ op: 'oack', options: this.#options.agreed.acknowledged }))
    this.#repeated = this.#timeouts > 0
    this.#patience.sent()
  }

  #write(bytes: Buffer): void {
    this.#options.wire.send(bytes, 0, bytes.length)
  }

  #onTimeout(): void {
    this.#timeouts++
    if (this.#patience.exhausted) this.#end('timed-out')
    else if (this.#acked === -1) this.#sendOack()
    else this.#sendFrom(this.#acked + 1)
  }

  #end(outcome: TransferStats['outcome'], detail?: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#patience.stop()
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
