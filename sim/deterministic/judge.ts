// The invariants, looked at from outside while a run goes on: by what the BMCs did and by what hub and conductors said. What the database
// holds when all is quiet: verdict.ts.
import type { Sql } from '../../cloud/ports.ts'
import type { HubCommand } from '../../cloud/site-hub/commands.ts'
import { MAX_FRAME_BYTES, type FromConductor, type ToConductor } from '../../shared/protocol.ts'
import { AtBmcs, show } from './at-bmcs.ts'
import { areCopies, identityOf } from './copies.ts'
import { Holdings } from './holdings.ts'
import type { Invariant } from './invariants.ts'
import type { Cause } from './lan.ts'
import type { Machine } from './machine.ts'
import type { Process } from './process.ts'
import { LOCAL_TASK, Locals } from './locals.ts'
import { type Permit, Permits } from './permits.ts'
import { Plans } from './plans.ts'
import { Promises } from './promises.ts'
import { Rights } from './rights.ts'
import { Stored } from './stored.ts'
import { Works } from './works.ts'
import type { World } from './world.ts'

/** Of a frame in the trace: type, ids and epoch come first. */
const FRAME_CHARACTERS = 160

/** Frames for who has a session. */
const SERVES = /^\{"type":"(lease|proceed|task|grants)"/

type Said<T> = Extract<FromConductor, { type: T }>

/** Whose packets leave: a conductor's process, if it runs. */
interface Actor {
  readonly process: Process | undefined
  readonly isConnected: boolean
}

export class Judge {
  /** Commands whose success was told, with what they answered. */
  readonly acknowledged: { readonly command: HubCommand; readonly value: unknown }[] = []
  mutations = 0
  /** Tasks that acted by their tenure while the hub could not hear of it: one that outlives its tenure begins its unheard steps again. */
  readonly byTenure = new Set<string>()
  /** Tasks whose deadline was made to come early. */
  readonly hurried = new Set<string>()
  /** Conductors that lost their journals, and when. */
  readonly journalsLost: { readonly conductor: string; readonly atMs: number }[] = []
  /** Node → what people have done to it at the site, and what they ask for at this moment. */
  readonly locals = new Locals()
  /** Frames by which the hub refused what a conductor said. */
  refusals = 0
  machines: readonly Machine[] = []
  readonly holdings = new Holdings()
  readonly #world: World
  readonly #data: Sql
  readonly #stored: Stored
  readonly #secrets: readonly string[]
  readonly #leaseUntil = new Map<string, number>()
  readonly #tenureUntil = new Map<string, number>()
  readonly #atBmcs = new AtBmcs((one, other) => this.#isGivenUp(one, other))
  readonly #ends = new Set<string>()
  /** Tasks of which a process has been told that they have ended. */
  readonly #over = new WeakMap<Process, Set<string>>()
  readonly #permits = new Permits()
  readonly #rights = new Rights()
  readonly #promises = new Promises()
  readonly works = new Works()
  readonly plans = new Plans()
  /** Of an identity’s last welcome: with the session of a copy that of the other ends, too. */
  readonly #sockets = new Map<string, object>()
  readonly #told = new Set<string>()

  constructor(world: World, data: Sql, secrets: readonly string[]) {
    this.#world = world
    this.#data = data
    this.#stored = new Stored(data)
    this.#secrets = secrets
  }

  /** The hub gives the conductor a session, or serves it, whether the frame can still be sent on `socket` or not. */
  serves(conductor: string, frame: string, socket: object): void {
    const identity = identityOf(conductor)
    if (frame.startsWith('{"type":"welcome"')) this.#sockets.set(identity, socket)
    else if (SERVES.test(frame) && this.#sockets.get(identity) !== socket)
      this.#complain('heard', `${conductor} is served on the socket of an earlier session: ${frame.slice(0, 80)}`)
  }

  /** The hub sends a frame: what it promises with it. */
  sent(conductor: string, frame: string, socket: object): void {
    this.#frame(`hub → ${conductor}`, frame)
    if (!/^\{"type":"(welcome|lease|proceed|task|fenced|grants|done)"/.test(frame)) return
    const message = JSON.parse(frame) as ToConductor
    if (message.type === 'done') void this.#saysDone(message.id)
    const until = (ms: number) => this.#world.clock.now + ms
    if (message.type === 'welcome') this.#later(this.#leaseUntil, conductor, until(message.leaseMs))
    if (message.type === 'fenced') this.refusals++
    if (message.type === 'welcome' && !message.grantsKept) this.holdings.lost(conductor)
    if (message.type === 'grants') for (const { node, epoch } of message.add) this.#granted(conductor, node, epoch)
    if (message.type === 'task') this.plans.delivered(message)
    if (message.type === 'proceed') {
      this.#later(this.#tenureUntil, message.id, until(message.tenureMs))
      const permit = this.#permits.given(conductor, message.id, message.rid)
      const tenure = { conductor, until: until(message.tenureMs) }
      if (permit)
        this.#promises.made(
          this.plans.nodeOf(message.id),
          { ...tenure, process: permit.process },
          this.#world.clock.now,
        )
      void this.#permitted(conductor, message.id, permit, socket)
    }
    if (message.type !== 'lease') return
    this.#later(this.#leaseUntil, conductor, until(message.ms))
    for (const [task, ms] of Object.entries(message.tenures)) {
      this.#later(this.#tenureUntil, task, until(ms))
      this.#promises.extended(this.plans.nodeOf(task), until(ms), this.#world.clock.now)
    }
  }

  /** A person says that it does nothing any more. */
  declaredDead(conductor: string): void {
    this.#promises.over(conductor)
  }

  /** A frame has reached a conductor. */
  told(process: Process, frame: string): void {
    if (!frame.startsWith('{"type":"settled"')) return
    const { id } = JSON.parse(frame) as Extract<ToConductor, { type: 'settled' }>
    this.#over.set(process, (this.#over.get(process) ?? new Set()).add(id))
  }

  heard(conductor: string, frame: string, process: Process): void {
    this.#frame(`${conductor} → hub`, frame)
    if (!/^\{"type":"(hello|bye|intent|event|result|released)"/.test(frame)) return
    const message = JSON.parse(frame) as FromConductor
    if (message.type === 'intent')
      this.#permits.asked(conductor, message.id, message.rid, { process, epoch: message.epoch, step: message.step })
    if (message.type === 'event') this.#tells(conductor, message)
    if (message.type === 'bye') this.#promises.saidGoodbye(process)
    if (message.type === 'released') this.#promises.over(conductor, message.node)
    if (message.type === 'result') this.#promises.over(conductor, this.plans.nodeOf(message.id))
    if (message.type === 'result') void this.#ended(conductor, message)
    if (message.type === 'hello') this.holdings.says(conductor, process)
    if (message.type === 'bye') this.holdings.leaves(conductor)
    if (message.type === 'released') this.holdings.released(conductor, message.node, message.epoch)
    if (message.type === 'released' && this.works.at(process, message.node))
      this.#complain('released', `${conductor} gives node ${message.node} back and still works on it`)
    if (message.type === 'bye' && this.works.anywhere(process))
      this.#complain('released', `${conductor} says goodbye and still works on a node`)
  }

  #tells(conductor: string, { id, epoch, events }: Said<'event'>): void {
    for (const { kind, step } of events)
      if (kind === 'finished' && !this.plans.hasDone(conductor, id, step, epoch))
        this.#complain(
          'steps',
          `${conductor} (epoch ${epoch}) tells the end of ${this.plans.nameOf(id, step)}, which it has not done since it has the node`,
        )
  }

  #frame(way: string, frame: string): void {
    if (!/^\{"type":"(renew|lease|notes|ack)"/.test(frame)) this.#world.say(way, frame.slice(1, FRAME_CHARACTERS))
    if (frame.length > MAX_FRAME_BYTES || Buffer.byteLength(frame) > MAX_FRAME_BYTES)
      this.#complain('frame', `${frame.slice(0, 80)}… has ${frame.length} characters`)
    for (const secret of this.#secrets)
      if (frame.includes(secret)) this.#complain('secret', `${frame.slice(0, 80)}… holds a password`)
  }

  #granted(conductor: string, node: string, epoch: number): void {
    const other = this.holdings.granted(conductor, node, epoch).find((each) => this.hasLease(each))
    if (other !== undefined)
      this.#complain('grants', `${conductor} gets node …${node.slice(-4)}, which ${other} has under its lease`)
    const { now } = this.#world.clock
    const broken = this.#promises.brokenBy(conductor, node, now)
    if (broken === undefined || this.#isGivenUp(conductor, broken.conductor)) return
    const left = `${broken.conductor} has ${Math.round(broken.until - now)} ms of its tenure left`
    this.#complain('tenure', `${conductor} gets node …${node.slice(-4)} while ${left}`)
  }

  /** The production check has just let a packet of a mutation pass. */
  allowed({ process, isConnected }: Actor, cause: Cause, before: () => void): void {
    if (process === undefined) return
    if (cause.task === LOCAL_TASK) {
      if (!this.locals.wants(cause)) this.#complain('local', `${show(cause)}, which nobody asks for`)
      if (isConnected) this.#complain('local', `${show(cause)} while the cloud is there`)
      if (this.#rights.open(cause.node).includes(cause.conductor))
        this.#complain('local', `${show(cause)} beside a task that may act, too`)
      return
    }
    // Its fence is none: a delivery that was on its way begins with that, and is told so once more.
    if (cause.task !== undefined && cause.step !== 'fence' && this.#over.get(process)?.has(cause.task))
      this.#complain('ended', `${show(cause)} acts for a task of which it was told that it has ended`)
    const { now } = this.#world.clock
    const lease = this.#leaseUntil.get(cause.conductor) ?? 0
    const tenure = this.#tenureUntil.get(cause.task ?? '') ?? 0
    if (now > lease + 1 && now > tenure + 1)
      this.#complain(
        'lease-or-tenure',
        `${show(cause)} acts ${Math.round(now - Math.max(lease, tenure))} ms after its time`,
      )
    if (cause.task !== undefined && cause.step !== 'fence') {
      const permit = this.#permits.of(cause.task)
      const step = permit && this.plans.nameOf(cause.task, permit.step)
      // After a lapse the last permit is of a step before, which may have the same name.
      const isPermitted = now <= lease + 1 && permit?.process === process && step === cause.step
      if (isPermitted) this.#permits.used(permit, cause)
      else if (now <= tenure) this.byTenure.add(cause.task)
      else this.#complain('intent', `${show(cause)} acts by a permit for ${step ?? 'nothing'}`)
    }
    for (const other of this.#rights.open(cause.node))
      if (other !== cause.conductor && !this.#isGivenUp(cause.conductor, other))
        this.#complain('overlap', `${show(cause)} and conductor ${other} may both act`)
    this.#rights.proven(cause.node, cause.conductor, { process, before })
  }

  /** A BMC has accepted a mutation. */
  mutation(machine: Machine, cause: Cause | undefined, what: string): void {
    this.mutations++
    if (cause === undefined) return this.#complain('intent', `${what} at ${machine.address} by nobody`)
    this.#world.say(cause.conductor, `→ ${machine.address} ${what} (e${cause.epoch} ${cause.step})`)
    const isReset = what === 'power reset'
    if (what === 'power cycle' || (isReset && !machine.keptOn))
      this.#complain('not-idempotent', `${show(cause)}: ${what}`)
    if (cause.task === LOCAL_TASK) return
    if (what === 'power off' && machine.keptOn)
      this.#complain('kept-on', `${show(cause)}: ${what} at a machine that may not be off`)
    if ((isReset || what === 'power soft') && !this.#permits.spend(cause))
      this.#complain('once', `${show(cause)}: ${what} again`)
    for (const [rule, text] of this.#atBmcs.accepted(machine.address, cause, what)) this.#complain(rule, text)
  }

  async openTasks(): Promise<number> {
    const [row] = await this.#data.all("SELECT count(*) FROM tasks WHERE state = 'open'")
    return Number(row![0])
  }

  acknowledge(command: HubCommand, value: unknown): void {
    this.acknowledged.push({ command, value })
  }

  /** As the hub promised it, and as everybody who looks at a clock knows. */
  hasLease(conductor: string): boolean {
    return (this.#leaseUntil.get(conductor) ?? 0) > this.#world.clock.now
  }

  /**
   * A copy looks just like a host that was rebooted, which is not to wait for a tenure of the run before: one that is cut off for longer than
   * its lease and goes on by a tenure is known to nobody (ADR 13), and the fence at the BMC is what is left: it begins a step whose session
   * the other one has closed again, without leave.
   */
  #isGivenUp(one: string, other: string): boolean {
    return areCopies(one, other) && !(this.hasLease(one) && this.hasLease(other))
  }

  complain(rule: Invariant, what: string): void {
    this.#complain(rule, what)
  }

  async #permitted(conductor: string, id: string, permit: Permit | undefined, socket: object): Promise<void> {
    const isPresent = () => this.#sockets.get(identityOf(conductor)) === socket
    for (const [rule, text] of await this.#stored.permits(conductor, id, permit, isPresent)) this.#complain(rule, text)
  }

  async #saysDone(id: string): Promise<void> {
    if (await this.#stored.isOpen(id)) this.#complain('ended', `the hub says that task ${id} is done, and it is open`)
  }

  /** A task has ended well, says whoever may say so: is the power of its machine as its last step left it? */
  async #ended(conductor: string, { id, epoch, outcome }: Said<'result'>): Promise<void> {
    if (!outcome.ok || this.#ends.has(id)) return
    this.#ends.add(id)
    const last = this.plans
      .stepsOf(id)
      .findLast((step) => step.interface === 'power' && /_(on|off)$|^reset$/.test(step.step))
    const machine = this.machines.find(({ node }) => node === this.plans.nodeOf(id))
    if (last === undefined || machine === undefined) return
    if (!(await this.#stored.isSpokenForBy(id, conductor, epoch))) return
    const wanted = last.step.endsWith('_off') ? 'off' : 'on'
    // What no command of the hub's did is nobody's fault.
    const by = machine.changes.at(-1)?.cause
    if (machine.power() !== wanted && by !== undefined && by.task !== LOCAL_TASK)
      this.#complain('outcome', `task ${id} says ${last.step} and done, ${machine.address} is ${machine.power()}`)
  }

  /** Each once: a broken run would say it a thousand times. */
  #complain(rule: Invariant, what: string): void {
    if (this.#told.has(rule)) return
    this.#told.add(rule)
    this.#world.violated(rule, what)
  }

  #later(map: Map<string, number>, key: string, until: number): void {
    map.set(key, Math.max(map.get(key) ?? 0, until))
  }
}
