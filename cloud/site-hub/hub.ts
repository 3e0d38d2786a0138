// The hub of a site: the only writer of its rows. Commands of the API, frames of conductors and the alarm all become turns (turns.ts):
// drafted, committed in one guarded batch, and only then answered and sent. This file says what there is and who deals with it.
// 1. What a command was told is durable. 2. All memory is re-loadable. 3. A frame is dealt with by its sender's session only.
import { toFault } from '../../shared/faults.ts'
import { decodeFromConductor, type FromConductor } from '../../shared/protocol.ts'
import { CLOSE, type UpgradeIdentity } from '../../shared/upgrade.ts'
import { deployInterfaces } from '../provision/chosen-interface.ts'
import { power } from '../provision/power.ts'
import { provision, rehearse } from '../provision/provision.ts'
import { oneStep, setRaid } from '../provision/one-step.ts'
import type { Env } from '../../shared/env.ts'
import type { Alarm, Blobs, Peer, Ports, SiteRef, Sql } from '../ports.ts'
import { refreshAddresses } from './addresses.ts'
import { Calls } from './calls.ts'
import type { CommandResult, HubCommand } from './commands.ts'
import { declareDead, drain, patchConductor, revoke } from './conductors.ts'
import { Documents } from './documents.ts'
import { facts, notes } from './facts.ts'
import { localAction } from './local.ts'
import { createNode, deleteNode, patchNode, setMaintenance } from './nodes.ts'
import { backfill, match, release } from './allocations.ts'
import { checkMatch } from './if-match.ts'
import { isNetworkCommand, type NetworkCommand, NetworkChanges } from './network-changes.ts'
import { createRow, deleteRow } from './node-rows.ts'
import { changeTraits } from './traits.ts'
import { isWired } from '../provision/used-interfaces.ts'
import { released } from './ownership.ts'
import { bye, closed, hello, opened, renew } from './sessions.ts'
import { refreshSite, type HubState } from './state.ts'
import { accepted, intent, rejected, result, stepEvents } from './tasks.ts'
import type { Turn } from './turn.ts'
import { Turns } from './turns.ts'

export interface HubDeps {
  readonly site: SiteRef
  readonly sql: Sql
  readonly env: Env
  readonly alarm: Alarm
  readonly blobs: Pick<Blobs, 'put' | 'delete'>
  /** Sockets that are open now, also those from before a hibernation. */
  peers(): Peer[]
  readonly log: Ports['log']
  /** After each commit that changed nodes or told events. */
  changed(nodes: readonly string[]): void
  /** After each turn, for those who judge what the hub remembers. */
  looked?(state: HubState): void
}

type Handler<T> = (turn: Turn, peer: Peer, message: T, hub: { calls: Calls; deps: HubDeps }) => Promise<void> | void
/** Leaving out a message is a compile error. */
const handlers: { [T in FromConductor['type']]: Handler<Extract<FromConductor, { type: T }>> } = {
  hello: (turn, peer, message, { deps }) => hello(turn, peer, message, deps.site),
  renew,
  bye,
  released,
  accepted,
  rejected,
  intent,
  event: (turn, peer, message, { deps }) => stepEvents(turn, peer, message, deps.site),
  result,
  answer: (turn, peer, message, { calls }) => calls.answer(turn, peer, message),
  facts,
  local: localAction,
  notes,
}

const ALARM_RETRY_MS = 1000

export class SiteHub {
  readonly #deps: HubDeps
  readonly #calls: Calls
  readonly #turns: Turns
  readonly #networks: NetworkChanges
  readonly #documents: Documents
  /** Sockets of which a frame was refused or could not be stored: what came behind it would be out of order. It is said again. */
  readonly #broken = new WeakSet<Peer>()

  constructor(deps: HubDeps) {
    this.#deps = deps
    this.#calls = new Calls(deps.env)
    this.#turns = new Turns(deps, (state) => {
      this.#calls.look(state)
      deps.looked?.(state)
    })
    this.#networks = new NetworkChanges(deps.site, this.#turns, this.#calls)
    this.#documents = new Documents(deps)
  }

  /** Carries out a command; what it answers is durable. Never throws. */
  async command(command: HubCommand): Promise<CommandResult> {
    try {
      if (command.kind === 'call') return { ok: true, value: await this.#call(command) }
      if (isNetworkCommand(command)) return { ok: true, value: await this.#networks.carryOut(command) }
      return {
        ok: true,
        value: await this.#turns.enqueue(nodesOf(command), async (turn) => {
          this.#networks.refuseBeside(command)
          return carryOut(turn, command, this.#deps.site)
        }),
      }
    } catch (error) {
      const f = toFault(error)
      if (f.code === 'internal')
        this.#deps.log('error', 'hub.command_failed', { command: command.kind, error: String(error) })
      return { ok: false, fault: f }
    }
  }

  async onOpen(peer: Peer, upgrade: UpgradeIdentity): Promise<void> {
    await this.#turns.enqueue([], async (turn) => opened(turn, peer, upgrade))
  }

  async onMessage(peer: Peer, frame: string): Promise<void> {
    const decoded = decodeFromConductor(frame)
    if (decoded.kind === 'unknown') return
    if (decoded.kind === 'malformed') return this.onBadFrame(peer, CLOSE.malformed, decoded.why)
    const { message } = decoded
    const handle = handlers[message.type] as Handler<FromConductor>
    const hear = async (turn: Turn) => {
      if (!this.#broken.has(peer)) await handle(turn, peer, message, { calls: this.#calls, deps: this.#deps })
    }
    try {
      const stored = this.#documents.stored(peer, message)
      const documents = stored && (await stored)
      await this.#turns.enqueue([], hear, () => this.#broken.add(peer))
      if (documents) this.#documents.forget(documents)
    } catch (error) {
      this.#broken.add(peer)
      this.#deps.log('error', 'hub.message_failed', {
        conductor: peer.conductor,
        type: message.type,
        error: String(error),
      })
      peer.close(1011, 'the message could not be stored')
    }
  }

  /** A frame that is none: the socket closes with `code`, and what comes behind it does not count. */
  async onBadFrame(peer: Peer, code: number, why: string): Promise<void> {
    const { conductor } = peer
    this.#broken.add(peer)
    this.#deps.log('warn', 'hub.malformed_frame', { conductor, why })
    peer.close(code, why.slice(0, 120))
    await this.#turns
      .enqueue([], async (turn) => turn.refusal('conductor.frame', conductor, 'conductor.frame', { why }, conductor))
      .catch(() => undefined)
  }

  async onClose(peer: Peer): Promise<void> {
    this.#calls.lost(peer)
    await this.#turns.enqueue([], async (turn) => closed(turn, peer)).catch(() => undefined)
  }

  async onAlarm(): Promise<void> {
    await this.#turns.rang().catch((error: unknown) => {
      this.#deps.log('error', 'hub.alarm_failed', { error: String(error) })
      return this.#deps.alarm.set(this.#deps.env.now() + ALARM_RETRY_MS)
    })
  }

  /** Waits for the turn under way; nothing is lost by stopping at any other moment, and nobody waits for a conductor. */
  async close(): Promise<void> {
    this.#calls.end()
    await this.#turns.idle()
  }

  async #call(command: HubCommand & { kind: 'call' }): Promise<unknown> {
    const answer = await this.#turns.enqueue([command.node], (turn) => this.#calls.start(turn, command))
    return answer.result
  }
}

type TurnCommand = Exclude<HubCommand, { kind: 'call' } | NetworkCommand>
type Carrier<K> = (turn: Turn, command: Extract<HubCommand, { kind: K }>, site: SiteRef) => unknown
/** Every command that one turn carries out. Leaving out one is a compile error. */
const carriers: { [K in TurnCommand['kind']]: Carrier<K> } = {
  'node.create': async (turn, command, site) => ({ uuid: await createNode(turn, command, site) }),
  'node.patch': async (turn, command, site) => ({ uuid: await patchNode(turn, command, site) }),
  'node.delete': deleteNode,
  'node.maintenance': setMaintenance,
  'node.provision': async (turn, command) =>
    command.dryRun
      ? rehearse(turn, command.node, command.verb, command.args)
      : { task: await provision(turn, command.node, command.verb, command.args, command) },
  'node.interfaces': async (turn, command) => deployInterfaces(turn, await turn.node(command.node)),
  'node.wired': async (turn, command) => isWired(turn, await turn.node(command.node)),
  'node.power': async (turn, command) => ({
    task: await power(turn, command.node, command.target, command.timeoutMs, command),
  }),
  'node.step': async (turn, command) => ({ task: await oneStep(turn, command) }),
  'node.raid': setRaid,
  'node.traits': changeTraits,
  'row.create': async (turn, command, site) => ({ uuid: await createRow(turn, command, site) }),
  'row.delete': deleteRow,
  'allocation.match': match,
  'allocation.backfill': backfill,
  'allocation.release': release,
  'site.refresh': (turn, command) => {
    turn.isNews = true // whoever listens here looks for sites that were added, too
    return command.addresses ? refreshAddresses(turn) : refreshSite(turn.sql, turn.state)
  },
  'conductor.drain': drain,
  'conductor.patch': patchConductor,
  'conductor.declare_dead': declareDead,
  'conductor.revoke': revoke,
}

async function carryOut(turn: Turn, command: TurnCommand, site: SiteRef): Promise<unknown> {
  await checkMatch(turn, command)
  const carry = carriers[command.kind] as Carrier<HubCommand['kind']>
  return carry(turn, command, site)
}

function nodesOf(command: HubCommand): string[] {
  return 'node' in command && typeof command.node === 'string' ? [command.node] : []
}
