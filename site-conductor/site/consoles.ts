// Consoles of machines as TCP ports of this host: one client at a time each, whose bytes the node's driver carries to the machine and back. How a client
// is let in depends on what the console speaks: a serial line takes whoever comes, a screen asks for a password (screens/door.ts).
// 1. A console is there as long as its node is held; a client that is joined is seen to its end before the node is given back (acts.ts).
// 2. Nothing authenticates the client of a serial line: the address is loopback unless the configuration says otherwise. 3. A node that comes with its console enabled
// (a new conductor, a take-over) has it started once, and no failure of that disturbs anything else. 4. One whose grant no longer says that it is
// enabled is stopped, by whomever it was switched off.
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Env } from '../../shared/env.ts'
import { FaultError, toFault } from '../../shared/faults.ts'
import type { Grants, Hold } from '../link/grants.ts'
import type { Log } from '../log.ts'

/** A client that may have the console, and waits to hear whether it gets it. */
export interface Admitted {
  readonly stream: Duplex
  /** It is joined now. */
  accept(): void
  /** It is not, or not any more, and is told why where that can still be said. */
  refuse(why: string): void
}

/** Rejects where a client is none; it is hung up on then. */
export type LetIn = (socket: Socket) => Promise<Admitted>

/** What is a person's terminal takes any text. */
const asTerminal: LetIn = async (socket) => ({
  stream: socket,
  accept() {},
  refuse(why) {
    if (socket.writable) socket.write(`\r\n[${why}]\r\n`)
  },
})

/** What a driver may do with them. */
export interface ConsoleDoor {
  /**
   * Listens for the node's client, on `port` or else any free one of the configured range. Nothing new where it does already. `letIn`: default as a
   * terminal, whoever it is.
   */
  start(node: string, port?: number, letIn?: LetIn): Promise<void>
  /** Ends it and its client. Resolves when the driver has come back from that one. */
  stop(node: string): Promise<void>
  /** `tcp://127.0.0.1:10000`; undefined while it is not started. */
  urlOf(node: string): string | undefined
}

export interface ConsolesOptions {
  readonly env: Env
  readonly log: Log
  readonly grants: Grants
  readonly address: string
  readonly ports: { readonly first: number; readonly last: number }
  /** Joins a client with the console of the node, until either ends. Its failure is told to the client. */
  readonly join: (hold: Hold, client: Duplex, accept: () => void) => Promise<void>
  /** Starts a console whose node came with it enabled. */
  readonly restart: (hold: Hold) => Promise<unknown>
  /** How long neither side may say something, default 600,000, as Ironic's. */
  readonly idleMs?: number
}

interface Listener {
  readonly hold: Hold
  readonly server: Server
  readonly port: number
  /** Not let in yet. */
  readonly waiting: Set<Socket>
  client?: { readonly socket: Socket; readonly ended: Promise<void> }
}

const IDLE_MS = 600_000
const GOODBYE_MS = 1_000
const LET_IN_MS = 10_000
const MOST_WAITING = 8

export class Consoles implements ConsoleDoor {
  readonly #options: ConsolesOptions
  readonly #listeners = new Map<string, Promise<Listener>>()
  readonly #ports = new Map<string, number>()
  /** Holds that were looked at: was their console enabled? One that a step starts is there before the cloud knows. */
  readonly #seen = new WeakMap<Hold, boolean>()

  constructor(options: ConsolesOptions) {
    this.#options = options
  }

  urlOf(node: string): string | undefined {
    const { address } = this.#options
    const port = this.#ports.get(node)
    return port === undefined ? undefined : `tcp://${address.includes(':') ? `[${address}]` : address}:${port}`
  }

  async start(node: string, port?: number, letIn: LetIn = asTerminal): Promise<void> {
    const hold = this.#options.grants.get(node)
    if (hold === undefined) throw new FaultError('fenced', `node ${node} is not granted to this conductor`)
    let starting = this.#listeners.get(node)
    if (starting === undefined) {
      const fresh = this.#listen(hold, port, letIn)
      starting = fresh
      this.#listeners.set(node, fresh)
      fresh.catch(() => {
        if (this.#listeners.get(node) === fresh) this.#listeners.delete(node)
      })
      hold.signal.addEventListener('abort', () => void this.stop(node), { once: true })
    }
    const listener = await starting
    // One that was stopped meanwhile has no URL: its port may soon be another machine's.
    if (this.#listeners.get(node) === starting) this.#ports.set(node, listener.port)
  }

  async stop(node: string): Promise<void> {
    const starting = this.#listeners.get(node)
    this.#listeners.delete(node)
    this.#ports.delete(node)
    const listener = await starting?.catch(() => undefined)
    if (listener === undefined) return
    listener.server.close()
    for (const socket of listener.waiting) socket.destroy()
    listener.client?.socket.destroy()
    await listener.client?.ended
  }

  /** Nodes have been granted. */
  granted(): void {
    for (const hold of this.#options.grants.all()) {
      const before = this.#seen.get(hold)
      const { node, consoleEnabled: enabled = false } = hold.grant
      this.#seen.set(hold, enabled)
      if (before === undefined && enabled) void this.#restart(hold)
      if (before && !enabled) void this.stop(node)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((node) => this.stop(node)))
  }

  async #restart(hold: Hold): Promise<void> {
    const { restart, log } = this.#options
    await restart(hold).catch((error: unknown) =>
      log.warn('a console was not started again', { node: hold.grant.node, code: toFault(error).code, error }),
    )
  }

  async #listen(hold: Hold, wanted: number | undefined, letIn: LetIn): Promise<Listener> {
    const { address, ports } = this.#options
    const { node } = hold.grant
    const candidates =
      wanted === undefined ? Array.from({ length: ports.last - ports.first + 1 }, (_, i) => ports.first + i) : [wanted]
    for (const port of candidates) {
      const server = await listenOn(port, address)
      if (server === undefined) continue
      const listener: Listener = { hold, server, port, waiting: new Set() }
      server.on('connection', (socket) => void this.#welcome(listener, socket, letIn))
      return listener
    }
    const tried = wanted ?? `any of ${ports.first} to ${ports.last}`
    throw new FaultError(
      'conflict',
      `the console of node ${node} needs TCP port ${tried} at ${address}, which is taken`,
      {
        hint: 'stop a console, or configure more ports (consolePorts, driver_info.ipmi_terminal_port)',
      },
    )
  }

  async #welcome(listener: Listener, socket: Socket, letIn: LetIn): Promise<void> {
    const { env, log } = this.#options
    const { waiting, hold } = listener
    const { node } = hold.grant
    // What goes wrong with a client ends it, and nothing else.
    socket.on('error', (error) => log.debug('a console client is gone', { node, error }))
    if (waiting.size >= MOST_WAITING) return void socket.destroy()
    waiting.add(socket)
    const stopTimer = env.setTimer(LET_IN_MS, () => socket.destroy())
    try {
      this.#seat(listener, socket, await letIn(socket))
    } catch (error) {
      log.info('a console client was not let in', { node, error })
      hangUp(env, socket, socket)
    } finally {
      stopTimer()
      waiting.delete(socket)
    }
  }

  /** A client that came another way, and is let in already. */
  async enter(node: string, socket: Socket, admitted: Admitted): Promise<void> {
    const listener = await this.#listeners.get(node)?.catch(() => undefined)
    if (listener !== undefined) return this.#seat(listener, socket, admitted)
    admitted.refuse('the console is off')
    hangUp(this.#options.env, socket, admitted.stream)
  }

  #seat(listener: Listener, socket: Socket, { stream, accept, refuse }: Admitted): void {
    const { env, idleMs = IDLE_MS, join, log } = this.#options
    const { node } = listener.hold.grant
    const leave = (why?: string) => {
      if (why !== undefined && !socket.destroyed) refuse(why)
      hangUp(env, socket, stream)
    }
    if (listener.client !== undefined) return leave('the console is in use')
    socket.setTimeout(idleMs, () => leave('the console was idle for too long'))
    const ended = join(listener.hold, stream, accept)
      .catch((error: unknown) => {
        const { code, message } = toFault(error)
        log.info('a console ended', { node, code, error })
        leave(message)
      })
      .finally(() => {
        leave()
        delete listener.client
      })
    listener.client = { socket, ended }
  }
}

/** Ends the client's connection whether it does so itself or not. */
function hangUp(env: Env, socket: Socket, stream: Duplex): void {
  if (socket.destroyed) return
  stream.end()
  stream.resume()
  // However much it still types.
  socket.once(
    'close',
    env.setTimer(GOODBYE_MS, () => socket.destroy()),
  )
}

/** Undefined: the port is taken. */
async function listenOn(port: number, address: string): Promise<Server | undefined> {
  const server = createServer()
  return await new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen(port, address, () => resolve(server))
  })
}
