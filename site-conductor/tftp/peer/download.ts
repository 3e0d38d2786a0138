// A TFTP client's side of one download, as a state machine over an injected wire and clock (RFC 1350, 2347, 7440).
// Written apart from the server on purpose: it shares nothing with it but the packet codec.
import { decodeTftp, encodeTftp } from '../packet.ts'
import type { Clock } from '../patience.ts'

export interface DownloadOptions {
  file: string
  /** 'blksize' → '1468' and so on; empty asks for none. */
  wants?: Record<string, string>
  send: (bytes: Buffer) => void
  clock: Clock
  /** How long to wait before the last packet is sent again. */
  timeoutMs?: number
  mostTimeouts?: number
  onEnd: (end: { error?: string }) => void
}

export class Download {
  readonly #options: DownloadOptions
  readonly #parts: Buffer[] = []
  #blockBytes = 512
  #windowBlocks = 1
  #received = 0
  #sinceAck = 0
  #gapReportedAt = -1
  #last: Buffer
  #timeoutsInARow = 0
  #cancelTimer = () => {}
  #ended = false
  acknowledged = new Map<string, string>()
  dataPackets = 0

  constructor(options: DownloadOptions) {
    this.#options = options
    const wants = new Map(Object.entries(options.wants ?? {}))
    this.#last = encodeTftp({ op: 'read', file: options.file, mode: 'octet', options: wants })
  }

  get content(): Buffer {
    return Buffer.concat(this.#parts)
  }

  start(): void {
    this.#options.send(this.#last)
    this.#startTimer()
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended) return
    const packet = decodeTftp(bytes)
    if (packet.op === 'error') this.#end(`${packet.code} ${packet.message}`)
    else if (packet.op === 'oack' && this.#received === 0) {
      this.acknowledged = packet.options
      this.#blockBytes = Number(packet.options.get('blksize') ?? 512)
      this.#windowBlocks = Number(packet.options.get('windowsize') ?? 1)
      this.#acknowledge()
    } else if (packet.op === 'data') this.#onData(packet.block, packet.data)
  }

  #onData(wireBlock: number, data: Uint8Array): void {
    this.dataPackets++
    const ahead = (wireBlock - this.#received) & 0xffff
    if (ahead === 1) {
      this.#parts.push(Buffer.from(data))
      this.#received++
      this.#sinceAck++
      this.#timeoutsInARow = 0
      this.#startTimer()
      const isLast = data.length < this.#blockBytes
      if (isLast || this.#sinceAck === this.#windowBlocks) this.#acknowledge()
      if (isLast) this.#end()
    } else if (ahead === 0 && this.#received > 0 && this.#sinceAck === 0) {
      // What we have acknowledged, again: that ACK was lost.
      this.#acknowledge()
    } else if (ahead < 0x8000 && this.#gapReportedAt !== this.#received) {
      this.#gapReportedAt = this.#received
      this.#acknowledge()
    }
  }

  #acknowledge(): void {
    this.#sinceAck = 0
    this.#last = encodeTftp({ op: 'ack', block: this.#received & 0xffff })
    this.#options.send(this.#last)
    this.#startTimer()
  }

  #startTimer(): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#options.clock.after(this.#options.timeoutMs ?? 1_500, () => {
      this.#timeoutsInARow++
      this.#gapReportedAt = -1
      if (this.#timeoutsInARow > (this.#options.mostTimeouts ?? 8)) {
        this.#end('timed out')
        return
      }
      if (this.#received > 0) this.#acknowledge()
      else {
        this.#options.send(this.#last)
        this.#startTimer()
      }
    })
  }

  #end(error?: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelTimer()
    this.#options.onEnd(error === undefined ? {} : { error })
  }
}
