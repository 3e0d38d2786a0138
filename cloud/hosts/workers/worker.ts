// The cloud on Workers: requests here, one Durable Object per site, libSQL over HTTP, blobs in R2.
import { waitUntil } from 'cloudflare:workers'
import { systemEnv } from '../../../shared/env.ts'
import { fault, FaultError } from '../../../shared/faults.ts'
import { createApp } from '../../app.ts'
import { LOCK_WAIT_MS, type HubPort, type Ports, type SiteRef, type Watch, type Watcher } from '../../ports.ts'
import type { CommandResult, HubCommand } from '../../site-hub/commands.ts'
import type { UpgradeIdentity } from '../../../shared/upgrade.ts'
import { BucketBlobs } from './blobs.ts'
import { log, storeOf, type WorkerEnv } from './environment.ts'
import { objectName, SiteHubObject, UPGRADE_HEADER, WATCH_HEADER } from './site-hub-object.ts'

export { SiteHubObject }

/** A socket each, from one request. */
const MAX_WATCHED = 100

class ObjectHubs implements HubPort {
  readonly #namespace: WorkerEnv['SITE_HUB']

  constructor(namespace: WorkerEnv['SITE_HUB']) {
    this.#namespace = namespace
  }

  async command(site: SiteRef, command: HubCommand): Promise<CommandResult> {
    // The stub's types cannot say `unknown`; what crosses is plain data.
    const stub = this.#stub(site) as unknown as { command(command: HubCommand): Promise<CommandResult> }
    try {
      return await stub.command(command)
    } catch (error) {
      log('error', 'hub.unreachable', { site: site.site, error: String(error) })
      return {
        ok: false,
        fault: fault(
          'unavailable',
          'The hub of the site did not answer; whether the change was made shows in the resource.',
        ),
      }
    }
  }

  async connect(site: SiteRef, upgrade: UpgradeIdentity, request: Request): Promise<Response> {
    const headers = new Headers(request.headers)
    headers.set(UPGRADE_HEADER, JSON.stringify(upgrade))
    return this.#stub(site).fetch(new Request(request.url, { headers }))
  }

  async watch(sites: readonly SiteRef[], watcher: Watcher): Promise<Watch> {
    if (sites.length > MAX_WATCHED)
      throw new FaultError('watch.full', `One request watches at most ${MAX_WATCHED} sites.`, {
        hint: 'name one: ?site=',
      })
    const sockets = await Promise.all(sites.map((site) => this.#watch(site, watcher)))
    return { close: () => sockets.forEach((socket) => socket.close(1000, 'done')) }
  }

  async #watch(site: SiteRef, watcher: Watcher): Promise<WebSocket> {
    const headers = { Upgrade: 'websocket', [WATCH_HEADER]: 'yes' }
    const { webSocket: socket } = await this.#stub(site).fetch('https://hub/watch', { headers })
    if (!socket) throw new FaultError('unavailable', 'The hub of the site did not answer.')
    socket.addEventListener('message', ({ data }) => watcher.changed(JSON.parse(String(data)) as string[]))
    socket.addEventListener('close', () => watcher.ended())
    socket.accept()
    return socket
  }

  #stub(site: SiteRef) {
    return this.#namespace.get(this.#namespace.idFromName(objectName(site)))
  }
}

function portsOf(env: WorkerEnv): Ports {
  return {
    env: systemEnv,
    store: storeOf(env),
    hub: new ObjectHubs(env.SITE_HUB),
    blobs: new BucketBlobs(env.BLOBS),
    noAuth: false,
    lockWaitMs: env.LOCK_WAIT_MS === undefined ? LOCK_WAIT_MS : Number(env.LOCK_WAIT_MS),
    background: waitUntil,
    log,
  }
}

const app = createApp<WorkerEnv>((_request, env) => portsOf(env))

export default {
  fetch: (request: Request, env: WorkerEnv): Promise<Response> => app.fetch(request, env),
} satisfies ExportedHandler<WorkerEnv>
