// What this conductor may drive: the lease, and one hold per granted node.
// 1. A lapse loses everything: all holds end, and no later answer revives them. 2. A hold's signal aborts when it ends.
// 3. check() is the last-moment check: lease and hold in one synchronous turn, called as `before` by protocol clients.
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { grantsDigest, type HeldDigests, heldDigests } from '../../shared/grants-digest.ts'
import type { Grant } from '../../shared/protocol.ts'
import { left, later, type Span } from './span.ts'

/** The right to drive one node, from its grant to its end. `grant` changes while it lasts: a new spec, an epoch carried over. */
export interface Hold {
  grant: Grant
  readonly signal: AbortSignal
}

type Held = Hold & { readonly end: (fault: FaultError) => void }

export class Grants {
  readonly #env: Env
  readonly #held = new Map<string, Held>()
  #lease: Span | undefined
  #stopWatch = () => {}
  /** Node → the epoch under which it was last given back: it never comes back under that one. */
  readonly #dropped = new Map<string, number>()
  /** Grows whenever what is held does not stay as it was. */
  changes = 0
  /** Called at each lapse, connected or not. */
  onLapse = (): void => {}

  constructor(env: Env) {
    this.#env = env
  }

  /** What is left of the lease, in ms. */
  leaseLeft(): number {
    return left(this.#env, this.#lease)
  }

  /** A new session's lease. Only after `lapse()` or `carryOver()`. */
  startLease(lease: Span): void {
    this.#lease = lease
    this.#watch()
  }

  /** A renewal's answer. False when the lease had lapsed before it came: then everything is lost all the same. */
  renewLease(lease: Span): boolean {
    if (this.leaseLeft() === 0) {
      this.lapse()
      return false
    }
    this.#lease = later(this.#lease, lease)
    return true
  }

  lapse(): void {
    this.#stopWatch()
    this.#lease = undefined
    this.#dropAll(new FaultError('lease.lapsed', 'the lease lapsed before the hub renewed it'))
  }

  /** The hub did not take over what an earlier session held. */
  forgetSession(): void {
    this.#dropAll(new FaultError('fenced', 'a new session began without the old grants'))
  }

  /** The new session `session` goes on with what is held: each epoch is max(moved, session), and every session is newer than a move. */
  carryOver(session: number): void {
    for (const hold of this.#held.values()) hold.grant = { ...hold.grant, epoch: Math.max(hold.grant.epoch, session) }
  }

  add(grant: Grant): void {
    this.changes++
    const old = this.#held.get(grant.node)
    if (old !== undefined && old.grant.epoch === grant.epoch) {
      old.grant = grant
      return
    }
    if (old !== undefined && old.grant.epoch > grant.epoch) return
    if (grant.epoch <= (this.#dropped.get(grant.node) ?? 0)) return
    this.#dropped.delete(grant.node)
    old?.end(new FaultError('fenced', `node ${grant.node} was granted again with epoch ${grant.epoch}`))
    const controller = new AbortController()
    this.#held.set(grant.node, { grant, signal: controller.signal, end: (fault) => controller.abort(fault) })
  }

  /** Ends the hold on `node`, and answers it if there was one. */
  drop(node: string): Hold | undefined {
    const hold = this.#held.get(node)
    this.#held.delete(node)
    this.changes++
    if (hold !== undefined) this.#dropped.set(node, hold.grant.epoch)
    hold?.end(new FaultError('fenced', `node ${node} was given to another conductor`))
    return hold
  }

  get(node: string): Hold | undefined {
    return this.#held.get(node)
  }

  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  all(): Iterable<Hold> {
    return this.#held.values()
  }

  /** The hold on `node` under exactly this epoch; throws `fenced` or `lease.lapsed`. */
  find(node: string, epoch: number): Hold {
    const hold = this.#held.get(node)
    if (hold === undefined || hold.grant.epoch !== epoch) {
      throw new FaultError('fenced', `node ${node} is not granted to this conductor with epoch ${epoch}`)
    }
    this.check(hold)
    return hold
  }

  /** The last-moment check: throws unless the lease holds and `hold` is still what we have for its node. */
  check(hold: Hold): void {
    if (this.leaseLeft() === 0) throw this.#lapsed()
    if (this.#held.get(hold.grant.node) !== hold)
      throw new FaultError('fenced', `node ${hold.grant.node} is no longer ours`)
  }

  /** For hello; null when nothing may be carried over. */
  async digests(): Promise<{ grantsDigest: string; held: HeldDigests } | null> {
    if (this.leaseLeft() === 0 || this.#held.size === 0) return null
    const all = [...this.#held.values()].map((hold) => hold.grant)
    return { grantsDigest: await grantsDigest(all), held: await heldDigests(all) }
  }

  /** Whether there is a link or not: a lapse must end what runs. */
  #watch(): void {
    this.#stopWatch()
    this.#stopWatch = this.#env.setTimer(this.leaseLeft() + 1, () => {
      if (this.leaseLeft() > 0) return this.#watch()
      this.#lapsed()
    })
  }

  /** Whoever sees a lapse first makes it one for everybody: a clock that is set back revives nothing. */
  #lapsed(): FaultError {
    if (this.#lease !== undefined) {
      this.lapse()
      this.onLapse()
    }
    return new FaultError('lease.lapsed', 'this conductor has no lease')
  }

  #dropAll(fault: FaultError): void {
    const all = [...this.#held.values()]
    this.#held.clear()
    this.changes++
    this.#dropped.clear() // the next session's epochs are higher than any before
    for (const hold of all) hold.end(fault)
  }
}
