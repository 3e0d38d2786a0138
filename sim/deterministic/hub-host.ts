// Where the production hub runs: a process that can be killed, stopped, or lose the hub's object while sockets and attachments stay
// (hibernation, eviction). 1. The alarm survives everything, as a Durable Object's does. 2. Two objects never share a turn, but an old
// one's last batch may still be under way when the next one starts.
import { SiteHub } from '../../cloud/site-hub/hub.ts'
import type { CommandResult, HubCommand } from '../../cloud/site-hub/commands.ts'
import type { Peer, SiteRef, Sql } from '../../cloud/ports.ts'
import { FaultError } from '../../shared/faults.ts'
import type { UpgradeIdentity } from '../../shared/upgrade.ts'
import { SimDatabase, type DatabaseFaults } from './database.ts'
import { Process } from './process.ts'
import type { Connection, End, Wire } from './wire.ts'
import type { World } from './world.ts'

interface SimPeer extends Peer {
  readonly connection: Connection
}

export interface HubHostOptions {
  readonly world: World
  readonly site: SiteRef
  readonly data: Sql
  readonly faults: DatabaseFaults
  /** Every frame that the hub wants to send, over whose wire, and on which socket, whether that is open or not. */
  onWant(to: string, frame: string, socket: object): void
  /** Every frame that it sends, at the moment of sending. */
  onSend(to: string, frame: string, socket: object): void
  /** What it remembers of a node is not what is stored. */
  onStale(what: string): void
}

const TURNS_UNTIL_LOOKED_AT = 5

export class HubHost {
  process: Process
  #hub: SiteHub | undefined
  readonly #options: HubHostOptions
  readonly #peers = new Set<SimPeer>()
  #run = 0
  #turns = 0
  #alarm = { at: null as number | null, take: () => {} }

  constructor(options: HubHostOptions) {
    this.#options = options
    this.process = this.#newProcess()
  }

  /** A conductor's connection arrives. */
  accept(wire: Wire, upgrade: UpgradeIdentity, client: End): Connection | undefined {
    if (!this.process.alive) return undefined
    const process = this.process
    const { conductor } = upgrade
    const end: End = {
      process,
      message: (frame) =>
        this.#object()
          .onMessage(peer, frame)
          .catch(() => peer.close(1011, 'the hub failed')),
      closed: () => {
        this.#peers.delete(peer)
        void this.#object().onClose(peer)
      },
    }
    const connection = wire.connect(client, end)
    const peer: SimPeer = {
      conductor,
      connection,
      attachment: undefined,
      send: (frame) => {
        this.#options.onWant(wire.name, frame, connection)
        connection.send(1, frame)
        this.#options.onSend(wire.name, frame, connection)
      },
      close: (code, reason) => connection.close(1, code, reason),
    }
    process.run(() => {
      this.#peers.add(peer)
      this.#object()
        .onOpen(peer, upgrade)
        .catch(() => peer.close(1011, 'the hub failed'))
    })
    return connection
  }

  /** What the API would ask; answers `unavailable` when no hub answers. */
  async command(command: HubCommand): Promise<CommandResult> {
    const { process } = this
    const gone = { ok: false as const, fault: new FaultError('unavailable', 'no hub').fault }
    if (!process.alive) return gone
    return await new Promise((resolve) => {
      process.run(() => void this.#object().command(command).then(resolve))
      this.#options.world.clock.after(30_000, () => resolve(gone))
    })
  }

  /** The socket of a conductor that has a session on it and works at both ends, as far as anybody can see from outside. */
  servedPeer(conductor: string): Peer | undefined {
    return [...this.#peers].find(
      (peer) =>
        peer.conductor === conductor &&
        peer.connection.isWhole &&
        ((peer.attachment as { session?: number } | undefined)?.session ?? 0) > 0,
    )
  }

  /** Nobody but the hub has ended its socket, if anybody has. */
  isUnbroken(peer: Peer): boolean {
    return (peer as SimPeer).connection.isUpFrom(1)
  }

  /** The object goes, sockets and attachments stay. What it had under way goes on by itself. */
  evict(): void {
    this.#options.world.say('hub', 'evicted')
    this.#hub = undefined
  }

  kill(): void {
    this.#options.world.say('hub', 'killed')
    this.process.kill()
    this.#hub = undefined
    for (const peer of this.#peers) peer.connection.abandon(1)
    this.#peers.clear()
  }

  start(): void {
    if (this.process.alive) return
    this.process = this.#newProcess()
    this.#options.world.say('hub', 'started')
    // As the Node host does for what passed while no server ran.
    this.process.run(() => void this.#object().onAlarm())
  }

  #newProcess(): Process {
    const { world } = this.#options
    return new Process('hub', world.clock, world.random.stream(`hub ${this.#run++}`))
  }

  #object(): SiteHub {
    const { world, site, data, faults, onStale } = this.#options
    if (this.#hub !== undefined) return this.#hub
    const process = this.process
    const hub = new SiteHub({
      site,
      sql: new SimDatabase(data, process, world, faults),
      env: process.env,
      alarm: { set: async (at) => this.#setAlarm(at) },
      // No machine of the simulation is inspected.
      blobs: {
        put: () => Promise.reject(new Error('nobody keeps blobs here')),
        delete: () => Promise.reject(new Error('nobody keeps blobs here')),
      },
      peers: () => [...this.#peers],
      changed: () => undefined,
      looked: (state) => {
        // What is wrong stays so until the task ends, and to look costs as much as the turn. One that was evicted in the middle of it may have a successor that
        // has written since.
        if (++this.#turns % TURNS_UNTIL_LOOKED_AT === 0 && this.#hub === hub)
          void state.rows.stale(data).then((stale) => stale.forEach((what) => onStale(what)))
      },
      log: (level, event, fields) => level !== 'info' && world.say('hub', `${event} ${JSON.stringify(fields ?? {})}`),
    })
    return (this.#hub = hub)
  }

  #setAlarm(at: number | null): void {
    const { world } = this.#options
    this.#alarm.take()
    this.#alarm = { at, take: () => {} }
    if (at === null) return
    const delayMs = at - this.process.env.now()
    this.#alarm.take = world.clock.after(delayMs, () => this.process.run(() => void this.#object().onAlarm()))
  }
}
