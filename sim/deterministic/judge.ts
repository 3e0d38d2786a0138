// The invariants, looked at from outside: by what the BMCs did, by what the hub promised, and by what the database holds.
import { TRANSITIONS } from '../../shared/states.ts'
import type { FileDatabase } from '../../cloud/hosts/node/database.ts'
import type { HubCommand } from '../../cloud/site-hub/commands.ts'
import type { Step, ToConductor } from '../../shared/protocol.ts'
import type { Cause } from './lan.ts'
import type { Machine } from './machine.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** What must always hold; the names stand in the reports of violations. */
export const INVARIANTS = {
  'bmc-epoch': 'the epochs of the mutations that a BMC accepts never go back',
  'lease-or-tenure': 'nothing is changed at a BMC outside of lease ∪ tenure, as the hub promised them',
  overlap: 'no two conductors may act on one node at the same moment',
  doubled: 'no step of a task changes the power twice',
  'not-idempotent': 'no cycle and no reset goes to a BMC',
  settles: 'every accepted task settles once the faults have ended',
  'settles-once': 'a task settles exactly once',
  edges: 'every change of state is an edge of the table, and starts where the last one ended',
  journal: 'a journal that is replayed twice says the same',
  durable: 'what was acknowledged is in the database',
  ring: 'no conductor has more than one node over its quota when all is quiet',
  truth: 'when all is quiet the database says of a machine what is so',
  secret: 'no secret is in any frame',
  intent: 'nothing is changed by a step whose intent is not stored',
} as const
export type Invariant = keyof typeof INVARIANTS

/** Of a frame in the trace: type, ids and epoch come first. */
const FRAME_CHARACTERS = 160

const EDGES = new Set(TRANSITIONS.map(([from, trigger, to]) => `${from}|${trigger}|${to}`))

export class Judge {
  /** Commands whose success was told, with what they answered. */
  readonly acknowledged: { readonly command: HubCommand; readonly value: unknown }[] = []
  mutations = 0
  readonly #world: World
  readonly #data: FileDatabase
  readonly #secrets: readonly string[]
  readonly #leaseUntil = new Map<string, number>()
  readonly #tenureUntil = new Map<string, number>()
  readonly #epochs = new Map<string, number>()
  /** Per node, each conductor's last proof of its right, to be tried again. */
  readonly #rights = new Map<string, Map<string, { process: Process; before: () => void }>>()
  readonly #told = new Set<string>()

  constructor(world: World, data: FileDatabase, secrets: readonly string[]) {
    this.#world = world
    this.#data = data
    this.#secrets = secrets
  }

  /** The hub sends a frame: what it promises with it. */
  sent(conductor: string, frame: string): void {
    this.#frame(`hub → ${conductor}`, frame)
    if (!/^\{"type":"(welcome|lease|proceed)"/.test(frame)) return
    const message = JSON.parse(frame) as ToConductor
    const until = (ms: number) => this.#world.clock.now + ms
    if (message.type === 'welcome') this.#later(this.#leaseUntil, conductor, until(message.leaseMs))
    if (message.type === 'proceed') this.#later(this.#tenureUntil, message.id, until(message.tenureMs))
    if (message.type !== 'lease') return
    this.#later(this.#leaseUntil, conductor, until(message.ms))
    for (const [task, ms] of Object.entries(message.tenures)) this.#later(this.#tenureUntil, task, until(ms))
  }

  heard(conductor: string, frame: string): void {
    this.#frame(`${conductor} → hub`, frame)
  }

  #frame(way: string, frame: string): void {
    if (!/^\{"type":"(renew|lease|notes|ack)"/.test(frame)) this.#world.say(way, frame.slice(1, FRAME_CHARACTERS))
    for (const secret of this.#secrets)
      if (frame.includes(secret)) this.#complain('secret', `${frame.slice(0, 80)}… holds a password`)
  }

  /** The production check has just let a packet of a mutation pass. */
  allowed(process: Process, cause: Cause, before: () => void): void {
    const { now } = this.#world.clock
    const lease = this.#leaseUntil.get(cause.conductor) ?? 0
    const tenure = this.#tenureUntil.get(cause.task ?? '') ?? 0
    if (now > lease + 1 && now > tenure + 1)
      this.#complain(
        'lease-or-tenure',
        `${show(cause)} acts ${Math.round(now - Math.max(lease, tenure))} ms after its time`,
      )
    const rights = this.#rights.get(cause.node) ?? new Map<string, { process: Process; before: () => void }>()
    this.#rights.set(cause.node, rights)
    for (const [other, right] of rights) {
      if (other === cause.conductor || !right.process.alive || right.process.stopped) continue
      if (passes(right.before)) this.#complain('overlap', `${show(cause)} and conductor ${other} may both act`)
    }
    rights.set(cause.conductor, { process, before })
  }

  /** A BMC has accepted a mutation. */
  mutation(machine: Machine, cause: Cause | undefined, what: string): void {
    this.mutations++
    if (cause === undefined) return this.#complain('intent', `${what} at ${machine.address} by nobody`)
    this.#world.say(cause.conductor, `→ ${machine.address} ${what} (e${cause.epoch} ${cause.step})`)
    if (/cycle|reset/.test(what)) this.#complain('not-idempotent', `${show(cause)}: ${what}`)
    const highest = this.#epochs.get(machine.address) ?? 0
    if (cause.epoch < highest)
      this.#complain('bmc-epoch', `${show(cause)}: ${what} after a mutation of epoch ${highest}`)
    this.#epochs.set(machine.address, Math.max(highest, cause.epoch))
  }

  /** All is quiet: what the database and the machines say at the end. */
  async final(machines: readonly Machine[], powerFailures: number): Promise<void> {
    await this.#edges()
    await this.#settled()
    await this.#transitions(machines, powerFailures)
    await this.#durable()
    await this.#ring()
    await this.#truth(machines)
  }

  async openTasks(): Promise<number> {
    const [row] = await this.#data.all("SELECT count(*) FROM tasks WHERE state = 'open'")
    return Number(row![0])
  }

  complain(rule: Invariant, what: string): void {
    this.#complain(rule, what)
  }

  async #edges(): Promise<void> {
    const at = new Map<unknown, unknown>()
    const sql = `SELECT node, body ->> '$.from', body ->> '$.trigger', body ->> '$.to' FROM events WHERE type = 'node.provision_state' ORDER BY id`
    for (const [node, from, trigger, to] of await this.#data.all(sql)) {
      if (!EDGES.has(`${from}|${trigger}|${to}`)) this.#complain('edges', `${from} –${trigger}→ ${to}`)
      if (at.has(node) && at.get(node) !== from)
        this.#complain('edges', `node was ${at.get(node)}, then moved from ${from}`)
      at.set(node, to)
    }
  }

  async #settled(): Promise<void> {
    const open = await this.#data.all("SELECT id, kind, node, conductor, done_steps FROM tasks WHERE state = 'open'")
    for (const row of open) this.#complain('settles', `task ${row.join(' ')} is still open`)
    const ends = await this.#data.all(
      "SELECT task, count(*) FROM events WHERE type IN ('task.done', 'task.failed', 'task.cancelled') GROUP BY task HAVING count(*) > 1",
    )
    for (const [task, count] of ends) this.#complain('settles-once', `task ${task} settled ${count} times`)
  }

  async #transitions(machines: readonly Machine[], powerFailures: number): Promise<void> {
    const counts = new Map<string, { on: number; off: number }>()
    for (const { changes } of machines)
      for (const { to, cause } of changes) {
        if (cause?.task === undefined) continue
        const count = counts.get(cause.task) ?? { on: 0, off: 0 }
        count[to]++
        counts.set(cause.task, count)
      }
    for (const [task, { on, off }] of counts) {
      const [row] = await this.#data.all('SELECT steps FROM tasks WHERE id = ?', [task])
      const names = row === undefined ? [] : (JSON.parse(String(row[0])) as Step[]).map(({ step }) => step)
      const most = (end: string) => names.filter((name) => name.endsWith(end)).length + powerFailures
      if (on > most('power_on') || off > most('power_off'))
        this.#complain('doubled', `task ${task} switched on ${on} and off ${off} times`)
    }
  }

  async #durable(): Promise<void> {
    const deleted = new Set(
      this.acknowledged.flatMap(({ command }) => (command.kind === 'node.delete' ? [command.node] : [])),
    )
    for (const { command, value } of this.acknowledged) {
      const { task, uuid } = (value ?? {}) as { task?: string | null; uuid?: string }
      const found = async (sql: string, id: string) => (await this.#data.all(sql, [id])).length > 0
      if (task && !(await found('SELECT 1 FROM tasks WHERE id = ?', task)))
        this.#complain('durable', `${command.kind} answered task ${task}, which does not exist`)
      if (uuid && !deleted.has(uuid) && !(await found('SELECT 1 FROM nodes WHERE uuid = ?', uuid)))
        this.#complain('durable', `${command.kind} answered node ${uuid}, which does not exist`)
    }
  }

  async #ring(): Promise<void> {
    const members = await this.#data.all(
      'SELECT id, weight, (SELECT count(*) FROM nodes WHERE conductor = conductors.id) FROM conductors WHERE horizon_ms IS NOT NULL AND NOT draining',
    )
    const [[all] = [0]] = await this.#data.all('SELECT count(*) FROM nodes WHERE conductor IS NOT NULL')
    const weights = members.reduce((sum, [, weight]) => sum + Number(weight), 0)
    for (const [id, weight, held] of members) {
      const quota = (Number(all) * Number(weight)) / weights
      if (Math.abs(Number(held) - quota) > 1)
        this.#complain('ring', `${id} holds ${held} of ${all}, its quota is ${quota}`)
    }
  }

  async #truth(machines: readonly Machine[]): Promise<void> {
    for (const machine of machines) {
      const [row] = await this.#data.all(
        'SELECT provision_state, power_state, maintenance, instance_info FROM nodes WHERE uuid = ?',
        [machine.node],
      )
      if (row === undefined) continue
      const [state, power, maintenance, instance] = row
      if (!maintenance && state !== 'enroll' && power !== `power ${machine.power()}`)
        this.#complain('truth', `${machine.address} is ${machine.power()}, its node in ${state} says ${power}`)
      const { image_source: image = 'none' } = JSON.parse(String(instance)) as { image_source?: string }
      if (state === 'active' && machine.disk !== image)
        this.#complain('truth', `${machine.address} is active with ${image}, its disk holds ${machine.disk}`)
    }
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

function passes(before: () => void): boolean {
  try {
    before()
    return true
  } catch {
    return false
  }
}

function show({ conductor, epoch, step, node }: Cause): string {
  return `${conductor} (epoch ${epoch}, ${step}, node …${node.slice(-4)})`
}
