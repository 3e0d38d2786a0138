// Where a production conductor runs, whole: its disk outlives it, a supervisor starts it again. Its one socket goes over the simulated
// WAN, its packets to BMCs over the simulated LAN.
import { toFault } from '../../shared/faults.ts'
import type { Outcome } from '../../shared/protocol.ts'
import { startConductor, type RunningConductor } from '../../site-conductor/conductor.ts'
import { resolveConfig } from '../../site-conductor/config.ts'
import type { Dialer } from '../../site-conductor/link/dialer.ts'
import { IDENTITY_FILE, SITE_FILE, writeJson } from '../../site-conductor/identity.ts'
import { Journal } from '../../site-conductor/tasks/journal.ts'
import type { ControlRequest } from '../../site-conductor/local/control.ts'
import { logger } from '../../site-conductor/log.ts'
import { SimDisk } from './disk.ts'
import { simDriver, type DriverWorld } from './driver.ts'
import type { HubHost } from './hub-host.ts'
import type { Lan } from './lan.ts'
import { Process } from './process.ts'
import { Wire, type Connection } from './wire.ts'
import type { World } from './world.ts'

export interface Credentials {
  readonly organisation: string
  readonly site: string
  readonly siteKey: { readonly publicKey: string; readonly privateKey: string }
  readonly identity: { readonly publicKey: string; readonly privateKey: string }
}

export interface ConductorHostOptions {
  readonly world: World
  readonly id: string
  /** Of a copy: its own in trace and judgement. The hub knows it by `id`. */
  readonly name?: string
  readonly hub: HubHost
  readonly lan: Lan
  readonly credentials: Credentials
  readonly powerPollS: number
  readonly allowed: DriverWorld['allowed']
  /** Probability that a step takes no notice of being aborted. */
  readonly deaf: number
  /** Something that may change a node begins in `process`; the answer: it has ended. */
  working(process: Process, node: string): () => void
  /** A step of a task has been done. */
  readonly done: DriverWorld['done']
  /** Every frame that it sends. */
  onFrame(conductor: string, frame: string, process: Process): void
  /** Every frame that reaches it. */
  onArrival(process: Process, frame: string): void
}

const RESTART_MS = 2_000
/** A dial into a cut network ends like this. */
const DIAL_TIMEOUT_MS = 15_000

export class ConductorHost {
  readonly id: string
  readonly name: string
  readonly disk: SimDisk
  readonly wire: Wire
  /** Boot tokens that it serves now. */
  tickets = new Map<string, string>()
  process: Process | undefined
  readonly #options: ConductorHostOptions
  #running: Promise<RunningConductor | undefined> = Promise.resolve(undefined)
  #runs = 0
  #isConnected = () => false
  #isRetired = false
  #connection: Connection | undefined

  constructor(options: ConductorHostOptions) {
    this.#options = options
    this.id = options.id
    this.name = options.name ?? options.id
    this.disk = new SimDisk(options.world, this.name)
    this.wire = new Wire(options.world, this.name)
  }

  /** Has its present process a session with the hub? One that stands still only believes so. */
  get isConnected(): boolean {
    return this.isUp && !this.process!.stopped && this.#isConnected()
  }

  get isUp(): boolean {
    return this.process?.alive === true
  }

  async enrol(): Promise<void> {
    const { credentials, world, id } = this.#options
    const { organisation, site, siteKey, identity } = credentials
    const disk = this.disk.mount(new Process(id, world.clock, world.random.stream(`enrol ${id}`)))
    const box = { boxPublicKey: siteKey.publicKey, boxPrivateKey: siteKey.privateKey }
    const at = { url: 'http://cloud.invalid', hostname: `conductor-${id}`, enrolledAt: '2026-01-01T00:00:00+00:00' }
    await writeJson(disk, IDENTITY_FILE, { ...at, conductor: id, site, organisation, ...identity, ...box })
    await writeJson(disk, SITE_FILE, siteKey)
  }

  start(): void {
    if (this.isUp || this.#isRetired) return
    const { name: id } = this
    const { world, lan, allowed, deaf, powerPollS, working, done } = this.#options
    const hearing = world.random.stream(`hearing ${id} ${this.#runs}`)
    const process = new Process(id, world.clock, world.random.stream(`conductor ${id} ${this.#runs++}`))
    this.process = process
    this.#isConnected = () => false
    this.tickets = new Map()
    world.say(id, 'starts')
    const driver = simDriver({
      conductor: id,
      process,
      lan,
      tickets: this.tickets,
      allowed,
      isDeaf: () => hearing.chance(deaf),
      working: (node) => working(process, node),
      done,
    })
    const flags = { dataDir: '/nowhere', boot: false, powerPollS }
    const log = logger({
      level: 'info',
      format: 'text',
      now: () => process.env.now(),
      write: (line) => process.alive && world.say(id, line.slice(13)),
    })
    const running = startConductor({
      config: resolveConfig({ flags }).config,
      env: process.env,
      log,
      services: {
        dialer: this.#dialer(process),
        disk: this.disk.mount(process),
        // No two processes of one disk run at once, and a copy's disk is another.
        lock: this.name,
        drivers: new Map([['ipmi', driver]]),
      },
    })
    this.#running = running.catch(() => undefined)
    void this.#running.then((conductor) => (this.#isConnected = () => conductor?.isConnected() ?? false))
    running
      .then(({ ended }) => ended)
      .then(
        ({ kind, why }) => this.#exited(process, `${kind}: ${why}`),
        (error: unknown) => this.#exited(process, String(error)),
      )
  }

  kill(): void {
    if (!this.process?.alive) return
    this.#options.world.say(this.name, 'killed')
    this.#gone(this.process)
  }

  /** Somebody has found it where it should not be: it never runs again. */
  retire(): void {
    this.kill()
    this.#isRetired = true
  }

  /** SIGTERM: ends runs, says goodbye to BMCs, closes the link. */
  async stop(): Promise<void> {
    const { process } = this
    if (!process?.alive || process.stopped) return
    this.#options.world.say(this.name, 'stops')
    const running = await this.#running
    if (!process.alive) return
    await running?.close()
    if (process.alive) this.#gone(process)
  }

  /** Somebody at its host asks. Undefined when nobody answers any more. */
  async local(request: ControlRequest): Promise<Outcome | undefined> {
    const { process } = this
    const running = process?.stopped ? undefined : await this.#running
    if (!process?.alive || running === undefined) return undefined
    const answered = running.local(request)
    return await answered.then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, fault: toFault(error) }),
    )
  }

  /** A journal that is read twice says the same twice, and a torn end does not keep the conductor from starting. */
  async journalTwice(): Promise<boolean> {
    const { world, id } = this.#options
    const read = async () => {
      const disk = new SimDisk(world, `${id} again`)
      for (const [name, bytes] of this.disk.files) disk.files.set(name, bytes)
      const bytes = disk.files.get('journal') ?? new Uint8Array(0)
      const twice = Buffer.concat([bytes, bytes])
      const process = new Process(id, world.clock, world.random.stream('again'))
      const once = await Journal.open(disk.mount(process))
      if (once.cutBytes === 0) disk.files.set('journal', twice)
      const again = await Journal.open(disk.mount(process))
      // Tasks have no order among each other.
      const inOrder = ({ entries }: Journal) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
      return [once, again].map((journal) => JSON.stringify(inOrder(journal)))
    }
    const [once, again] = await read()
    return once === again
  }

  /** Tasks and local actions that its journal holds now. */
  async journalled(): Promise<number> {
    const { world, id } = this.#options
    const disk = new SimDisk(world, `${id} at the end`)
    for (const [name, bytes] of this.disk.files) disk.files.set(name, bytes)
    const journal = await Journal.open(disk.mount(new Process(id, world.clock, world.random.stream('at the end'))))
    return journal.entries.size + journal.locals.size
  }

  #exited(process: Process, why: string): void {
    if (!process.alive) return
    this.#options.world.say(this.name, `exits: ${why}`)
    this.#gone(process)
    this.#options.world.clock.after(RESTART_MS, () => this.start())
  }

  #gone(process: Process): void {
    process.kill()
    this.disk.crash()
    this.tickets.clear()
    this.#connection?.abandon(0)
    this.#connection = undefined
  }

  #dialer(process: Process): Dialer {
    const { world, hub, onFrame, onArrival } = this.#options
    return {
      dial: (_url, headers, events) => {
        let connection: Connection | undefined
        let closed = false
        const close = (code: number, why: string) => {
          if (closed) return
          closed = true
          events.closed(code, why)
        }
        const fail = (ms: number) => world.clock.after(ms, () => process.run(() => close(1006, 'could not connect')))
        const [incarnation, at] = [headers['ferrule-incarnation'] ?? '', Number(headers['ferrule-time'])]
        if (this.wire.isCut) fail(DIAL_TIMEOUT_MS)
        else {
          world.clock.after(this.wire.arrival() - world.clock.now, () => {
            if (closed || !process.alive) return
            const message = (frame: string) => {
              onArrival(process, frame)
              events.message(frame)
            }
            const end = { process, message, closed: close }
            connection = hub.accept(this.wire, { conductor: this.id, incarnation, at }, end)
            if (connection === undefined) return void fail(50)
            this.#connection = connection
            world.clock.after(this.wire.arrival() - world.clock.now, () =>
              process.run(() => !closed && events.opened()),
            )
          })
        }
        return {
          send: (frame) => {
            onFrame(this.name, frame, process)
            try {
              connection?.send(0, frame)
            } catch {
              // As with a real socket: what is sent to a closed one is nothing; `closed` tells.
            }
          },
          close: (code, reason) => {
            if (connection === undefined) world.clock.after(1, () => process.run(() => close(code, reason)))
            else connection.close(0, code, reason)
          },
        }
      },
    }
  }
}
