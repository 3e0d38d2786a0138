// Changes of a node's networks. Of a node whose network interface wires it the conductor makes them at the network service of its site, and only what it has made
// is kept. 1. What it refuses, or leaves without an answer, changes no row: nothing has to be put back. 2. One at a time per node, and no verb
// beside it, as under Ironic's lock.
// 3. What it has made and can be kept no more, since the port has gone meanwhile, it is asked to take back.
import { FaultError } from '../../shared/faults.ts'
import type { SiteRef } from '../ports.ts'
import type { Calls } from './calls.ts'
import type { HubCommand } from './commands.ts'
import { checkMatch } from './if-match.ts'
import { refusedBusy } from './node-rules.ts'
import { drawRowPatch } from './rewire.ts'
import type { Turn } from './turn.ts'
import type { Turns } from './turns.ts'
import { drawAttach, drawDetach } from './vifs.ts'

/** A question about a VIF for the network interface of a node. */
export interface AboutVif {
  readonly method: 'vif_attach' | 'vif_detach' | 'vif_changed'
  readonly args: Readonly<Record<string, unknown>>
}

/** A change that was checked and has not been made. */
export interface NetworkChange {
  readonly node: string
  /** What the conductor has to make of it first; absent where nobody has to. */
  readonly ask?: AboutVif
  readonly takeBack?: AboutVif
  /** Drafts it. Throws what forbids it, as the node is then. */
  keep(turn: Turn): Promise<unknown>
}

type Drawn = { [K in 'vif.attach' | 'vif.detach' | 'row.patch']: Extract<HubCommand, { kind: K }> }
export type NetworkCommand = Drawn[keyof Drawn]

const drawings: {
  [K in keyof Drawn]: (turn: Turn, command: Drawn[K], site: SiteRef) => Promise<NetworkChange>
} = { 'vif.attach': drawAttach, 'vif.detach': drawDetach, 'row.patch': drawRowPatch }

export function isNetworkCommand(command: HubCommand): command is NetworkCommand {
  return Object.hasOwn(drawings, command.kind)
}

/** The conductor may have to ask the network service more than once. */
const ASK_MS = 30_000

export class NetworkChanges {
  readonly #site: SiteRef
  readonly #turns: Turns
  readonly #calls: Calls
  /** Node → the command for which its conductor is being asked. */
  readonly #busy = new Map<string, NetworkCommand>()

  constructor(site: SiteRef, turns: Turns, calls: Calls) {
    this.#site = site
    this.#turns = turns
    this.#calls = calls
  }

  /** Throws node.locked for what may not begin beside a change: a verb would change the node's networks as well. */
  refuseBeside(command: HubCommand): void {
    if (command.kind !== 'node.provision' && command.kind !== 'node.delete') return
    if (this.#busy.has(command.node)) throw refusedBusy(command.node)
  }

  /** Answers what the command does once it is durable; throws the first of what went wrong. */
  async carryOut(command: NetworkCommand): Promise<unknown> {
    try {
      return await this.#carryOut(command)
    } finally {
      for (const [node, busy] of this.#busy) if (busy === command) this.#busy.delete(node)
    }
  }

  async #carryOut(command: NetworkCommand): Promise<unknown> {
    const nodes = 'node' in command ? [command.node] : []
    const begun = await this.#turns.enqueue(nodes, (turn) => this.#begin(turn, command))
    if ('kept' in begun) return begun.kept
    const { change, asked } = begun
    await asked.result
    return await this.#turns
      .enqueue([change.node], (turn) => change.keep(turn))
      .catch(async (error: unknown) => {
        if (isRefusal(error)) await this.#takeBack(command, change)
        throw error
      })
  }

  async #begin(turn: Turn, command: NetworkCommand) {
    await checkMatch(turn, command)
    const draw = drawings[command.kind] as (
      turn: Turn,
      command: NetworkCommand,
      site: SiteRef,
    ) => Promise<NetworkChange>
    const change = await draw(turn, command, this.#site)
    if (change.ask === undefined) return { kept: await change.keep(turn) }
    const other = this.#busy.get(change.node)
    // It is this very one where its turn is run again.
    if (other !== undefined && other !== command) throw refusedBusy(change.node)
    const asked = await this.#ask(turn, command, change.node, change.ask)
    this.#busy.set(change.node, command)
    return { change, asked }
  }

  #ask(turn: Turn, { actor, requestId }: NetworkCommand, node: string, { method, args }: AboutVif) {
    const call = { kind: 'call', node, interface: 'network', method, args, timeoutMs: ASK_MS } as const
    return this.#calls.start(turn, { ...call, actor, requestId })
  }

  /** Whoever asked hears why it was not kept, not what comes of this. */
  async #takeBack(command: NetworkCommand, { node, takeBack }: NetworkChange): Promise<void> {
    if (takeBack === undefined) return
    await this.#turns
      .enqueue([node], (turn) => this.#ask(turn, command, node, takeBack))
      .then(({ result }) => result)
      .catch(() => undefined)
  }
}

/** Not so where it may have been stored all the same. */
function isRefusal(error: unknown): boolean {
  return error instanceof FaultError && error.fault.code !== 'unavailable'
}
