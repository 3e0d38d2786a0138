// Lets the faults of a mix happen, each kind by its own stream of chance, until the storm is over; then everything is mended.
import type { Sql } from '../../cloud/ports.ts'
import { Admins } from './admins.ts'
import type { ConductorHost } from './conductor-host.ts'
import { begin } from './histories.ts'
import type { HubHost } from './hub-host.ts'
import type { Judge } from './judge.ts'
import type { Machine } from './machine.ts'
import { FAULT_KINDS, GENTLE_DOWN_MS, type FaultKind, type Mix } from './mix.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface Stage {
  readonly world: World
  readonly mix: Mix
  readonly hub: HubHost
  readonly conductors: readonly ConductorHost[]
  readonly machines: readonly Machine[]
  readonly judge: Judge
  readonly data: Sql
  /** A copy of its disk, to be started beside it. */
  copyOf(conductor: ConductorHost): ConductorHost
}

export class Storm {
  powerFailures = 0
  readonly #stage: Stage
  readonly #admins: Admins
  readonly #copies = new Map<string, ConductorHost>()
  #over = false

  constructor(stage: Stage) {
    this.#stage = stage
    this.#admins = new Admins(stage, this.#copies)
  }

  begin(): void {
    const { world, mix } = this.#stage
    for (const kind of FAULT_KINDS) {
      const meanMs = mix.faults[kind]
      if (meanMs === undefined) continue
      const random = world.random.stream(`fault ${kind}`)
      const again = () =>
        world.clock.after(-Math.log(1 - random.float()) * meanMs, () => {
          if (this.#over) return
          this.#strike(kind, random)
          again()
        })
      again()
    }
  }

  /** Everything works again from now on. What was stopped goes on when its time is over. */
  end(): void {
    this.#over = true
    const { hub, conductors, machines } = this.#stage
    hub.start()
    for (const copy of this.#copies.values()) copy.retire()
    for (const conductor of conductors) {
      conductor.disk.failing = 0
      conductor.wire.lagMs = 0
      conductor.start()
    }
    for (const { bmc } of machines) Object.assign(bmc.faults, { busy: 0, loseAnswers: 0 })
    void this.#admins.end()
  }

  #strike(kind: FaultKind, random: Random): void {
    if (this.#admins.act(kind, random)) return
    if (begin(kind, this.#stage, random, (...how) => this.#hurry(...how))) return
    const { world, hub, conductors, machines, mix } = this.#stage
    const isGentle = mix.flavour === 'gentle'
    const conductor = random.pick(conductors)
    const machine = random.pick(machines)
    const say = (text: string) => world.say('FAULT', `${kind} ${text}`)
    switch (kind) {
      case 'conductor.kill':
      case 'journal.lose': {
        const downMs = random.between(10, isGentle ? GENTLE_DOWN_MS : 60_000)
        say(`${conductor.id} for ${Math.round(downMs)} ms`)
        conductor.kill()
        if (kind === 'journal.lose') {
          conductor.disk.files.delete('journal')
          this.#stage.judge.journalsLost.push({ conductor: conductor.id, atMs: world.clock.now })
        } else void this.#readJournal(conductor)
        return void world.clock.after(downMs, () => conductor.start())
      }
      case 'conductor.clone': {
        if (this.#copies.has(conductor.id)) return
        const forMs = random.between(5_000, 60_000)
        const copy = this.#stage.copyOf(conductor)
        this.#copies.set(conductor.id, copy)
        say(`${conductor.id} for ${Math.round(forMs)} ms`)
        copy.start()
        return void world.clock.after(forMs, () => {
          copy.retire()
          this.#copies.delete(conductor.id)
        })
      }
      case 'conductor.stop': {
        const downMs = random.between(10, isGentle ? GENTLE_DOWN_MS : 30_000)
        say(conductor.id)
        return void conductor.stop().then(() => world.clock.after(downMs, () => conductor.start()))
      }
      case 'conductor.freeze':
      case 'conductor.pause': {
        const forMs = random.pick([random.between(10, 5_000), random.between(10_000, 120_000)])
        say(`${conductor.id} for ${Math.round(forMs)} ms`)
        return conductor.process?.stop(forMs, kind === 'conductor.pause')
      }
      case 'wan.cut': {
        const forMs = random.pick(mix.cutMs.map(([from, to]) => random.between(from, to)))
        say(`${conductor.id} for ${Math.round(forMs)} ms`)
        return conductor.wire.cut(forMs)
      }
      case 'wan.reset':
        say(conductor.id)
        return conductor.wire.reset()
      case 'hub.kill': {
        const downMs = random.between(10, 20_000)
        hub.kill()
        return void world.clock.after(downMs, () => hub.start())
      }
      case 'hub.evict':
        return hub.evict()
      case 'hub.freeze': {
        const forMs = random.between(10, 30_000)
        say(`for ${Math.round(forMs)} ms`)
        return hub.process.stop(forMs, false)
      }
      case 'disk.fail':
        say(conductor.id)
        return void (conductor.disk.failing = 1)
      case 'bmc.silent': {
        const forMs = random.between(500, 45_000)
        say(`${machine.address} for ${Math.round(forMs)} ms`)
        return void (machine.silentUntil = world.clock.now + forMs)
      }
      case 'bmc.busy':
        say(machine.address)
        return void (machine.bmc.faults.busy = random.int(1, 4))
      case 'bmc.loseAnswers':
        say(machine.address)
        return void (machine.bmc.faults.loseAnswers = random.int(1, 3))
      case 'bmc.forget':
        say(machine.address)
        return machine.bmc.sessions.forgetAll()
      case 'clock.jump': {
        // Back only where the other clock is right: a host both of whose clocks are wrong at once knows nothing of time.
        const { faults, lan } = this.#stage.mix
        const isMonoRight = faults['conductor.pause'] === undefined && lan.stall === 0
        const byMs = random.between(isMonoRight ? -60_000 : 0, 60_000)
        say(`${conductor.id} by ${Math.round(byMs)} ms`)
        if (conductor.process !== undefined) conductor.process.wallOffsetMs += byMs
        return
      }
      case 'hub.clock': {
        const toMs = random.between(-mix.hubClockMs, mix.hubClockMs)
        say(`${Math.round(toMs)} ms off`)
        return void (hub.process.wallOffsetMs = toMs)
      }
      case 'deadline.near':
        return void this.#hurry(random)
      case 'power.fails':
        if (machine.power() === 'off') return
        say(machine.address)
        this.powerFailures++
        return machine.powerFails()
      default:
    }
  }

  /** An open task has less time than it was given, which its hub reads when it starts. */
  async #hurry(random: Random, [from, to]: readonly [number, number] = [1_000, 60_000]): Promise<void> {
    const { data, hub, judge, world } = this.#stage
    const [id] = random.pick([...(await data.all("SELECT id FROM tasks WHERE state = 'open' ORDER BY id")), []])
    if (id === undefined) return
    judge.hurried.add(String(id))
    world.say('FAULT', `deadline.near of task ${id}`)
    const deadline = hub.process.env.now() + Math.round(random.between(from, to))
    await data.batch([{ sql: 'UPDATE tasks SET deadline_ms = min(deadline_ms, ?) WHERE id = ?', args: [deadline, id] }])
    hub.evict()
  }

  async #readJournal(conductor: ConductorHost): Promise<void> {
    if (!(await conductor.journalTwice()))
      this.#stage.judge.complain('journal', `${conductor.id}: reading it twice differs`)
  }
}
