// Screens of machines, for people: the consoles that speak RFB (RFC 6143). A plain viewer comes to the node's own TCP port and shows a password; a
// browser gets a page that is a viewer (noVNC) and comes back over a WebSocket with a token (web.ts). Both are of one ticket (tickets.ts), and from there on
// a screen is a console as any other: one client at a time, gone with its node (consoles.ts).
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Env } from '../../shared/env.ts'
import type { Admitted, ConsoleDoor, LetIn } from '../site/consoles.ts'
import type { Log } from '../log.ts'
import { welcome } from '../rfb/handshake.ts'
import { RfbStream } from '../rfb/stream.ts'
import { CHALLENGE_BYTES } from '../rfb/vnc-auth.ts'
import { Tickets } from './tickets.ts'
import { startWeb, type Web } from './web.ts'

/** As Ironic answers it; the address and the password are for viewers that are no browsers. */
export interface ScreenInfo {
  readonly type: 'vnc'
  readonly url: string
  readonly address: string
  readonly password: string
}

/** What a driver may do with them. */
export interface ScreenDoor {
  start(node: string): Promise<void>
  stop(node: string): Promise<void>
  /** Where it is, for one viewer; undefined while it is not started. */
  tell(node: string): ScreenInfo | undefined
}

export interface ScreensOptions {
  readonly env: Env
  readonly log: Log
  readonly consoles: Pick<ConsoleDoor, 'start' | 'stop' | 'urlOf'> & {
    enter(node: string, socket: Socket, admitted: Admitted): Promise<void>
  }
  readonly address: string
  /** Of the page and the WebSocket. */
  readonly port: number
  /** Where browsers find that, where it is not address and port. */
  readonly publicUrl?: string | undefined
  readonly ticketMs: number
}

/** Of a browser, which has shown its token; what comes to a node's own port has as long (consoles.ts). */
const HANDSHAKE_MS = 10_000

export class Screens implements ScreenDoor {
  readonly #options: ScreensOptions
  readonly #tickets: Tickets
  /** Begun with the first screen: a conductor without any needs no port for them. */
  #web: Promise<Web> | undefined
  #url: string | undefined

  constructor(options: ScreensOptions) {
    this.#options = options
    this.#tickets = new Tickets(options.env, options.ticketMs)
  }

  async start(node: string): Promise<void> {
    await this.#begin()
    await this.#options.consoles.start(node, undefined, (socket) => this.#letIn(node, socket))
  }

  async stop(node: string): Promise<void> {
    this.#tickets.forget(node)
    await this.#options.consoles.stop(node)
  }

  tell(node: string): ScreenInfo | undefined {
    const listens = this.#options.consoles.urlOf(node)
    if (listens === undefined || this.#url === undefined) return undefined
    const { token, password } = this.#tickets.issue(node)
    const path = encodeURIComponent(`websockify?node=${node}&token=${token}`)
    return { type: 'vnc', url: `${this.#url}/vnc_auto.html?path=${path}`, address: new URL(listens).host, password }
  }

  async close(): Promise<void> {
    const web = await this.#web?.catch(() => undefined)
    await web?.close()
  }

  async #begin(): Promise<void> {
    const { address, port, publicUrl, log } = this.#options
    this.#web ??= startWeb({
      address,
      port,
      log,
      take: (node, token) => this.#tickets.takeToken(node, token),
      enter: (node, socket, stream) => void this.#enter(node, socket, stream),
    })
    try {
      const { url } = await this.#web
      this.#url = publicUrl ?? url
    } catch (error) {
      this.#web = undefined
      throw error
    }
  }

  async #enter(node: string, socket: Socket, client: Duplex): Promise<void> {
    const { consoles, env, log } = this.#options
    const stopTimer = env.setTimer(HANDSHAKE_MS, () => socket.destroy())
    try {
      await consoles.enter(node, socket, { stream: client, ...(await welcome(new RfbStream(client))) })
    } catch (error) {
      log.info('a browser was not let in', { node, error })
      socket.destroy()
    } finally {
      stopTimer()
    }
  }

  readonly #letIn = async (node: string, socket: Socket): ReturnType<LetIn> => {
    const challenge = this.#options.env.random(CHALLENGE_BYTES)
    const judge = (isPassword: (password: string) => boolean) => this.#tickets.takePassword(node, isPassword)
    return { stream: socket, ...(await welcome(new RfbStream(socket), { challenge, judge })) }
  }
}
