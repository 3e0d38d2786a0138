// A conductor for tests and benchmarks: enrols, connects with a signed upgrade, and does every task at once, over any host's socket.
import { FaultError } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import { systemEnv } from '../../shared/env.ts'
import {
  decodeToConductor,
  encode,
  type DriverFacts,
  type FromConductor,
  type Step,
  type ToConductor,
} from '../../shared/protocol.ts'
import { newSiteKey } from '../../shared/sealing.ts'
import { CONNECT_PATH, ENROL_PATH, newIdentity, signUpgrade } from '../../shared/upgrade.ts'

/** What a suite needs of a host. */
export interface HostUnderTest {
  /** Scheme and authority that requests name. */
  readonly url: string
  /** A token of a member of its first organisation, whose only site is `default`. */
  readonly token: string
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Opens a WebSocket with these headers; a refused upgrade answers its response. */
  connect(path: string, headers: Record<string, string>, take: SocketHandler): Promise<Socket | Response>
}

export interface Socket {
  readonly protocol: string
  send(frame: string | Uint8Array<ArrayBuffer>): void
  close(code: number, reason: string): void
}

export interface SocketHandler {
  onMessage(frame: string): void
  onClose(code: number): void
}

/** The answer of one call; `body` is undefined where there is none. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any
}

/** An API client with the newest microversion. */
export async function ask(
  host: HostUnderTest,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const init: RequestInit = {
    method,
    headers: {
      Authorization: `Bearer ${host.token}`,
      'X-OpenStack-Ironic-API-Version': 'latest',
      'Content-Type': 'application/json',
      ...headers,
    },
  }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await host.fetch(path, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) }
}

/** Every interface with an implementation called `fake`; `fake_password` is its secret. */
export const FAKE_DRIVER: DriverFacts = {
  name: 'fake-hardware',
  about: 'Does nothing, at once',
  interfaces: { power: ['fake'], management: ['fake'], boot: ['fake'], deploy: ['fake', 'direct'], inspect: ['fake'] },
  properties: { fake_address: 'where it would be', fake_password: 'what it would ask for' },
  secrets: ['fake_password'],
}

/** What its machines have in them. */
export const INVENTORY = { cpu: { count: 2, architecture: 'x86_64' }, disks: [{ name: '/dev/fake' }] }

export interface Enrolled {
  readonly conductor: string
  readonly site: string
  readonly organisation: string
  readonly privateKey: string
  readonly siteKey: { readonly publicKey: string; readonly privateKey: string }
  readonly answer: Record<string, unknown>
}

/** The body of an enrolment, and the private halves of its keys. */
export async function newEnrolment(token: string, hostname: string) {
  const [identity, box, siteKey] = [await newIdentity(), await newSiteKey(), await newSiteKey()]
  const body = {
    token,
    hostname,
    version: '0.1.0',
    identity_key: identity.publicKey,
    box_key: box.publicKey,
    site_key: siteKey.publicKey,
    site_ca: 'PEM',
  }
  return { body, privateKey: identity.privateKey, siteKey }
}

/** Makes an enrolment token and enrols with it. Throws when either is refused. */
export async function enrol(host: HostUnderTest, hostname: string, site = 'default'): Promise<Enrolled> {
  const made = await ask(host, 'POST', `/v1/sites/${site}/enrol-tokens`, {})
  if (made.status !== 201) throw new Error(`no enrolment token: ${made.text}`)
  const { body, privateKey, siteKey } = await newEnrolment(made.body.token, hostname)
  const reply = await ask(host, 'POST', ENROL_PATH, body, { Authorization: '' })
  if (reply.status !== 201) throw new Error(`not enrolled: ${reply.text}`)
  return { ...reply.body, privateKey, siteKey, answer: reply.body }
}

export async function upgradeHeaders(
  host: HostUnderTest,
  enrolled: Pick<Enrolled, 'conductor' | 'privateKey'>,
  path = CONNECT_PATH,
  at = Date.now(),
  incarnation: string = crypto.randomUUID(),
) {
  const identity = { conductor: enrolled.conductor, incarnation, at }
  return signUpgrade(enrolled.privateKey, `${host.url}${path}`, identity)
}

type Call = Extract<ToConductor, { type: 'call' }>
type Task = Extract<ToConductor, { type: 'task' }>

export interface TestConductorOptions {
  readonly drivers?: DriverFacts[]
  /** Answers a call, perhaps later; a thrown text becomes its fault. */
  answer?(call: Call): unknown
  /** Tasks are taken and not worked on, unless `workOn` says so. */
  readonly stuck?: boolean
  /** Sees each message as it arrives. */
  onMessage?(message: ToConductor): void
  /** Of a run of the process; by default each start is one of its own. */
  readonly incarnation?: string
  /** Headers of an upgrade, instead of those signed for this start. */
  readonly headers?: Record<string, string>
  readonly grantsDigest?: string
}

export class TestConductor {
  readonly id: string
  readonly received: ToConductor[] = []
  closeCode: number | undefined
  #socket: Socket | undefined
  #options: TestConductorOptions
  #running = new Map<string, { epoch: number; steps: readonly Step[]; step: number; n: number }>()
  /** Node → epoch. */
  readonly #held = new Map<string, number>()
  #rid = 0
  #stopped = false
  #waiting: (() => void)[] = []
  #renew: (() => void) | undefined

  constructor(id: string, options: TestConductorOptions = {}) {
    this.id = id
    this.#options = options
  }

  /** Connects and says hello; resolves when the hub welcomed it. */
  static async start(
    host: HostUnderTest,
    enrolled: Enrolled,
    hostname: string,
    options: TestConductorOptions = {},
  ): Promise<TestConductor> {
    const conductor = new TestConductor(enrolled.conductor, options)
    const headers =
      options.headers ?? (await upgradeHeaders(host, enrolled, CONNECT_PATH, Date.now(), options.incarnation))
    const socket = await host.connect(CONNECT_PATH, headers, {
      onMessage: (frame) => conductor.#take(frame),
      onClose: (code) => {
        conductor.closeCode = code
        conductor.#end()
        conductor.#wake()
      },
    })
    if (socket instanceof Response)
      throw new Error(`the upgrade was refused with ${socket.status}: ${await socket.text()}`)
    conductor.#socket = socket
    conductor.send({
      type: 'hello',
      incarnation: headers['ferrule-incarnation']!,
      version: '0.1.0',
      hostname,
      drivers: options.drivers ?? [FAKE_DRIVER],
      capabilities: [],
      grantsDigest: options.grantsDigest ?? null,
      inflight: [],
    })
    await conductor.until(() =>
      conductor.received.some(
        (m) => (m.type === 'grants' && m.last) || (m.type === 'welcome' && m.grantsKept === true),
      ),
    )
    return conductor
  }

  send(message: FromConductor): void {
    if (this.#stopped) return
    this.#socket!.send(encode(message))
  }

  /** Resolves once `condition` holds; looked at after every frame. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closeCode !== undefined) throw new Error(`the hub closed the socket with ${this.closeCode}`)
      await new Promise<void>((wake) => this.#waiting.push(wake))
    }
  }

  /** Has this node been granted? */
  async granted(node: string): Promise<void> {
    await this.until(() =>
      this.received.some((message) => message.type === 'grants' && message.add.some((grant) => grant.node === node)),
    )
  }

  #end(): void {
    this.#stopped = true
    this.#renew?.()
  }

  stop(): void {
    this.#end()
    this.#socket?.close(1000, 'done')
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #take(frame: string): void {
    const decoded = decodeToConductor(frame)
    if (decoded.kind === 'malformed') throw new Error(`a malformed frame came from the hub: ${decoded.why}`)
    if (decoded.kind !== 'message') return
    const { message } = decoded
    this.received.push(message)
    this.#options.onMessage?.(message)
    if (message.type === 'welcome') this.#keepLease(message.leaseMs)
    if (message.type === 'grants') this.#hold(message)
    if (message.type === 'task') this.#begin(message)
    if (message.type === 'proceed') this.#work(message.id)
    if (message.type === 'call') void this.#answer(message)
    this.#wake()
  }

  /** Gives back at once what the hub wants back. */
  #hold({ add, drop }: Extract<ToConductor, { type: 'grants' }>): void {
    for (const node of drop) {
      const epoch = this.#held.get(node)
      this.#held.delete(node)
      if (epoch !== undefined) this.send({ type: 'released', node, epoch })
    }
    for (const { node, epoch } of add) this.#held.set(node, epoch)
  }

  #keepLease(leaseMs: number): void {
    this.#renew?.()
    const again = (): void => {
      this.#renew = systemEnv.setTimer(leaseMs / 4, () => {
        this.send({ type: 'renew', rid: ++this.#rid })
        again()
      })
    }
    again()
  }

  #begin(task: Task): void {
    this.send({ type: 'accepted', id: task.id, epoch: task.epoch })
    if (!this.#options.stuck) this.workOn(task)
  }

  /** Does all that is left of a task. */
  workOn({ id, epoch, steps, doneSteps, lastEvent }: Task): void {
    this.#running.set(id, { epoch, steps, step: doneSteps, n: lastEvent })
    this.#next(id)
  }

  #next(id: string): void {
    const task = this.#running.get(id)!
    if (task.step < task.steps.length)
      return this.send({ type: 'intent', id, epoch: task.epoch, step: task.step, rid: ++this.#rid })
    this.#running.delete(id)
    this.send({ type: 'result', id, epoch: task.epoch, outcome: { ok: true } })
  }

  #work(id: string): void {
    const task = this.#running.get(id)
    if (!task) return
    const step = task.steps[task.step]!
    const at = Date.now()
    const events: Extract<FromConductor, { type: 'event' }>['events'] = [
      { n: ++task.n, at, step: task.step, kind: 'started' },
    ]
    if (step.waits)
      events.push(
        { n: ++task.n, at, step: task.step, kind: 'waiting' },
        { n: ++task.n, at, step: task.step, kind: 'resumed' },
      )
    const found: Record<string, Record<string, unknown>> = {
      power: { power_state: step.step === 'power_on' ? 'power on' : 'power off' },
      inspect: { inventory: INVENTORY },
    }
    const facts = found[step.interface] ? { facts: found[step.interface] } : {}
    events.push({ n: ++task.n, at, step: task.step, kind: 'finished', ...facts })
    this.send({ type: 'event', id, epoch: task.epoch, events })
    task.step++
    this.#next(id)
  }

  async #answer(call: Call): Promise<void> {
    try {
      this.send({ type: 'answer', rid: call.rid, result: (await this.#options.answer?.(call)) ?? null })
    } catch (error) {
      this.send({
        type: 'answer',
        rid: call.rid,
        fault:
          error instanceof FaultError
            ? error.fault
            : { code: 'driver.unsupported', message: String(error), hint: 'choose another' },
      })
    }
  }
}

/** A name that no other test uses. */
export function fresh(prefix: string): string {
  return `${prefix}-${uuidv7(systemEnv).slice(-12)}`
}
