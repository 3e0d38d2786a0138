// The hubs of a server, one object per site, made when first needed; their sockets and timers.
// A conductor's socket reaches its hub after the API verified the upgrade: `offer` keeps the raw socket until then.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { MAX_FRAME_BYTES } from '../../../shared/protocol.ts'
import { SUBPROTOCOL, type UpgradeIdentity } from '../../../shared/upgrade.ts'
import { FaultError } from '../../../shared/faults.ts'
import { MAX_WATCHERS } from '../../ports.ts'
import type { Alarm, Blobs, HubPort, Peer, Ports, SiteRef, Store, Watch, Watcher } from '../../ports.ts'
import { SiteHub } from '../../site-hub/hub.ts'
import type { CommandResult, HubCommand } from '../../site-hub/commands.ts'
import type { Env } from '../../../shared/env.ts'

interface Offer {
  readonly message: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

interface Site {
  readonly hub: SiteHub
  readonly peers: Set<Peer>
  readonly alarm: TimerAlarm
  readonly watchers: Set<Watcher>
}

/** The answer to an upgrade request that was taken: its socket is a WebSocket now, nothing more is to be written as HTTP. */
export const UPGRADED = 'ferrule-upgraded'

/** setTimeout takes no more than this; an alarm farther away is looked at again then. */
const MAX_DELAY_MS = 2 ** 31 - 1

class TimerAlarm implements Alarm {
  #env: Env
  #ring: () => void
  #cancel: () => void = () => undefined

  constructor(env: Env, ring: () => void) {
    this.#env = env
    this.#ring = ring
  }

  async set(at: number | null): Promise<void> {
    this.#cancel()
    if (at === null) return
    const delay = at - this.#env.now()
    this.#cancel = this.#env.setTimer(Math.min(delay, MAX_DELAY_MS), () =>
      delay > MAX_DELAY_MS ? void this.set(at) : this.#ring(),
    )
  }
}

export class Hubs implements HubPort {
  readonly #store: Store
  readonly #blobs: Blobs
  readonly #env: Env
  readonly #log: Ports['log']
  readonly #sites = new Map<string, Site>()
  readonly #offers = new WeakMap<Request, Offer>()
  readonly #sockets = new WebSocketServer({
    noServer: true,
    // Compression costs three to five times the CPU for frames as small as these.
    perMessageDeflate: false,
    // A frame that is too large is the hub's to refuse, with a reason; far beyond that the socket ends.
    maxPayload: MAX_FRAME_BYTES * 4,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  })
  readonly #watchers = new Set<Watcher>()
  #closed = false
  #soon: Promise<void> | null = null

  constructor(store: Store, blobs: Blobs, env: Env, log: Ports['log']) {
    this.#store = store
    this.#blobs = blobs
    this.#env = env
    this.#log = log
  }

  async command(site: SiteRef, command: HubCommand): Promise<CommandResult> {
    await this.#together()
    return this.#site(site).hub.command(command)
  }

  /** Lets a hub look at what it left open: leases and deadlines that passed while no server ran. */
  async wake(site: SiteRef): Promise<void> {
    await this.#site(site).hub.onAlarm()
  }

  offer(request: Request, offer: Offer): void {
    this.#offers.set(request, offer)
  }

  async connect(site: SiteRef, upgrade: UpgradeIdentity, request: Request): Promise<Response> {
    const offer = this.#offers.get(request)
    if (!offer) return new Response(null, { status: 426, headers: { Upgrade: 'websocket' } })
    this.#sockets.handleUpgrade(offer.message, offer.socket, offer.head, (socket) => {
      this.#attach(this.#site(site), socket, offer.socket, upgrade)
    })
    return new Response(null, { headers: { [UPGRADED]: 'yes' } })
  }

  // oxlint-disable-next-line typescript/require-await -- a throw becomes a rejection, as the port says
  async watch(sites: readonly SiteRef[], watcher: Watcher): Promise<Watch> {
    if (this.#closed) throw new FaultError('unavailable', 'The server stops.')
    if (this.#watchers.size >= MAX_WATCHERS && !this.#watchers.has(watcher))
      throw new FaultError('watch.full', `${MAX_WATCHERS} streams and waiting requests are open already.`)
    const watched = sites.map((site) => this.#site(site).watchers)
    this.#watchers.add(watcher)
    for (const watchers of watched) watchers.add(watcher)
    return {
      close: () => {
        this.#watchers.delete(watcher)
        for (const watchers of watched) watchers.delete(watcher)
      },
    }
  }

  /** Ends all sockets, then waits for the turns under way. */
  async close(): Promise<void> {
    this.#closed = true
    for (const watcher of [...this.#watchers]) watcher.ended()
    for (const { peers } of this.#sites.values()) for (const peer of peers) peer.close(1001, 'the server stops')
    for (const socket of this.#sockets.clients) socket.terminate()
    for (const { hub, alarm } of this.#sites.values()) {
      await hub.close()
      await alarm.set(null)
    }
  }

  /**
   * Resolves once the event loop has read what is there to be read. The database is synchronous: without this every request and frame
   * would be a turn, and a sync to disk, of its own. Those that wait go on in the order in which they came.
   */
  #together(): Promise<void> {
    this.#soon ??= new Promise((done) => {
      setImmediate(() => {
        this.#soon = null
        done()
      })
    })
    return this.#soon
  }

  #site(site: SiteRef): Site {
    const key = `${site.organisation}/${site.site}`
    let entry = this.#sites.get(key)
    if (!entry) {
      const peers = new Set<Peer>()
      const watchers = new Set<Watcher>()
      const alarm = new TimerAlarm(this.#env, () => void hub.onAlarm())
      const hub = new SiteHub({
        site,
        sql: this.#store.organisation(site.organisation),
        env: this.#env,
        alarm,
        blobs: this.#blobs,
        peers: () => [...peers],
        log: this.#log,
        changed: (nodes) => {
          for (const watcher of watchers) watcher.changed(nodes)
        },
      })
      entry = { hub, peers, alarm, watchers }
      this.#sites.set(key, entry)
    }
    return entry
  }

  #attach({ hub, peers }: Site, socket: WebSocket, line: Duplex, upgrade: UpgradeIdentity): void {
    const { conductor } = upgrade
    const peer: Peer = {
      conductor,
      attachment: undefined,
      send: (frame) => {
        holdBack(line)
        socket.send(frame)
      },
      close: (code, reason) => socket.close(code, reason),
    }
    const failed = (error: unknown): void => {
      this.#log('error', 'hub.socket_failed', { conductor, error: String(error) })
      socket.close(1011, 'the hub failed')
    }
    peers.add(peer)
    socket.on('error', (error) => {
      // Far too large, or not a WebSocket frame at all.
      if ('code' in error && String(error.code).startsWith('WS_ERR')) void hub.onBadFrame(peer, 1009, error.message)
      socket.terminate()
    })
    socket.on('message', (data, binary) => {
      if (binary) {
        hub.onBadFrame(peer, 1003, 'text frames only').catch(failed)
        return undefined
      }
      const frame = (data as Buffer).toString('utf8')
      this.#together()
        .then(() => hub.onMessage(peer, frame))
        .catch(failed)
      return undefined
    })
    socket.on('close', () => {
      peers.delete(peer)
      // A server that stops forgets nothing that a restart does not find: sessions and horizons are rows.
      if (this.#closed) return
      this.#together()
        .then(() => hub.onClose(peer))
        .catch(failed)
    })
    hub.onOpen(peer, upgrade).catch(failed)
  }
}

/** What a turn has to say to a conductor leaves at once when the turn is over, not a system call a frame. */
function holdBack(line: Duplex): void {
  if (line.writableCorked > 0) return
  line.cork()
  queueMicrotask(() => line.uncork())
}
