// A bad line between a site and the cloud: a TCP relay that delays, stalls, cuts, half-closes, truncates and corrupts, from a seed; and that
// spoils a frame in a way that no WebSocket notices. 1. Bytes are spoilt only after the HTTP upgrade: what a real line spoils ends its TLS, and
// does not change what was signed. 2. A spoilt byte has its highest bit turned, so that no text of ours turns into another that is valid.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mulberry32 } from './bmc/network.ts'

export const FAULTS = ['delay', 'stall', 'cut', 'half-close', 'truncate', 'corrupt'] as const
export type Fault = (typeof FAULTS)[number]
/** `up`: from the site to the cloud. */
export type Direction = 'up' | 'down'

export interface FaultyProxyOptions {
  readonly cloudUrl: string
  /** Print it. */
  readonly seed: number
  /** Of a stall; longer than half a lease is noticed. */
  readonly stallMs: number
}

export interface FaultyProxy {
  /** Where the cloud is for whoever is behind this line. */
  readonly url: string
  /** How often each has happened. */
  readonly struck: Readonly<Record<Fault, number>>
  /** Does this to the connection there is, at the next bytes of a direction chosen by the seed; false while there is none with a WebSocket. */
  strike(fault: Fault): boolean
  /** The next frame's text begins with another character. */
  spoilNextFrame(direction: Direction): void
  close(): Promise<void>
}

const DELAY_MS = { least: 50, more: 400 }

export async function startFaultyProxy({ cloudUrl, seed, stallMs }: FaultyProxyOptions): Promise<FaultyProxy> {
  const { hostname, port } = new URL(cloudUrl)
  const random = mulberry32(seed)
  const struck = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>
  const sockets = new Set<Socket>()
  const spoiling = new Set<Direction>()
  /** Of the newest connection that became a WebSocket. */
  let newest: Record<Direction, Stream> | undefined
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
    const ends = { up: new Stream(near, far), down: new Stream(far, near) }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        if (newest === ends) newest = undefined
        near.destroy()
        far.destroy()
      })
    }
    for (const direction of ['up', 'down'] as const) ends[direction].onFrame = () => spoiling.delete(direction)
    ends.down.onUpgraded = () => void (newest = ends)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    struck,
    strike(fault) {
      const direction = random() < 0.5 ? 'up' : 'down'
      const stream = newest?.[direction]
      if (!newest?.up.isWebSocket || !newest.down.isWebSocket || stream === undefined) return false
      struck[fault]++
      const [part, ms] = [random(), DELAY_MS.least + random() * DELAY_MS.more]
      if (fault === 'cut') stream.cut()
      else if (fault === 'half-close') stream.halfClose()
      else if (fault === 'delay') stream.hold(ms)
      else if (fault === 'stall') stream.hold(stallMs)
      else stream.change = (chunk) => (fault === 'truncate' ? truncated(chunk, part) : corrupted(chunk, part))
      return true
    },
    spoilNextFrame: (direction) => void spoiling.add(direction),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** One direction of one connection, in order. */
class Stream {
  readonly #frames = new Frames()
  readonly #from: Socket
  readonly #to: Socket
  #last: Promise<unknown> = Promise.resolve()
  /** What becomes of the next chunk. */
  change: ((chunk: Buffer) => Buffer) | undefined
  /** At each frame: is its first character to be spoilt? */
  onFrame: () => boolean = () => false
  onUpgraded: () => void = () => {}

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.on('data', (chunk: Buffer) => {
      const wasWebSocket = this.isWebSocket
      this.#frames.walk(chunk, (at) => {
        // '{' becomes 'x'; under a mask as well, which is an exclusive or, too (RFC 6455 §5.3).
        if (this.onFrame()) chunk[at]! ^= 0x7b ^ 0x78
      })
      if (!wasWebSocket && this.isWebSocket) this.onUpgraded()
      const { change } = this
      if (wasWebSocket) this.change = undefined
      this.#then(() => to.write(wasWebSocket && change ? change(chunk) : chunk))
    })
    from.on('end', () => this.#then(() => to.end()))
  }

  get isWebSocket(): boolean {
    return this.#frames.isWebSocket
  }

  hold(ms: number): void {
    this.#last = this.#last.then(() => sleep(ms))
  }

  cut(): void {
    this.#from.destroy()
    this.#to.destroy()
  }

  halfClose(): void {
    this.#to.end()
    this.#from.removeAllListeners('data')
    this.#from.resume()
  }

  #then(act: () => void): void {
    this.#last = this.#last.then(() => this.#to.writable && act())
  }
}

/** Where frames begin in a stream of bytes, behind the answer or request of the upgrade. */
class Frames {
  isWebSocket = false
  #head = Buffer.alloc(0)
  #rest = 0

  /** `first` gets the index in `chunk` of the first character of each text. */
  walk(chunk: Buffer, first: (at: number) => void): void {
    let at = 0
    if (!this.isWebSocket) {
      const before = this.#head.length
      this.#head = Buffer.concat([this.#head, chunk])
      const end = this.#head.indexOf('\r\n\r\n')
      if (end === -1) return
      // A request for a blob goes the same way, and none of it is a frame.
      if (!/\r\nupgrade: *websocket\r\n/i.test(this.#head.toString('latin1', 0, end + 2))) {
        this.#head = Buffer.alloc(0)
        return
      }
      this.isWebSocket = true
      at = end + 4 - before
      this.#head = Buffer.alloc(0)
    }
    while (at < chunk.length) {
      const skipped = Math.min(this.#rest, chunk.length - at)
      this.#rest -= skipped
      at += skipped
      if (at === chunk.length) return
      this.#head = Buffer.concat([this.#head, chunk.subarray(at, ++at)])
      const length = lengthOf(this.#head)
      if (length === undefined) continue
      const isText = (this.#head[0]! & 0x0f) === 1
      this.#head = Buffer.alloc(0)
      this.#rest = length
      if (isText && length > 0 && at < chunk.length) first(at)
    }
  }
}

/** Of the payload, when `head` is a whole frame header (RFC 6455 §5.2). */
function lengthOf(head: Buffer): number | undefined {
  if (head.length < 2) return undefined
  const [short, mask] = [head[1]! & 0x7f, head[1]! & 0x80 ? 4 : 0]
  const more = short === 126 ? 2 : short === 127 ? 8 : 0
  if (head.length < 2 + more + mask) return undefined
  return more === 0 ? short : more === 2 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2))
}

function truncated(chunk: Buffer, part: number): Buffer {
  return chunk.subarray(0, Math.floor(chunk.length * part))
}

function corrupted(chunk: Buffer, part: number): Buffer {
  const copy = Buffer.from(chunk)
  copy[Math.floor(copy.length * part)]! ^= 0x80
  return copy
}
