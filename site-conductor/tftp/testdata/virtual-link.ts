// A client and a server's transfer joined by a bad network in virtual time: no sockets, no waiting, the same run for
// the same seed.
import { Download } from '../peer/download.ts'
import { negotiate } from '../options.ts'
import { decodeTftp } from '../packet.ts'
import { Transfer } from '../transfer.ts'
import type { TransferStats } from '../transfer.ts'
import type { Clock } from '../patience.ts'

export interface BadNetwork {
  /** Probabilities, 0..1. */
  loss: number
  double: number
  /** Latency of each datagram, drawn evenly from this range: a wide one reorders. */
  latencyMs: [number, number]
}

export class VirtualClock implements Clock {
  #nowMs = 0
  #next = 0
  readonly #due: { atMs: number; id: number; run: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, then: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, id: this.#next++, run: then }
    this.#due.push(entry)
    return () => {
      const at = this.#due.indexOf(entry)
      if (at !== -1) this.#due.splice(at, 1)
    }
  }

  /** Runs what is due next; false when nothing is left. */
  step(): boolean {
    let first = 0
    for (let at = 1; at < this.#due.length; at++) {
      const [a, b] = [this.#due[at], this.#due[first]]
      if (a && b && (a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id))) first = at
    }
    const entry = this.#due.splice(first, 1)[0]
    if (entry === undefined) return false
    this.#nowMs = entry.atMs
    entry.run()
    return true
  }

  /** Lets `durationMs` pass. */
  advance(durationMs: number): void {
    let reached = false
    this.after(durationMs, () => (reached = true))
    while (!reached) this.step()
  }
}

export interface VirtualResult {
  content: Buffer
  error?: string
  stats?: TransferStats
  dataPackets: number
  durationMs: number
}

/** One download of `file` over `network`, to its end or `mostSteps` events. */
export function virtualDownload(
  file: Buffer,
  wants: Record<string, string>,
  network: BadNetwork,
  random: () => number,
  mostSteps = 1_000_000,
): VirtualResult {
  const clock = new VirtualClock()
  let end: { error?: string } | undefined
  let stats: TransferStats | undefined
  let transfer: Transfer | undefined
  const deliver = (to: () => void): void => {
    const copies = random() < network.loss ? 0 : random() < network.double ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const [least, most] = network.latencyMs
      clock.after(least + random() * (most - least), to)
    }
  }
  const client = new Download({
    file: 'f',
    wants,
    clock,
    mostTimeouts: 30,
    onEnd: (result) => (end = result),
    send: (bytes) => deliver(() => toServer(bytes)),
  })
  const toServer = (bytes: Buffer): void => {
    const packet = decodeTftp(bytes)
    if (packet.op !== 'read') {
      transfer?.receive(bytes)
      return
    }
    // As the server does: a repeated request does not start a second transfer.
    if (transfer !== undefined) return
    transfer = new Transfer({
      file: 'f',
      client: { address: 'virtual', port: 1 },
      content: { sizeBytes: file.length, read: (offset, length) => file.subarray(offset, offset + length) },
      agreed: negotiate(packet.options, file.length),
      clock,
      wire: {
        send(bytes, offset, length) {
          const copy = Buffer.from(bytes.subarray(offset, offset + length))
          deliver(() => client.receive(copy))
        },
      },
      onEnd: (result) => (stats = result),
    })
    transfer.start()
  }
  client.start()
  for (let steps = 0; steps < mostSteps && (end === undefined || stats === undefined); steps++) {
    if (!clock.step()) break
  }
  const result = { content: client.content, dataPackets: client.dataPackets, durationMs: clock.nowMs() }
  return { ...result, ...(stats && { stats }), ...(end ?? { error: 'no end' }) }
}
