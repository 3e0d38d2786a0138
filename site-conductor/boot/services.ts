// Everything a machine meets between power-on and its ramdisk: DHCP (or proxyDHCP), TFTP and HTTP behind one door.
// 1. Only machines with an admitted ticket are answered, and those that live here: their firmware is sent to its disk, or to what their instance is.
//    `withdraw` ends a ticket at once.
// 2. A file leaves this host only under a path that holds a boot's token, or one made by serveFile.
// 3. The servers hold no state of a boot: a conductor that takes a node over admits its ticket and goes on.
// A router advertiser (which saves iPXE about 13 s where IPv6 is silent) would be started in start(), off by default.
import { randomBytes } from 'node:crypto'
import { SCRIPT_NAME, decide } from './decide.ts'
import { tellDhcp } from './dhcp-events.ts'
import { httpFiles } from './http-files.ts'
import { readLoaders } from './loaders.ts'
import { LOCAL } from './residents.ts'
import { localBootScript } from './script.ts'
import { type DhcpOption, type Firmware, optionsFor } from './other-dhcp.ts'
import { TicketError, checkTicket, mediumPath } from './ticket.ts'
import { Tickets } from './tickets.ts'
import { tftpFile } from './tftp-files.ts'
import { systemClock, Timeline } from './timeline.ts'
import { DhcpServer } from '../dhcp/server.ts'
import { HttpBootServer } from '../http-boot/server.ts'
import { TftpServer } from '../tftp/server.ts'
import type { BootSite } from './decide.ts'
import type { LoaderFiles, LoaderName } from './loaders.ts'
import type { Resident } from './residents.ts'
import type { BootTicket, InstanceBoot } from './ticket.ts'
import type { Stage, StageEvent, TimelineClock } from './timeline.ts'
import type { ClientKind } from '../dhcp/client-kind.ts'
import type { DhcpAnswer } from '../dhcp/reply.ts'
import type { DhcpRequest } from '../dhcp/request.ts'
import type { Content } from '../http-boot/content.ts'
import type { TftpContent } from '../tftp/window.ts'

export interface BootLog {
  debug(message: string, fields: Record<string, unknown>): void
  warn(message: string, fields: Record<string, unknown>): void
}

export interface BootServicesOptions {
  onStage: (event: StageEvent) => void
  log?: BootLog
  /** A machine without a ticket asked to boot over the network. Admitting one here answers its next try. */
  onStranger?: (stranger: { mac: string; uuid?: string; client: ClientKind }) => void
  /** Whose machine this is, when it has no ticket and boots its disk or its instance however its firmware is set up. */
  resident?: (mac: string) => Resident | undefined
  clock?: TimelineClock
}

export interface BootConfig {
  /** This host's address on the provisioning network. */
  address: string
  /** Defaults 67, 4011, 69, 8088; 0 chooses a free port. dhcpClient and dhcpRelay (68, 67) are for tests. */
  ports?: { dhcp?: number; proxyDhcp?: number; tftp?: number; http?: number; dhcpClient?: number; dhcpRelay?: number }
  /** Where files are served over HTTP; default `address`. */
  httpListen?: string
  /** `reservations`: we give the addresses in the tickets. `proxy`: another server does, we add what to boot. */
  mode: 'reservations' | 'proxy'
  loaders: LoaderFiles
}

interface Running {
  site: BootSite
  dhcp: DhcpServer
  tftp: TftpServer
  http: HttpBootServer
  loaders: Map<LoaderName, Uint8Array>
}

const PXE_LOADERS = ['grubx64.efi', 'grubaa64.efi', 'pxelinux.0'] as const

/** A route of serveFile: 18 random bytes. */
const SERVED_FILE = /^\/[\w-]{24}\/image$/

const silentLog: BootLog = { debug: () => {}, warn: () => {} }

export class BootServices {
  readonly #options: BootServicesOptions
  readonly #log: BootLog
  readonly #timeline: Timeline
  readonly #tickets: Tickets
  /** HTTP path → whose timeline it belongs on, and as what. */
  readonly #stages = new Map<string, { node: string; stage: Stage }>()
  #running: Running | undefined

  constructor(options: BootServicesOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#timeline = new Timeline(options.onStage, options.clock ?? systemClock)
    this.#tickets = new Tickets((mac) => options.resident?.(mac))
  }

  /** The ports in use. Throws before start(). */
  get ports(): { dhcp: number; proxyDhcp: number; tftp: number; http: number } {
    const { dhcp, tftp, http } = this.#started()
    return { dhcp: dhcp.ports.server, proxyDhcp: dhcp.ports.proxy, tftp: tftp.port, http: http.port }
  }

  /** Of what is served over HTTP: 'http://10.0.0.1:8088'. Throws before start(). */
  get origin(): string {
    return this.#started().site.origin
  }

  /** Reads the loaders and opens all ports; rejects, with nothing left open, when one cannot be had. */
  async start(config: BootConfig): Promise<void> {
    if (this.#running) throw new Error('already started')
    const { address, mode, ports = {} } = config
    const loaders = await readLoaders(config.loaders)
    const http = new HttpBootServer({
      address,
      ...(config.httpListen !== undefined && { listen: config.httpListen }),
      ...(ports.http !== undefined && { port: ports.http }),
      onProgress: (transfer) => {
        const known = this.#stageOf(transfer.path)
        if (known?.stage === 'medium') this.#timeline.medium(known.node, transfer)
        else if (known) this.#timeline.http(known.node, known.stage, transfer)
      },
      onHead: (path) => {
        const known = this.#stageOf(path)
        if (known) this.#timeline.came(known.node)
      },
      find: (path) => this.#residentFile(path)?.content,
    })
    const tftp = new TftpServer({
      address,
      ...(ports.tftp !== undefined && { port: ports.tftp }),
      open: (file) => this.#openFile(file),
      onEnd: (stats) => {
        const ticket = this.#tickets.under(parseTftpPath(stats.file).token)
        if (ticket) this.#timeline.tftp(ticket.node, stats)
      },
      onRefused: ({ client, why, detail }) => this.#log.debug('tftp request refused', { ...client, why, detail }),
    })
    const dhcp = new DhcpServer({
      address,
      proxy: mode === 'proxy',
      ports: {
        server: ports.dhcp ?? 67,
        proxy: ports.proxyDhcp ?? 4011,
        client: ports.dhcpClient ?? 68,
        relay: ports.dhcpRelay ?? 67,
      },
      decide: (request) => this.#decide(request),
      onEvent: (event) => tellDhcp(event, { tickets: this.#tickets, timeline: this.#timeline, log: this.#log }),
    })
    try {
      await http.start()
      await tftp.start()
      const site = { mode, address, origin: http.origin, loaders: new Set(loaders.keys()) }
      this.#running = { site, dhcp, tftp, http, loaders }
      const script = Buffer.from(localBootScript())
      http.publish(`/${LOCAL}/${SCRIPT_NAME}`, { kind: 'bytes', bytes: script, contentType: 'text/plain' })
      for (const ticket of this.#tickets.admitted()) this.#publish(ticket)
      // Last, so that whoever gets an answer finds the other two.
      await dhcp.start()
    } catch (error) {
      this.#running = undefined
      await Promise.all([http.close(), tftp.close(), dhcp.close()])
      throw error
    }
  }

  /** Is a machine being booted from the file at this path? */
  isServed(path: string): boolean {
    return this.#tickets.serve(path)
  }

  async close(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    this.#timeline.close()
    if (running) await Promise.all([running.dhcp.close(), running.tftp.close(), running.http.close()])
  }

  /** Lets a node boot by this ticket from now on; replaces its earlier one. Throws TicketError and changes nothing then. */
  admit(ticket: BootTicket): void {
    const checked = checkTicket(ticket)
    const { mode } = this.#running?.site ?? {}
    if (mode === 'reservations' && checked.address === undefined && !checked.addressElsewhere) {
      throw new TicketError('address: needed, since this site gives addresses itself')
    }
    if (this.#running && checked.loader === 'pxe' && !PXE_LOADERS.some((name) => this.#running?.loaders.has(name)))
      throw new TicketError('loader: neither GRUB nor PXELINUX is configured (loaderGrub, loaderPxelinux)')
    this.#tickets.refuseTaken(checked)
    this.withdraw(checked.node)
    this.#tickets.admit(checked)
    if (this.#running) this.#publish(checked)
  }

  /**
   * Likewise, a machine whose instance boots over the network. When the ticket is withdrawn and the node is a resident with the same instance,
   * what the machine has been told goes on to be right.
   */
  admitInstance(ticket: Omit<BootTicket, 'token' | 'ramdisk'> & { instance: InstanceBoot }): void {
    this.admit({ ...ticket, token: this.#tickets.instanceToken(ticket.node) })
  }

  /** What another DHCP server is to tell the node's machine; nothing where it boots nothing over the network. */
  dhcpOptions(node: string, firmware: Firmware): DhcpOption[] {
    const ticket = [...this.#tickets.admitted()].find((each) => each.node === node)
    return ticket ? optionsFor(ticket, firmware, this.#started().site) : []
  }

  /** Nobody boots this node any more: its machine gets no answers, its paths are gone. Unknown nodes are fine. */
  withdraw(node: string): void {
    const ticket = this.#tickets.withdraw(node)
    if (!ticket) return
    this.#running?.http.withdraw(`/${ticket.token}`)
    for (const path of this.#stages.keys()) if (path.startsWith(`/${ticket.token}/`)) this.#stages.delete(path)
    this.#timeline.mediumGone(mediumPath(ticket.token))
    this.#timeline.forget(node)
  }

  /** Serves a file (an image, say) where it was `earlier`, if that was here, else under a new unguessable URL; its downloads go to the node's timeline. */
  serveFile(path: string, forNode?: { node: string }, earlier?: string): string {
    const { http } = this.#started()
    const known = earlier?.startsWith(`${http.origin}/`) ? earlier.slice(http.origin.length) : ''
    const route = SERVED_FILE.test(known) ? known : `/${randomBytes(18).toString('base64url')}/image`
    http.publish(route, { kind: 'file', path, contentType: 'application/octet-stream' })
    if (forNode) this.#stages.set(route, { node: forNode.node, stage: 'image' })
    return `${http.origin}${route}`
  }

  /** Takes back a URL of serveFile. Unknown ones are fine. */
  withdrawFile(url: string): void {
    const running = this.#running
    if (!running || !url.startsWith(`${running.site.origin}/`)) return
    const route = url.slice(running.site.origin.length)
    running.http.withdraw(route)
    this.#stages.delete(route)
  }

  #decide(request: DhcpRequest): DhcpAnswer | null {
    if (!this.#running) return null
    const { mac, uuid, client } = request
    const ticket = this.#tickets.of(request)
    if (ticket) return decide(ticket, client, this.#running.site)
    if (client.kind !== 'other') this.#options.onStranger?.({ mac, client, ...(uuid !== undefined && { uuid }) })
    return null
  }

  /** '/token/name' of a resident that boots its instance. */
  #residentFile(path: string): { node: string; stage: Stage; content: Content } | undefined {
    const ticket = this.#tickets.residentUnder(path.split('/')[1] ?? '')
    if (!ticket || !this.#running) return undefined
    const { site, loaders } = this.#running
    const file = httpFiles(ticket, site.origin, loaders).find((each) => each.path === path)
    return file && { node: ticket.node, ...file }
  }

  #stageOf(path: string): { node: string; stage: Stage } | undefined {
    return this.#stages.get(path) ?? this.#residentFile(path)
  }

  /** Only below the token of a boot in progress. */
  async #openFile(file: string): Promise<TftpContent | null> {
    const { token, name } = parseTftpPath(file)
    const ticket = this.#tickets.under(token)
    if (!ticket || !this.#running) return null
    const content = await tftpFile(ticket, name, this.#running.loaders)
    if (content !== null) this.#timeline.came(ticket.node)
    return content
  }

  #publish(ticket: BootTicket): void {
    const { http, site, loaders } = this.#started()
    for (const { path, stage, content } of httpFiles(ticket, site.origin, loaders)) {
      http.publish(path, content)
      this.#stages.set(path, { node: ticket.node, stage })
    }
  }

  #started(): Running {
    if (!this.#running) throw new Error('not started')
    return this.#running
  }
}

/** '/token/snponly.efi' or without the first slash, which some firmware puts there. */
function parseTftpPath(file: string): { token: string; name: string } {
  const [token = '', ...name] = file.replace(/^\//, '').split('/')
  return { token, name: name.join('/') }
}
