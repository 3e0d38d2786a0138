// The WAN between conductors and the cloud: one stream per connection, in order, that stalls, breaks, and is half open for a while.
// 1. What was sent before a short cut arrives late; a long cut breaks the connection, and its two ends learn of it at different times.
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

/** One end: its process, and what happens there. */
export interface End {
  readonly process: Process
  message(frame: string): void
  closed(code: number, reason: string): void
}

/** One conductor's way to the cloud. */
export class Wire {
  latencyMs = 5
  /** So much later arrives what the cloud says. */
  lagMs = 0
  readonly name: string
  readonly #world: World
  readonly #random: Random
  readonly #connections = new Set<Connection>()
  #cutUntil = 0

  constructor(world: World, name: string) {
    this.name = name
    this.#world = world
    this.#random = world.random.stream(`wire ${name}`)
  }

  get isCut(): boolean {
    return this.#world.clock.now < this.#cutUntil
  }

  /** When what is sent now comes out at the other end. */
  arrival(): number {
    const { now } = this.#world.clock
    return Math.max(now, this.#cutUntil) + this.#random.between(0.1, this.latencyMs)
  }

  cut(forMs: number): void {
    this.#cutUntil = Math.max(this.#cutUntil, this.#world.clock.now + forMs)
    for (const connection of this.#connections) {
      for (const side of [0, 1] as const) {
        const patienceMs = this.#random.between(2_000, 60_000)
        if (patienceMs < forMs) this.#world.clock.after(patienceMs, () => connection.broken(side))
        // The end that has not noticed is told by the first packet after the cut.
        this.#world.clock.after(forMs + 1, () => connection.isBroken && connection.broken(side))
      }
    }
  }

  /** Breaks what is open now: a NAT that forgot, a proxy that was restarted. */
  reset(): void {
    for (const connection of [...this.#connections])
      for (const side of [0, 1] as const)
        this.#world.clock.after(this.#random.between(0, 200), () => connection.broken(side))
  }

  connect(client: End, server: End): Connection {
    const connection = new Connection(this.#world, this, [client, server], () => this.#connections.delete(connection))
    this.#connections.add(connection)
    return connection
  }
}

type Side = 0 | 1

export class Connection {
  isBroken = false
  readonly #world: World
  readonly #wire: Wire
  readonly #ends: readonly [End, End]
  readonly #over: () => void
  readonly #arrived: [number, number] = [0, 0]
  /** Ends that have been told that it is over. */
  readonly #told = [false, false]
  /** Ends that have closed it themselves: nothing reaches them any more. */
  readonly #closing = [false, false]

  constructor(world: World, wire: Wire, ends: readonly [End, End], over: () => void) {
    this.#world = world
    this.#wire = wire
    this.#ends = ends
    this.#over = over
  }

  /** Neither end has closed it or been told that it is over. */
  get isWhole(): boolean {
    return !this.isBroken && ![...this.#told, ...this.#closing].includes(true)
  }

  /** Nothing but this end has ended it, if anybody has. */
  isUpFrom(side: Side): boolean {
    return !this.isBroken && !this.#closing[this.#other(side)]
  }

  send(from: Side, frame: string): void {
    if (this.#told[from] || this.#closing[from]) throw new Error('the socket is closed')
    this.#carry(from, (to) => to.message(frame))
  }

  close(from: Side, code: number, reason: string): void {
    if (this.#told[from] || this.#closing[from]) return
    this.#closing[from] = true
    const other = this.#other(from)
    this.#carry(from, () => this.#tell(other, code, reason))
    this.#world.clock.after(this.#wire.latencyMs, () => this.#tell(from, code, reason))
  }

  /** This end notices that the path is gone. */
  broken(side: Side): void {
    this.isBroken = true
    this.#tell(side, 1006, 'the connection broke')
  }

  /** The process at this end is gone: its kernel says so to the other, unless the whole host is gone. */
  abandon(side: Side): void {
    this.#told[side] = true
    this.isBroken = true
    this.#carry(side, () => this.#tell(this.#other(side), 1006, 'the peer is gone'), true)
  }

  #carry(from: Side, deliver: (to: End) => void, last = false): void {
    const to = this.#other(from)
    const lagMs = from === 1 ? this.#wire.lagMs : 0
    const at = Math.max(this.#arrived[from] + 0.001, this.#wire.arrival() + lagMs)
    this.#arrived[from] = at
    const end = this.#ends[to]
    this.#world.clock.after(at - this.#world.clock.now, () => {
      if (this.isBroken && !last) return
      end.process.run(() => {
        if (!this.#told[to] && (!this.#closing[to] || last)) deliver(end)
      })
    })
  }

  #tell(side: Side, code: number, reason: string): void {
    const end = this.#ends[side]
    end.process.run(() => {
      if (this.#told[side]) return
      this.#told[side] = true
      if (this.#told[0] && this.#told[1]) this.#over()
      end.closed(code, reason)
    })
  }

  #other(side: Side): Side {
    return side === 0 ? 1 : 0
  }
}
