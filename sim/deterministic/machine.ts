// One machine: a BMC (the simulated RMCP+ server), power, firmware that boots what it was told to, a disk, and an agent in the ramdisk.
// 1. Every change of power is in `changes` with what caused it. 2. An agent takes no command of an older epoch, and none twice.
import type { Chassis, ChassisBoot, PowerAction } from '../bmc/chassis.ts'
import { noBoot } from '../bmc/chassis.ts'
import { createBmc, type BmcServer } from '../bmc/server.ts'
import type { Cause } from './lan.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface PowerChange {
  readonly atMs: number
  readonly to: 'on' | 'off'
  readonly cause: Cause | undefined
}

interface AgentCommand {
  readonly status: () => 'running' | 'done'
}

/** What runs on a machine that booted the deploy ramdisk. */
export class Agent {
  readonly token: string
  readonly commands = new Map<string, AgentCommand>()
  epoch = 0
  constructor(token: string) {
    this.token = token
  }
}

/** Finds the ramdisk ticket of a machine that boots over the network: the token of its boot, when a conductor serves it. */
export type NetworkBoot = (machine: Machine) => string | undefined

/** Of user admin at every BMC. */
export const BMC_PASSWORD = 'hunter2-4242'

const SOFT_OFF_MS = 3_000

export class Machine implements Chassis {
  readonly address: string
  readonly bmc: BmcServer
  readonly changes: PowerChange[] = []
  /** Every accepted mutation, power or boot device. */
  onMutation: (machine: Machine, cause: Cause | undefined, what: string) => void = () => {}
  node = ''
  disk = 'blank'
  /** Its node says that it may not be powered off. */
  keptOn = false
  /** What runs on it: nothing, the firmware, the ramdisk, or the system of its disk. */
  runs: 'nothing' | 'firmware' | 'ramdisk' | 'disk' = 'nothing'
  agent: Agent | undefined
  /** The BMC says nothing until then. */
  silentUntil = 0
  readonly #world: World
  readonly #random: Random
  readonly #networkBoot: NetworkBoot
  #power: 'on' | 'off' = 'off'
  #boot: ChassisBoot = noBoot
  #starts = 0
  #cause: Cause | undefined

  constructor(world: World, index: number, networkBoot: NetworkBoot, sessionLimit: number) {
    this.address = `10.9.0.${index + 1}`
    this.#world = world
    this.#random = world.random.stream(`machine ${index}`)
    this.#networkBoot = networkBoot
    const users = [{ name: 'admin', password: BMC_PASSWORD, limit: 4 }]
    const bmcWorld = { now: () => world.clock.now, random: (length: number) => this.#random.bytes(length) }
    this.bmc = createBmc(this, { users, sessionLimit, logReads: false }, bmcWorld)
  }

  /** A datagram reaches the BMC. */
  receive(packet: Uint8Array, cause: Cause | undefined): Uint8Array | undefined {
    if (this.#world.clock.now < this.silentUntil) return undefined
    this.#cause = cause
    try {
      return this.bmc.receive(packet)
    } finally {
      this.#cause = undefined
    }
  }

  power(): 'on' | 'off' {
    return this.#power
  }

  control(action: PowerAction): void {
    this.onMutation(this, this.#cause, `power ${action}`)
    if (action === 'soft') {
      const cause = this.#cause
      const start = this.#starts
      this.#world.clock.after(SOFT_OFF_MS, () => start === this.#starts && this.#turn('off', cause))
    } else if (action === 'on' || action === 'off') this.#turn(action, this.#cause)
    else if (this.#power === 'on') {
      this.#turn('off', this.#cause)
      this.#turn('on', this.#cause)
    }
  }

  boot(): ChassisBoot {
    return this.#boot
  }

  setBoot(boot: ChassisBoot): void {
    this.onMutation(this, this.#cause, `boot device ${boot.device}${boot.persistent ? ' for good' : ' once'}`)
    this.#boot = boot
  }

  /** The power fails, or comes back, without anybody's order. */
  powerFails(): void {
    if (this.#power === 'on') this.#turn('off', undefined)
  }

  /** Runs a command of the agent, unless it is known already. Undefined: no agent is there. */
  command(
    token: string,
    key: string,
    epoch: number,
    tookMs: number,
    effect: () => void,
  ): 'running' | 'done' | 'refused' | undefined {
    const { agent } = this
    if (agent === undefined || agent.token !== token) return undefined
    if (epoch < agent.epoch) return 'refused'
    agent.epoch = epoch
    const known = agent.commands.get(key)
    if (known !== undefined) return known.status()
    const start = this.#starts
    let state: 'running' | 'done' = 'running'
    agent.commands.set(key, { status: () => state })
    this.#world.clock.after(tookMs, () => {
      if (start !== this.#starts || this.agent !== agent) return
      state = 'done'
      effect()
    })
    return 'running'
  }

  #turn(to: 'on' | 'off', cause: Cause | undefined): void {
    if (to === this.#power) return
    this.#power = to
    this.#starts++
    this.agent = undefined
    this.runs = to === 'on' ? 'firmware' : 'nothing'
    this.changes.push({ atMs: this.#world.clock.now, to, cause })
    this.#world.say(
      `bmc${this.address.slice(7)}`,
      `power ${to}, ordered by ${cause === undefined ? 'nobody' : `${cause.conductor} e${cause.epoch} ${cause.step}`}`,
    )
    if (to === 'on') this.#start()
  }

  #start(): void {
    const boot = this.#boot
    if (!boot.persistent) this.#boot = noBoot
    const start = this.#starts
    const later = (ms: number, act: () => void) => this.#world.clock.after(ms, () => start === this.#starts && act())
    const fromDisk = () => void (this.runs = 'disk')
    if (!boot.valid || boot.device !== 1) return void later(this.#random.between(2_000, 9_000), fromDisk)
    // Firmware asks DHCP a few times, then goes on to the next device.
    const ask = (left: number): void => {
      const token = this.#networkBoot(this)
      if (token !== undefined) {
        later(this.#random.between(3_000, 20_000), () => {
          this.runs = 'ramdisk'
          this.agent = new Agent(token)
          this.#world.say(`bmc${this.address.slice(7)}`, 'the agent is up')
        })
      } else if (left === 0) fromDisk()
      else later(4_000, () => ask(left - 1))
    }
    later(this.#random.between(1_000, 6_000), () => ask(3))
  }
}
