// A simulated machine behind a simulated BMC: firmware that chooses what to boot, a network boot over real sockets into the real agent, a
// disk that boots when something bootable was written to it.
// 1. Losing power stops everything at once, wherever it is; the next start waits until nothing of the last one is left.
// 2. The transitions are the judge: what the power did, and what was booted, with times.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import { noBoot, type Chassis, type ChassisBoot, type PowerAction } from './bmc/chassis.ts'
import { type RunningRedfish, startRedfishBmc } from './bmc/redfish/start.ts'
import { startBmc, type RunningBmc } from './bmc/start.ts'
import { askForLease } from './dhcp-client.ts'
import { lookAtDisk, makeDisk } from './disk.ts'
import { fetchBytes } from './fetch.ts'
import { runScript, type ScriptEnd } from './ipxe.ts'
import { SimRaid } from './raid.ts'
import { startRamdisk } from './ramdisk.ts'

export interface MachineOptions {
  readonly name: string
  /** Lower case with colons. */
  readonly mac: string
  readonly uuid: string
  /** For its disk and what else it has; made when absent. */
  readonly folder: string
  readonly diskBytes: number
  /** Beside the first one, of the same size; default none. */
  readonly moreDisks?: number
  readonly bmcPassword: string
  /** Shared by the machines of a site; may grow. */
  readonly dhcpServers: readonly { readonly address: string; readonly port: number }[]
  readonly relayAddress: string
  /** Pulled: the machine has power and a BMC, but its network card reaches nobody. May be changed at any time. */
  cable: 'plugged' | 'pulled'
  /** With it, the machine has a Redfish BMC beside the other: key and certificate (PEM). */
  readonly redfish?: { readonly key: string; readonly cert: string } | undefined
  onConsole?(line: string): void
}

export interface Transition {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly kind: 'power on' | 'power off' | 'network boot' | 'ramdisk' | 'disk boot' | 'os up' | 'nothing to boot'
  readonly detail: string
}

export interface SimMachine {
  readonly options: MachineOptions
  readonly bmc: RunningBmc
  /** Of the same machine: what is set at one of its BMCs shows at the other. */
  readonly redfish: RunningRedfish | undefined
  readonly disk: BlockDevice
  readonly transitions: readonly Transition[]
  /** How often the power went from off to on. */
  offToOn(): number
  /** All that it printed so far. */
  console(): string
  /** Bytes that its firmware fetched over HTTP. */
  bootBytes(): number
  close(): Promise<void>
}

export const BMC_USER = 'admin'
const PXE = 1
const DHCP_TRIES = 6
const DHCP_PAUSE_MS = 250
const MAX_SCRIPT_BYTES = 64 * 1024

export async function startMachine(options: MachineOptions): Promise<SimMachine> {
  await mkdir(options.folder, { recursive: true })
  const disk = await makeDisk(join(options.folder, 'disk'), options.diskBytes, options.uuid)
  const more = Array.from({ length: options.moreDisks ?? 0 }, (_, i) => `sd${String.fromCharCode(98 + i)}`)
  const others = more.map((name) =>
    makeDisk(join(options.folder, name), options.diskBytes, `${options.uuid}-${name}`, name),
  )
  const computer = new Computer(options, [disk, ...(await Promise.all(others))])
  const bmc = await startBmc({
    chassis: computer,
    users: [{ name: BMC_USER, password: options.bmcPassword, limit: 4 }],
    // A restarted conductor finds the sessions of the killed one still open.
    sessionLimit: 16,
  })
  const { redfish: tls, uuid, mac, name } = options
  const redfish =
    tls &&
    (await startRedfishBmc({
      chassis: computer,
      tls,
      users: [{ name: BMC_USER, password: options.bmcPassword, role: 'Administrator' }],
      sessionLimit: 16,
      facts: { uuid, macs: [mac], serialNumber: name },
    }))
  return {
    options,
    bmc,
    redfish,
    disk,
    transitions: computer.transitions,
    offToOn: () => computer.transitions.filter(({ kind }) => kind === 'power on').length,
    console: () => computer.lines.join('\n'),
    bootBytes: () => computer.bootBytes,
    async close() {
      computer.control('off')
      await Promise.all([bmc.close(), redfish?.close(), computer.idle()])
    },
  }
}

class Computer implements Chassis {
  readonly transitions: Transition[] = []
  readonly lines: string[] = []
  bootBytes = 0
  #starts = 0
  readonly #options: MachineOptions
  readonly #disks: readonly BlockDevice[]
  readonly #raid: SimRaid
  #flags: ChassisBoot = noBoot
  /** Aborts when the power goes; undefined while it is off. */
  #power: AbortController | undefined
  #activity: Promise<void> = Promise.resolve()

  constructor(options: MachineOptions, disks: readonly BlockDevice[]) {
    this.#options = options
    this.#disks = disks
    this.#raid = new SimRaid(options.folder, options.diskBytes / 2)
  }

  power(): 'on' | 'off' {
    return this.#power === undefined ? 'off' : 'on'
  }

  startCount(): number {
    return this.#starts
  }

  boot(): ChassisBoot {
    return this.#flags
  }

  setBoot(flags: ChassisBoot): void {
    this.#flags = flags
  }

  control(action: PowerAction): void {
    const on = this.#power !== undefined
    if (action === 'on' && !on) this.#switchOn('')
    if ((action === 'off' || action === 'soft') && on) this.#switchOff(action)
    if (action === 'cycle' && on) {
      this.#switchOff(action)
      this.#switchOn(action)
    }
    if (action === 'reset' && on) this.#restart()
  }

  /** Resolves when nothing runs on a machine that is off. */
  async idle(): Promise<void> {
    await this.#activity
  }

  #note(kind: Transition['kind'], detail = ''): void {
    this.transitions.push({ at: Date.now(), kind, detail })
  }

  #print(line: string): void {
    this.lines.push(line)
    this.#options.onConsole?.(line)
  }

  #switchOn(why: string): void {
    this.#note('power on', why)
    this.#start()
  }

  #switchOff(why: string): void {
    this.#note('power off', why)
    this.#power?.abort(new PowerCut())
    this.#power = undefined
  }

  /** Without a change of power: a reset, or an operating system that reboots. */
  #restart(): void {
    this.#power?.abort(new PowerCut())
    this.#start()
  }

  /** The flags are read, and consumed unless they are persistent, at the moment of the start. */
  #start(): void {
    this.#starts++
    const power = new AbortController()
    const { valid, persistent, device } = this.#flags
    if (!persistent) this.#flags = noBoot
    this.#power = power
    const before = this.#activity
    this.#activity = before
      .then(() => this.#run(valid && device === PXE, power.signal))
      .catch((error: unknown) => {
        if (!power.signal.aborted) this.#print(`stopped: ${String(error)}`)
      })
  }

  async #run(network: boolean, power: AbortSignal): Promise<void> {
    power.throwIfAborted()
    if (network && (await this.#networkBoot(power)) === 'done') return
    const found = await lookAtDisk((this.#raid.root ?? this.#disks[0]!).path)
    power.throwIfAborted()
    if (found === undefined) {
      this.#note('nothing to boot')
      this.#print('no bootable device')
      return
    }
    this.#note('disk boot', found.partitions.join(', '))
    const { hostname = '', uuid = '' } = (found.config?.metaData ?? {}) as { hostname?: string; uuid?: string }
    const up = `FERRULE-OS-UP host=${hostname} uuid=${uuid} firmware=efi config=${found.config?.device ?? ''}`
    this.#note('os up', up)
    this.#print(up)
    for (const line of found.config?.userData.split('\n') ?? []) if (line !== '') this.#print(`user_data: ${line}`)
  }

  /** `next`: nothing came of it, the firmware goes on with the disk. */
  async #networkBoot(power: AbortSignal): Promise<'done' | 'next'> {
    const { mac, uuid, dhcpServers, relayAddress } = this.#options
    this.#note('network boot')
    if (this.#options.cable === 'pulled') {
      this.#print('iPXE: link down')
      return 'next'
    }
    const lease = await askForLease({
      mac,
      uuid,
      servers: dhcpServers,
      relayAddress,
      tries: DHCP_TRIES,
      pauseMs: DHCP_PAUSE_MS,
      signal: power,
    })
    this.#print(
      lease === undefined
        ? 'iPXE: no DHCP offer'
        : `iPXE: ${lease.ip} ${lease.bootFile.replace(/\/[\w-]{20,}\//, '/.../')}`,
    )
    if (lease === undefined || !URL.canParse(lease.bootFile)) return 'next'
    const script = await this.#fetch(lease.bootFile, lease.ip, power, MAX_SCRIPT_BYTES).catch((error: Error) => {
      power.throwIfAborted()
      this.#print(`iPXE: ${error.message}`)
    })
    if (script === undefined) return 'next'
    const end = await runScript(script.toString(), {
      settings: { mac, platform: 'efi', ip: lease.ip },
      load: async (url) => (await this.#fetch(url, lease.ip, power)).length,
      echo: (text) => this.#print(text),
      signal: power,
    })
    return await this.#afterScript(end, lease.ip, power)
  }

  async #fetch(url: string, address: string, power: AbortSignal, maxBytes?: number): Promise<Buffer> {
    const bytes = await fetchBytes(url, { address, signal: power, ...(maxBytes !== undefined && { maxBytes }) })
    this.bootBytes += bytes.length
    return bytes
  }

  async #afterScript(end: ScriptEnd, address: string, power: AbortSignal): Promise<'done' | 'next'> {
    if (end.kind === 'poweroff') this.#switchOff('iPXE')
    else if (end.kind === 'reboot') this.#restart()
    else if (end.kind === 'boot') await this.#runRamdisk(end.commandLine, address, power)
    else {
      this.#print(end.kind === 'failed' ? `iPXE: ${end.why}` : 'iPXE: leaves the network')
      return 'next'
    }
    return 'done'
  }

  /** Ends with the power, or with an agent that gives up. */
  async #runRamdisk(commandLine: string, address: string, power: AbortSignal): Promise<void> {
    const { mac, uuid, folder } = this.#options
    this.#note('ramdisk')
    const agent = await startRamdisk({
      folder,
      mac,
      uuid,
      disks: this.#disks,
      raid: this.#raid,
      address,
      commandLine,
      power,
      log: (line) => this.#print(line),
      powerOff: () => this.#switchOff('ramdisk'),
      reboot: () => this.#restart(),
    })
    if (!power.aborted) await new Promise<void>((gone) => power.addEventListener('abort', () => gone(), { once: true }))
    await agent.close()
  }
}

class PowerCut extends Error {
  constructor() {
    super('the power is off')
  }
}
