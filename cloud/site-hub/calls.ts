// Calls that a hub relays to a node's conductor: reads, or what a person may repeat. Held in memory only; a lost one times out.
// 1. Only the conductor that was asked answers, in its present session, and by a number that nobody else can guess. 2. It answers for as long as the node is
// its own: whoever asked hears at once that it is not any more, and does not wait for what will not come.
import { fault, FaultError, type Fault } from '../../shared/faults.ts'
import type { Env } from '../../shared/env.ts'
import type { Peer } from '../ports.ts'
import { encode, type ToConductor } from '../../shared/protocol.ts'
import type { HubCommand } from './commands.ts'
import { refuseLocked } from './node-rules.ts'
import { notDriven } from './outage.ts'
import { epochOf, isHeld, ownerOf, speakerOf, type HubState } from './state.ts'
import type { Turn } from './turn.ts'

interface Pending {
  readonly node: string
  /** The socket on which it was asked. */
  readonly peer: Peer
  settle(result: unknown, failure?: Fault): void
}

/** More than this waiting at once is refused. */
const MAX_PENDING = 1000

export class Calls {
  readonly #env: Env
  readonly #pending = new Map<number, Pending>()
  #hasEnded = false
  /** Sockets that have closed. */
  readonly #gone = new WeakSet<Peer>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Sends the call after the turn; `result` resolves with the conductor's answer. */
  async start(turn: Turn, call: HubCommand & { kind: 'call' }): Promise<{ result: Promise<unknown> }> {
    const node = await turn.node(call.node)
    if (call.exclusive) refuseLocked(node)
    const index = turn.state.nodes.get(call.node)!
    const owner = ownerOf(turn.state, call.node)
    const peer = owner?.peer
    if (!peer || isHeld(turn, owner)) throw notDriven(turn.state, `node ${node.uuid}`)
    if (this.#pending.size >= MAX_PENDING)
      throw new FaultError('unavailable', 'too many calls are under way at this site')
    const rid = this.#newRid()
    const { interface: iface, method, args, timeoutMs } = call
    const message: ToConductor = {
      type: 'call',
      rid,
      node: node.uuid,
      epoch: epochOf(turn.state, index),
      interface: iface,
      method,
      args,
      timeoutMs,
    }
    encode(message) // throws when it is too large to be sent
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    promise.catch(() => undefined) // its reader comes later; a rejection before that is not unhandled
    // With the frame, and not before: a turn that is thrown away has asked nothing.
    turn.after(() => {
      const cancel = this.#env.setTimer(timeoutMs + 1000, () =>
        this.#settle(rid, undefined, fault('timeout', `${iface}.${method} was not answered in ${timeoutMs} ms`)),
      )
      this.#pending.set(rid, {
        node: node.uuid,
        peer,
        settle: (value, failure) => {
          cancel()
          if (failure) reject(FaultError.of(failure))
          else resolve(value)
        },
      })
      if (this.#gone.has(peer)) this.lost(peer)
      if (this.#hasEnded) this.end()
    })
    turn.send(peer, message)
    return { result: promise }
  }

  /** Only the conductor that was asked can answer, also on a newer socket. */
  answer(turn: Turn, peer: Peer, message: { rid: number; result?: unknown; fault?: Fault | undefined }): void {
    if (!speakerOf(turn, peer, 'answer') || this.#pending.get(message.rid)?.peer.conductor !== peer.conductor) return
    this.#settle(message.rid, message.result, message.fault)
  }

  /** The socket closed: what was asked on it will not be answered. */
  lost(peer: Peer): void {
    this.#gone.add(peer)
    for (const [rid, pending] of this.#pending) {
      if (pending.peer === peer)
        this.#settle(rid, undefined, fault('site.no_conductor', 'the conductor was disconnected'))
    }
  }

  /** After a turn: has it taken the node from whom is asked? */
  look({ nodes, conductors }: HubState): void {
    for (const [rid, { node, peer }] of this.#pending) {
      const owner = nodes.get(node)?.owner
      if (owner === undefined) this.#settle(rid, undefined, fault('not_found', `Node ${node} could not be found.`))
      else if (owner !== peer.conductor)
        this.#settle(rid, undefined, fault('fenced', `node ${node} went to another conductor before it was answered`))
      else if (conductors.get(owner)?.leaseUntil === 0)
        this.#settle(rid, undefined, fault('site.no_conductor', 'the lease of the conductor has lapsed'))
    }
  }

  /** Nothing will be answered any more. */
  end(): void {
    this.#hasEnded = true
    for (const rid of this.#pending.keys()) this.#settle(rid, undefined, fault('unavailable', 'the hub stops'))
  }

  /** 48 random bits: a late answer to a call of an earlier hub is none to a call of this one. */
  #newRid(): number {
    const bytes = new DataView(this.#env.random(6).buffer)
    return bytes.getUint16(0) * 2 ** 32 + bytes.getUint32(2)
  }

  #settle(rid: number, result: unknown, failure?: Fault): void {
    const pending = this.#pending.get(rid)
    this.#pending.delete(rid)
    pending?.settle(result, failure)
  }
}
