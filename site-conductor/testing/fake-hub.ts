// A hub whose behaviour a test decides: a real WebSocket server on loopback that verifies signatures, answers lease and tasks like the
// cloud does, and does something else where it is told to. It keeps every frame, in order.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  decodeFromConductor,
  encode,
  type FromConductor,
  type Grant,
  type Step,
  type ToConductor,
} from '../../shared/protocol.ts'
import { claimedIdentity, CLOSE, SUBPROTOCOL, verifyUpgrade } from '../../shared/upgrade.ts'
import type { Task } from '../tasks/journal.ts'

export type Frame<T extends FromConductor['type']> = Extract<FromConductor, { type: T }>

/** What one test changes. Returning true means: answered, do not answer as usual. */
export interface Behaviour {
  onMessage?: (message: FromConductor, hub: FakeHub) => boolean | void
  leaseMs?: number
  /** Sent in welcome; by default a new session for each connection, and grants are sent anew. */
  keepSession?: boolean
  grantsKept?: boolean
}

/** Long, for most tests are not about leases, and a busy machine may pause for a second. */
const LEASE_MS = 300_000

export class FakeHub {
  readonly frames: FromConductor[] = []
  readonly connections: WebSocket[] = []
  readonly grants = new Map<string, Grant>()
  readonly tasks = new Map<string, Task>()
  /** What `GET /v1/conductor/blobs/{key}` answers, for signed requests. */
  readonly blobs = new Map<string, string>()
  behaviour: Behaviour = {}
  session = 0
  publicKey = ''
  port = 0
  readonly #http = createServer((request, response) => void this.#serveBlob(request, response))
  readonly #server = new WebSocketServer({
    server: this.#http,
    handleProtocols: () => SUBPROTOCOL,
    perMessageDeflate: false,
  })
  readonly #waiting = new Set<() => void>()

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub()
    await new Promise<void>((resolve) => hub.#http.listen(0, '127.0.0.1', resolve))
    hub.port = (hub.#http.address() as AddressInfo).port
    hub.#server.on(
      'connection',
      (socket, request) => void hub.#serve(socket, new Headers(request.headers as never), request.url ?? ''),
    )
    return hub
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get socket(): WebSocket | undefined {
    return this.connections.at(-1)
  }

  send(message: ToConductor): void {
    this.socket?.send(encode(message))
  }

  /** Puts a task in the queue and sends it, as after a verb of a user. */
  give(task: Pick<Task, 'id' | 'node'> & { steps: Step[] } & Partial<Task>): void {
    const full: Task = {
      type: 'task',
      nseq: 1,
      kind: 'deploy',
      context: {},
      doneSteps: 0,
      lastEvent: 0,
      deadline: 0,
      epoch: this.grants.get(task.node)?.epoch ?? 0,
      ...task,
    }
    this.tasks.set(task.id, full)
    this.send(full)
  }

  all<T extends FromConductor['type']>(type: T): Frame<T>[] {
    return this.frames.filter((frame): frame is Frame<T> => frame.type === type)
  }

  /** The first frame of `type` that `matches`, now or later. The test's own time limit ends the wait. */
  async next<T extends FromConductor['type']>(
    type: T,
    matches: (frame: Frame<T>) => boolean = () => true,
  ): Promise<Frame<T>> {
    return await this.until(() => this.all(type).find(matches))
  }

  /** The first truthy answer of `probe`, which is asked after every frame and connection. */
  async until<R>(probe: () => R | undefined | false): Promise<R> {
    for (;;) {
      const found = probe()
      if (found) return found
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  drop(code = 1012): void {
    this.socket?.close(code, 'a test')
  }

  async close(): Promise<void> {
    for (const socket of this.connections) socket.terminate()
    this.#server.close()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  async #isSigned(headers: Headers, url: string): Promise<boolean> {
    const claim = claimedIdentity(headers)
    return claim !== undefined && (await verifyUpgrade(this.publicKey, url, claim))
  }

  async #serveBlob(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = /^\/v1\/conductor\/blobs\/(.+)$/.exec(request.url ?? '')?.[1]
    const blob = key === undefined ? undefined : this.blobs.get(key)
    const isSigned = await this.#isSigned(new Headers(request.headers as never), `${this.url}${request.url}`)
    response.writeHead(!isSigned ? 401 : blob === undefined ? 404 : 200).end(isSigned ? blob : '')
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  async #serve(socket: WebSocket, headers: Headers, path: string): Promise<void> {
    const early: string[] = []
    let receive = (frame: string) => void early.push(frame)
    socket.on('message', (data) => receive(String(data)))
    if (!(await this.#isSigned(headers, `${this.url}${path}`))) {
      return socket.close(CLOSE.identity, 'signature')
    }
    this.connections.push(socket)
    receive = (frame) => {
      const decoded = decodeFromConductor(frame)
      if (decoded.kind !== 'message') throw new Error(`the conductor sent ${JSON.stringify(decoded)}`)
      this.frames.push(decoded.message)
      if (!this.behaviour.onMessage?.(decoded.message, this)) this.#answer(decoded.message)
      this.#wake()
    }
    for (const frame of early) receive(frame)
  }

  #answer(message: FromConductor): void {
    switch (message.type) {
      case 'hello': {
        if (!this.behaviour.keepSession || this.session === 0) this.session++
        const { grantsKept } = this.behaviour
        this.send({
          type: 'welcome',
          session: this.session,
          ringVersion: 1,
          leaseMs: this.behaviour.leaseMs ?? LEASE_MS,
          conductor: 'c',
          site: 's',
          organisation: 'o',
          ...(grantsKept === undefined ? {} : { grantsKept }),
        })
        if (!this.behaviour.keepSession) {
          for (const grant of this.grants.values())
            this.grants.set(grant.node, { ...grant, epoch: Math.max(grant.epoch, this.session) })
        }
        const add = grantsKept ? [] : [...this.grants.values()]
        this.send({ type: 'grants', session: this.session, ringVersion: 1, add, drop: [], last: true })
        for (const task of this.tasks.values()) this.send({ ...task, epoch: this.grants.get(task.node)?.epoch ?? 0 })
        return
      }
      case 'renew':
        return this.send({ type: 'lease', rid: message.rid, ms: this.behaviour.leaseMs ?? LEASE_MS, tenures: {} })
      case 'intent': {
        const task = this.tasks.get(message.id)
        if (task !== undefined && message.bmcSession !== undefined)
          this.tasks.set(task.id, { ...task, bmcSession: message.bmcSession })
        return this.send({ type: 'proceed', id: message.id, rid: message.rid, tenureMs: 0 })
      }
      case 'event': {
        this.#record(message)
        return this.send({ type: 'ack', id: message.id, upTo: Math.max(...message.events.map((event) => event.n)) })
      }
      case 'result':
        this.tasks.delete(message.id)
        return this.send({ type: 'settled', id: message.id })
      case 'bye':
        return this.drop(CLOSE.goodbye)
      case 'local':
        return this.send({ type: 'settled', id: message.action.id })
      default:
        return
    }
  }

  /** What the truth remembers of a task, and a successor gets. */
  #record(message: Frame<'event'>): void {
    const task = this.tasks.get(message.id)
    if (task === undefined) return
    let { doneSteps, lastEvent, context } = task
    for (const event of message.events) {
      if (event.n !== lastEvent + 1) continue
      lastEvent = event.n
      context = Object.fromEntries(
        Object.entries({ ...context, ...event.context }).filter(([, value]) => value !== null),
      )
      if (event.kind === 'finished') doneSteps = event.step + 1
      if (event.kind === 'started') doneSteps = Math.min(doneSteps, event.step)
    }
    this.tasks.set(task.id, { ...task, doneSteps, lastEvent, context })
  }
}

/** A grant of a fake-hardware node, for tests. */
export function fakeGrant(node: string, more: Partial<Grant> = {}): Grant {
  return {
    node,
    epoch: 1,
    specVersion: 1,
    name: null,
    driver: 'fake-hardware',
    interfaces: {},
    driverInfo: {},
    properties: {},
    ports: [],
    address: null,
    powerSync: true,
    ...more,
  }
}

/** A step of a task, for tests: `power.power_on`. */
export function fakeStep(name: string, more: Partial<Step> = {}): Step {
  const [iface = '', what = ''] = name.split('.')
  return { interface: iface, step: what, args: {}, ...more }
}
