// One simulated server: the only owner of its qemu, its power and its boot flags.
// 1. At most one qemu at a time. 2. A guest reset and a BMC reset are a new start with the boot order of that moment.
// 3. The power log is written where power changes and nowhere else: it is the judge in tests.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, openSync, closeSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { countBoot } from './boot-count.ts'
import { Chassis, bootOrder } from './chassis.ts'
import type { BootDevice, Power } from './chassis.ts'
import { qemuArguments } from './qemu.ts'
import type { MachinePlaces, MachineSpec } from './qemu.ts'

/** A change of power. `reset` is a restart without an "off" that a BMC could see. `order` is set for starts. */
export interface PowerEvent {
  readonly atMs: number
  readonly event: 'on' | 'off' | 'reset'
  readonly cause: string
  readonly order?: readonly BootDevice[]
}

type Qemu = ChildProcess & { readonly stdin: Writable; readonly stdout: Readable }

/** How long a power cycle keeps the power off (IPMI 2.0 §28.3 asks for at least one second unless configured). */
const CYCLE_OFF_MS = 1_000

export class Machine implements Power {
  /** As the next start has it. */
  spec: MachineSpec
  readonly places: MachinePlaces
  readonly directory: string
  readonly chassis: Chassis
  /** Every change of power since the rack is up, oldest first; also as JSON lines in `chassis.log`. */
  readonly powerLog: PowerEvent[] = []
  #powered = false
  #plugged = true
  // Counts starts and cuts: a launch or an end that belongs to an earlier run has no say.
  #run = 0
  #gone: Promise<void> = Promise.resolve()
  #qemu: Qemu | null = null
  #door: Server | null = null
  #cycling: ReturnType<typeof setTimeout> | null = null
  #closed = false
  readonly #log: (line: string) => void

  constructor(spec: MachineSpec, places: MachinePlaces, directory: string, log: (line: string) => void) {
    this.spec = spec
    this.places = places
    this.directory = directory
    this.#log = log
    this.chassis = new Chassis(this, Date.now)
  }

  get isOn(): boolean {
    return this.#powered
  }

  /** How often the machine was started or reset. */
  get starts(): number {
    return this.powerLog.filter(({ event }) => event !== 'off').length
  }

  /** How often the power went from off to on. */
  get powerOns(): number {
    return this.powerLog.filter(({ event }) => event === 'on').length
  }

  on(cause = 'bmc'): void {
    this.#stopCycling()
    if (!this.#powered) this.#start('on', cause)
  }

  off(cause = 'bmc'): void {
    this.#stopCycling()
    if (!this.#powered) return
    this.#cut()
    this.#note({ atMs: Date.now(), event: 'off', cause })
  }

  cycle(cause = 'bmc'): void {
    this.off(cause)
    this.#cycling = setTimeout(() => this.on(cause), CYCLE_OFF_MS)
  }

  reset(cause = 'bmc'): void {
    if (!this.#powered) return
    this.#cut()
    this.#start('reset', cause)
  }

  soft(): void {
    this.qmp('system_powerdown')
  }

  interrupt(): void {
    this.qmp('inject-nmi')
  }

  /** Sends one QMP command to the running qemu; nothing happens when the machine is off. */
  qmp(execute: string, parameters: Readonly<Record<string, unknown>> = {}): void {
    this.#qemu?.stdin.write(`${JSON.stringify({ execute, arguments: parameters })}\n`)
  }

  /** Pulls (false) or plugs (true) the network cable; it stays so when the machine is started again. */
  link(up: boolean): void {
    this.#plugged = up
    this.qmp('set_link', { name: 'prov', up })
  }

  /** From the next start on no disk has a bad sector. The content stays. */
  replaceDisks(): void {
    const disks = (this.spec.disks ?? []).map(({ sizeGiB, bus }) => ({ sizeGiB, ...(bus && { bus }) }))
    this.spec = { ...this.spec, disks }
  }

  /** Opens the door at which a BMC hands in chassis commands: lines "<command> <data>" in hex. */
  async listen(): Promise<void> {
    this.#door = createServer((socket) => {
      let pending = ''
      socket.setEncoding('latin1')
      socket.on('error', () => socket.destroy())
      socket.on('data', (text: string) => {
        pending += text
        for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
          socket.write(`${this.#answer(pending.slice(0, end))}\n`)
          pending = pending.slice(end + 1)
        }
      })
    })
    this.#door.listen(join(this.directory, 'chassis.sock'))
    await once(this.#door, 'listening')
  }

  /** Cuts the power for good and closes the door. */
  async close(): Promise<void> {
    this.#closed = true
    this.off('rack down')
    this.#door?.close()
    await this.#gone
  }

  #answer(line: string): string {
    const [command = '', data = ''] = line.split(' ')
    return Buffer.from(this.chassis.ipmi(Number.parseInt(command, 16), Buffer.from(data, 'hex'))).toString('hex')
  }

  #start(event: 'on' | 'reset', cause: string): void {
    if (this.#closed) return
    const order = bootOrder(this.chassis.takeBootRequest(), this.spec.bootOrder ?? ['disk', 'net'])
    this.#powered = true
    this.#run += 1
    this.#note({ atMs: Date.now(), event, cause, order })
    countBoot(this.spec.name)
    this.#gone = this.#launch(order, this.#run, this.#gone)
  }

  // Waits for the qemu before, which still holds the disk locks and the tap, then runs one to its end.
  async #launch(order: readonly BootDevice[], run: number, before: Promise<void>): Promise<void> {
    await before
    if (this.#run !== run) return
    const errors = openSync(join(this.directory, 'qemu.log'), 'a')
    const qemu = startQemu(qemuArguments(this.spec, this.places, order), errors)
    closeSync(errors)
    this.#qemu = qemu
    let reason = 'qemu ended by itself'
    readLines(qemu.stdout, (line) => {
      if (line.includes('"SHUTDOWN"')) reason = shutdownReason(line)
    })
    qemu.stdin.on('error', () => {}) // qemu may be gone before it has read a command; its exit tells
    this.qmp('qmp_capabilities')
    if (!this.#plugged) this.link(false)
    await new Promise<void>((resolve) => {
      qemu.once('exit', () => resolve())
      qemu.once('error', (error) => {
        reason = error.message
        resolve()
      })
    })
    this.#qemu = null
    if (this.#run === run) queueMicrotask(() => this.#ended(reason))
  }

  // Only for ends nobody asked for: off, reset and cycle have begun another run before they kill.
  #ended(reason: string): void {
    if (reason.includes('reset')) return this.#start('reset', reason)
    this.#powered = false
    this.#note({ atMs: Date.now(), event: 'off', cause: reason })
  }

  #cut(): void {
    this.#powered = false
    this.#run += 1
    this.#qemu?.kill('SIGKILL')
  }

  #stopCycling(): void {
    if (this.#cycling !== null) clearTimeout(this.#cycling)
    this.#cycling = null
  }

  #note(event: PowerEvent): void {
    this.powerLog.push(event)
    appendFileSync(join(this.directory, 'chassis.log'), `${JSON.stringify(event)}\n`)
    const order = event.order === undefined ? '' : `, boot order ${event.order.join(', ')}`
    this.#log(`${this.spec.name} ${event.event} (${event.cause})${order}`)
  }
}

function startQemu(args: readonly string[], errors: number): Qemu {
  const qemu = spawn('qemu-system-x86_64', args, { stdio: ['pipe', 'pipe', errors] })
  const { stdin, stdout } = qemu
  if (stdin === null || stdout === null) throw new Error('qemu was started without its QMP pipes')
  return Object.assign(qemu, { stdin, stdout })
}

function shutdownReason(line: string): string {
  const { data } = JSON.parse(line) as { data?: { reason?: string } }
  return data?.reason ?? 'shutdown'
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let pending = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (pending + text).split('\n')
    pending = lines.pop() ?? ''
    lines.forEach(onLine)
  })
}
