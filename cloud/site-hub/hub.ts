// The hub of a site: the only writer of its rows. Inputs (commands of the API, frames of conductors, the alarm) wait in one queue;
// a turn takes what is there, drafts, commits one guarded batch, and only then answers and sends.
// 1. One turn at a time (a Durable Object is not serial across a database fetch by itself). 2. What a command was told is durable.
// 3. All memory is re-loadable: after a failed commit the hub forgets everything and reads again.
import { FaultError, toFault } from '../../shared/faults.ts'
import { decodeFromConductor, type FromConductor } from '../../shared/protocol.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import { power } from '../provision/power.ts'
import { provision } from '../provision/provision.ts'
import type { Env } from '../../shared/env.ts'
import type { Alarm, Peer, Ports, SiteRef, Sql } from '../ports.ts'
import { refreshAddresses } from './addresses.ts'
import { Calls } from './calls.ts'
import type { CommandResult, HubCommand } from './commands.ts'
import { createNode, deleteNode, patchNode, setMaintenance } from './nodes.ts'
import { createPort, deletePort, patchPort } from './node-ports.ts'
import { released } from './ownership.ts'
import { MARGIN_MS, passTime } from './due.ts'
import { closed, hello, opened, renew } from './sessions.ts'
import { activeTask, loadState, type HubState } from './state.ts'
import { accepted, assign, facts, intent, notes, rejected, result, stepEvents } from './tasks.ts'
import { Turn } from './turn.ts'

export interface HubDeps {
  readonly site: SiteRef
  readonly sql: Sql
  readonly env: Env
  readonly alarm: Alarm
  /** Sockets that are open now, also those from before a hibernation. */
  peers(): Peer[]
  readonly log: Ports['log']
}

type Handler<T> = (turn: Turn, peer: Peer, message: T, hub: { calls: Calls; deps: HubDeps }) => Promise<void> | void
/** Leaving out a message is a compile error. */
const handlers: { [T in FromConductor['type']]: Handler<Extract<FromConductor, { type: T }>> } = {
  hello: (turn, peer, message, { deps }) => hello(turn, peer, message, deps.site),
  renew,
  released,
  accepted,
  rejected,
  intent,
  event: stepEvents,
  result,
  answer: (_turn, _peer, message, { calls }) => calls.answer(message),
  facts,
  notes,
}

interface Input {
  /** Nodes to read ahead. */
  readonly nodes: readonly string[]
  run(turn: Turn): Promise<unknown>
  done(value: unknown): void
  failed(error: unknown): void
}

/** Inputs of one turn, at most: bounds the size of a batch. */
const TURN_INPUTS = 128

export class SiteHub {
  readonly #deps: HubDeps
  readonly #calls: Calls
  #state: HubState | null = null
  #queue: Input[] = []
  #running: Promise<void> | null = null
  #alarmAt: number | null = null

  constructor(deps: HubDeps) {
    this.#deps = deps
    this.#calls = new Calls(deps.env)
  }

  /** Carries out a command; what it answers is durable. Never throws. */
  async command(command: HubCommand): Promise<CommandResult> {
    try {
      if (command.kind === 'call') return { ok: true, value: await this.#call(command) }
      return {
        ok: true,
        value: await this.#enqueue(nodesOf(command), (turn) => carryOut(turn, command, this.#deps.site)),
      }
    } catch (error) {
      const f = toFault(error)
      if (f.code === 'internal')
        this.#deps.log('error', 'hub.command_failed', { command: command.kind, error: String(error) })
      return { ok: false, fault: f }
    }
  }

  async onOpen(peer: Peer, incarnation: string): Promise<void> {
    await this.#enqueue([], async (turn) => opened(turn, peer, incarnation))
  }

  async onMessage(peer: Peer, frame: string): Promise<void> {
    const decoded = decodeFromConductor(frame)
    if (decoded.kind === 'unknown') return
    if (decoded.kind === 'malformed') {
      this.#deps.log('warn', 'hub.malformed_frame', { conductor: peer.conductor, why: decoded.why })
      return peer.close(CLOSE.malformed, decoded.why.slice(0, 120))
    }
    const { message } = decoded
    const handle = handlers[message.type] as Handler<FromConductor>
    await this.#enqueue([], async (turn) =>
      handle(turn, peer, message, { calls: this.#calls, deps: this.#deps }),
    ).catch((error: unknown) => {
      this.#deps.log('error', 'hub.message_failed', {
        conductor: peer.conductor,
        type: message.type,
        error: String(error),
      })
      peer.close(1011, 'the message could not be stored')
    })
  }

  async onClose(peer: Peer): Promise<void> {
    this.#calls.lost(peer.conductor)
    await this.#enqueue([], async (turn) => closed(turn, peer)).catch(() => undefined)
  }

  async onAlarm(): Promise<void> {
    this.#alarmAt = null
    await this.#enqueue([], async () => undefined).catch((error: unknown) => {
      this.#deps.log('error', 'hub.alarm_failed', { error: String(error) })
      return this.#deps.alarm.set(this.#deps.env.now() + 1000)
    })
  }

  /** Waits for the turn under way; nothing is lost by stopping at any other moment. */
  async close(): Promise<void> {
    while (this.#running) await this.#running
  }

  #enqueue<T>(nodes: readonly string[], run: (turn: Turn) => Promise<T>): Promise<T> {
    return new Promise<T>((done, failed) => {
      this.#queue.push({ nodes, run, done: done as (value: unknown) => void, failed })
      this.#running ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    await Promise.resolve() // whatever arrives in this same moment shares the turn
    while (this.#queue.length > 0) {
      const inputs = this.#queue.splice(0, TURN_INPUTS)
      if (await this.#turn(inputs)) continue
      // One input failed after it had drafted something: each runs alone now, so that it fails alone.
      for (const input of inputs) await this.#turn([input])
    }
    this.#running = null // in the same moment as the look at the queue: nothing can slip in between
  }

  /** Runs one turn; false when it was thrown away and its inputs must be run again one by one. */
  async #turn(inputs: readonly Input[]): Promise<boolean> {
    const answers: (() => void)[] = []
    try {
      const { env, sql } = this.#deps
      this.#state ??= await loadState(sql, this.#deps.site.site, this.#deps.peers(), env.now())
      const turn = new Turn(this.#state, env, sql)
      await passTime(turn)
      await turn.prefetch(inputs.flatMap((input) => input.nodes))
      for (const input of inputs) {
        const before = turn.drafts
        try {
          const value = await input.run(turn)
          answers.push(() => input.done(value))
        } catch (error) {
          if (turn.drafts !== before) throw error
          answers.push(() => input.failed(error))
        }
      }
      for (const node of turn.assign) await assign(turn, node)
      await this.#setAlarm(turn)
      await turn.commit()
      for (const answer of answers) answer()
      return true
    } catch (error) {
      this.#state = null
      this.#alarmAt = null
      if (inputs.length > 1) return false
      inputs[0]?.failed(this.#explain(error))
      return true
    }
  }

  /** Why a turn of one input could not be stored. */
  #explain(error: unknown): FaultError {
    if (error instanceof FaultError) return error
    const text = String(error)
    const taken = /UNIQUE constraint failed: (\w+)\.(\w+)/.exec(text)
    if (taken)
      return new FaultError('conflict', `A ${taken[1]!.replace(/s$/, '')} with this ${taken[2]} already exists.`)
    this.#deps.log('error', 'hub.turn_failed', { error: text })
    if (text.includes('sites.hub_no')) return new FaultError('hub.superseded', 'another hub of this site took over')
    return new FaultError('unavailable', 'the change could not be stored', { cause: error })
  }

  /** The earliest due time of leases and open tasks; set before the commit, so that no due time is ever without its alarm. */
  async #setAlarm(turn: Turn): Promise<void> {
    let at: number | null = null
    const due = (ms: number) => (at = at === null ? ms : Math.min(at, ms))
    for (const conductor of turn.state.conductors.values())
      if (conductor.leaseUntil > 0) due(conductor.leaseUntil + MARGIN_MS)
    for (const node of turn.state.tasks.keys()) due(activeTask(turn.state, node)!.deadline_ms)
    if (at === this.#alarmAt) return
    this.#alarmAt = at
    await this.#deps.alarm.set(at)
  }

  async #call(command: HubCommand & { kind: 'call' }): Promise<unknown> {
    const answer = await this.#enqueue([command.node], (turn) => this.#calls.start(turn, command))
    return answer.result
  }
}

async function carryOut(turn: Turn, command: HubCommand, site: SiteRef): Promise<unknown> {
  switch (command.kind) {
    case 'node.create':
      return { uuid: await createNode(turn, command, site) }
    case 'node.patch':
      return { uuid: await patchNode(turn, command, site) }
    case 'node.delete':
      return deleteNode(turn, command)
    case 'node.maintenance':
      return setMaintenance(turn, command)
    case 'node.provision':
      return { task: await provision(turn, command.node, command.verb, command.args, command) }
    case 'node.power':
      return { task: await power(turn, command.node, command.target, command.timeoutMs, command) }
    case 'port.create':
      return { uuid: await createPort(turn, command) }
    case 'port.patch':
      return { uuid: await patchPort(turn, command) }
    case 'port.delete':
      return deletePort(turn, command)
    case 'site.refresh':
      return refreshAddresses(turn)
    case 'call':
      throw new FaultError('internal', 'a call is not a turn')
  }
}

function nodesOf(command: HubCommand): string[] {
  return 'node' in command && typeof command.node === 'string' ? [command.node] : []
}
