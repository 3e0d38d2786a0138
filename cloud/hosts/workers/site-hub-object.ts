// The hub of a site as a Durable Object, named `organisation/site`. Its sockets hibernate: the object may be gone between two frames and
// comes back with what the rows and the sockets' attachments say. Its own storage holds nothing but the alarm.
import { DurableObject } from 'cloudflare:workers'
import { systemEnv } from '../../../shared/env.ts'
import { SUBPROTOCOL, type UpgradeIdentity } from '../../../shared/upgrade.ts'
import { MAX_WATCHERS, type Alarm, type Peer, type SiteRef } from '../../ports.ts'
import type { CommandResult, HubCommand } from '../../site-hub/commands.ts'
import { SiteHub } from '../../site-hub/hub.ts'
import { BucketBlobs } from './blobs.ts'
import { log, storeOf, type WorkerEnv } from './environment.ts'

/** What a socket keeps over hibernation (at most 2 KiB). */
interface Kept {
  readonly id: string
  readonly conductor: string
  readonly value: unknown
}

/** By which the Worker, which verified the upgrade, tells the object who connects (JSON). Nobody else can reach the object. */
export const UPGRADE_HEADER = 'ferrule-verified-upgrade'

/** Likewise, that it only wants to be told of commits. */
export const WATCH_HEADER = 'ferrule-watch'
/** Status of the answer when MAX_WATCHERS do already. */
export const WATCH_FULL = 429
/** Tag and attachment of such a socket. */
const WATCH = 'watch'

function isWatcher(socket: WebSocket): boolean {
  return socket.deserializeAttachment() === WATCH
}

class SocketPeer implements Peer {
  readonly #socket: WebSocket
  readonly #id: string
  readonly conductor: string
  #value: unknown

  constructor(socket: WebSocket, kept: Kept) {
    this.#socket = socket
    this.#id = kept.id
    this.conductor = kept.conductor
    this.#value = kept.value
  }

  get attachment(): unknown {
    return this.#value
  }

  set attachment(value: unknown) {
    this.#value = value
    this.#socket.serializeAttachment({ id: this.#id, conductor: this.conductor, value } satisfies Kept)
  }

  send(frame: string): void {
    this.#socket.send(frame)
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }
}

export class SiteHubObject extends DurableObject<WorkerEnv> {
  readonly #hub: SiteHub
  /** By the id in the attachment: one Peer per socket for as long as the object lives. */
  readonly #peers = new Map<string, SocketPeer>()

  constructor(ctx: DurableObjectState, env: WorkerEnv) {
    super(ctx, env)
    const site = siteOf(ctx.id.name)
    const alarm: Alarm = { set: (at) => (at === null ? ctx.storage.deleteAlarm() : ctx.storage.setAlarm(at)) }
    this.#hub = new SiteHub({
      site,
      sql: storeOf(env).organisation(site.organisation),
      env: systemEnv,
      alarm,
      blobs: new BucketBlobs(env.BLOBS),
      peers: () => ctx.getWebSockets().flatMap((socket) => (isWatcher(socket) ? [] : [this.#peer(socket)])),
      log,
      changed: (nodes) => {
        const news = JSON.stringify(nodes)
        for (const socket of this.#watchers()) socket.send(news)
      },
    })
  }

  command(command: HubCommand): Promise<CommandResult> {
    return this.#hub.command(command)
  }

  /** Takes the upgrade of a conductor, or of the Worker when it watches for somebody. */
  override async fetch(request: Request): Promise<Response> {
    const watches = request.headers.has(WATCH_HEADER)
    if (watches && this.#watchers().length >= MAX_WATCHERS) return new Response(null, { status: WATCH_FULL })
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    if (watches) {
      this.ctx.acceptWebSocket(server, [WATCH])
      server.serializeAttachment(WATCH)
      return new Response(null, { status: 101, webSocket: client })
    }
    const upgrade = JSON.parse(request.headers.get(UPGRADE_HEADER)!) as UpgradeIdentity
    const { conductor } = upgrade
    this.ctx.acceptWebSocket(server, [conductor])
    server.serializeAttachment({ id: crypto.randomUUID(), conductor, value: undefined } satisfies Kept)
    await this.#hub.onOpen(this.#peer(server), upgrade)
    return new Response(null, { status: 101, webSocket: client, headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } })
  }

  override async webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    if (isWatcher(socket)) return socket.close(1003, 'nothing is to be said here')
    if (typeof frame !== 'string') return this.#hub.onBadFrame(this.#peer(socket), 1003, 'text frames only')
    return this.#hub.onMessage(this.#peer(socket), frame)
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    if (isWatcher(socket)) return
    const peer = this.#peer(socket)
    this.#peers.delete((socket.deserializeAttachment() as Kept).id)
    return this.#hub.onClose(peer)
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    return this.webSocketClose(socket)
  }

  override async alarm(): Promise<void> {
    return this.#hub.onAlarm()
  }

  /** Without those that are being closed: to send to one throws, and those behind it would not be told. */
  #watchers(): WebSocket[] {
    return this.ctx.getWebSockets(WATCH).filter(({ readyState }) => readyState === WebSocket.OPEN)
  }

  #peer(socket: WebSocket): SocketPeer {
    const kept = socket.deserializeAttachment() as Kept
    let peer = this.#peers.get(kept.id)
    if (!peer) {
      peer = new SocketPeer(socket, kept)
      this.#peers.set(kept.id, peer)
    }
    return peer
  }
}

export function objectName(site: SiteRef): string {
  return `${site.organisation}/${site.site}`
}

function siteOf(name: string | undefined): SiteRef {
  const [organisation, site] = (name ?? '').split('/')
  if (!organisation || !site) throw new Error('a hub is found by its name, organisation/site')
  return { organisation, site }
}
