// The way from a Worker to the hubs, one Durable Object per site. Whatever becomes of an object, its caller gets a fault.
import { fault, FaultError } from '../../../shared/faults.ts'
import type { UpgradeIdentity } from '../../../shared/upgrade.ts'
import { MAX_WATCHERS, type HubPort, type SiteRef, type Watch, type Watcher } from '../../ports.ts'
import type { CommandResult, HubCommand } from '../../site-hub/commands.ts'
import { log, type WorkerEnv } from './environment.ts'
import { objectName, UPGRADE_HEADER, WATCH_FULL, WATCH_HEADER } from './site-hub-object.ts'

/** A socket each, from one request. */
const MAX_WATCHED = 100

export class ObjectHubs implements HubPort {
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
    const opened = await Promise.allSettled(sites.map((site) => this.#watch(site, watcher)))
    const sockets = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const close = (): void => sockets.forEach((socket) => socket.close(1000, 'done'))
    const failed = opened.find((each) => each.status === 'rejected')
    if (!failed) return { close }
    close()
    throw failed.reason
  }

  async #watch(site: SiteRef, watcher: Watcher): Promise<WebSocket> {
    const { status, webSocket: socket } = await this.#ask(site)
    if (status === WATCH_FULL)
      throw new FaultError('watch.full', `${MAX_WATCHERS} streams and waiting requests of the site are open already.`)
    if (!socket) throw new FaultError('unavailable', 'The hub of the site did not answer.')
    socket.addEventListener('message', ({ data }) => watcher.changed(JSON.parse(String(data)) as string[]))
    socket.addEventListener('close', () => watcher.ended())
    socket.accept()
    return socket
  }

  /** An object may go in this very moment: it is moved, or gets new code. */
  async #ask(site: SiteRef): Promise<Response> {
    const headers = { Upgrade: 'websocket', [WATCH_HEADER]: 'yes' }
    try {
      return await this.#stub(site).fetch('https://hub/watch', { headers })
    } catch (error) {
      log('error', 'hub.unreachable', { site: site.site, error: String(error) })
      throw new FaultError('unavailable', 'The hub of the site did not answer.', { cause: error })
    }
  }

  #stub(site: SiteRef) {
    return this.#namespace.get(this.#namespace.idFromName(objectName(site)))
  }
}
