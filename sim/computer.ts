// The computer itself: firmware that chooses what to boot, a network boot over real sockets or a volume into the real agent, a disk that boots when
// something bootable was written to it. Losing power stops everything at once, wherever it is; the next start waits until nothing of the last one is left.
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import { type Chassis, type ChassisBoot, HTTP_DEVICE, noBoot, type PowerAction } from './bmc/chassis.ts'
import { askForLease, type Lease } from './dhcp-client.ts'
import { lookAtDisk } from './disk.ts'
import { fetchBytes } from './fetch.ts'
import { bootVolume } from './grub.ts'
import { runInstaller } from './installer.ts'
import { runScript, type ScriptEnd } from './ipxe.ts'
import { isoLabel } from './iso9660.ts'
import type { MachineOptions, Transition } from './machine.ts'
import { SimRaid } from './raid.ts'
import { startRamdisk } from './ramdisk.ts'

const PXE = 1
const CD = 5
const BMC_ADDRESS = '127.0.0.1'
const DHCP_TRIES = 6
const DHCP_PAUSE_MS = 250
const MAX_SCRIPT_BYTES = 64 * 1024

export class Computer implements Chassis {
  readonly transitions: Transition[] = []
  readonly lines: string[] = []
  bootBytes = 0
  /** URL of what is in its drive: the BMC reads it, the machine sees a CD. */
  medium: () => string | null = () => null
  /** Where its HTTP boot loads from; empty: where DHCP says. */
  httpBootUri: () => string = () => ''
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
      .then(() => this.#run(valid ? device : 0, power.signal))
      .catch((error: unknown) => {
        if (!power.signal.aborted) this.#print(`stopped: ${String(error)}`)
      })
  }

  async #run(device: number, power: AbortSignal): Promise<void> {
    power.throwIfAborted()
    if (device === PXE && (await this.#networkBoot(power)) === 'done') return
    if (device === CD && (await this.#mediumBoot(power)) === 'done') return
    if (device === HTTP_DEVICE && (await this.#httpBoot(power)) === 'done') return
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
    const { mac } = this.#options
    this.#note('network boot')
    if (this.#options.cable === 'pulled') {
      this.#print('iPXE: link down')
      return 'next'
    }
    const lease = await this.#lease(power)
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
      hook: (login) => {
        if (this.#options.storage === undefined) throw new Error('Network unreachable')
        return this.#options.storage.login(login).system
      },
      echo: (text) => this.#print(text),
      signal: power,
    })
    return await this.#afterScript(end, lease.ip, power)
  }

  /** UEFI's own: a volume, which becomes a drive, or a program, which here is an iPXE. */
  async #httpBoot(power: AbortSignal): Promise<'done' | 'next'> {
    this.#note('http boot')
    const lease = this.#options.cable === 'pulled' ? undefined : await this.#lease(power, 'http')
    if (lease === undefined) {
      this.#print('HTTP boot: no DHCP offer')
      return 'next'
    }
    const url = this.httpBootUri() || lease.bootFile
    if (!URL.canParse(url)) {
      this.#print('HTTP boot: nothing to load')
      return 'next'
    }
    const file = await this.#fetch(url, lease.ip, power).catch((error: Error) => {
      power.throwIfAborted()
      this.#print(`HTTP boot: ${error.message}`)
    })
    if (file === undefined) return 'next'
    return isoLabel(file) === undefined ? await this.#networkBoot(power) : await this.#bootVolume(file, power)
  }

  /** What its BMC reads over HTTP is a CD to the firmware. */
  async #mediumBoot(power: AbortSignal): Promise<'done' | 'next'> {
    this.#note('medium boot')
    const url = this.medium()
    if (url === null) {
      this.#print('no medium in the drive')
      return 'next'
    }
    const volume = await fetchBytes(url, { address: BMC_ADDRESS, signal: power }).catch((error: Error) => {
      power.throwIfAborted()
      this.#print(`the drive cannot be read: ${error.message}`)
    })
    if (volume === undefined) return 'next'
    if ((await this.#bootVolume(volume, power)) === 'done') return 'done'
    const label = isoLabel(volume)
    if (label === undefined) return 'next'
    this.#note('os up', `FERRULE-MEDIUM-UP ${label} from ${url}`)
    return 'done'
  }

  /** The ramdisk has its address from the volume, or by DHCP. */
  async #bootVolume(volume: Buffer, power: AbortSignal): Promise<'done' | 'next'> {
    const commandLine = bootVolume(volume, (text) => this.#print(text))
    if (commandLine === undefined) return 'next'
    const given = /(?:^| )ferrule\.address=([^ /]+)/.exec(commandLine)?.[1]
    const lease = this.#options.cable === 'pulled' || given !== undefined ? undefined : await this.#lease(power)
    const address = given ?? lease?.ip
    if (address === undefined) this.#print('udhcpc: no lease')
    else await this.#runRamdisk(commandLine, address, power)
    return 'done'
  }

  #lease(signal: AbortSignal, as: 'ipxe' | 'http' = 'ipxe'): Promise<Lease | undefined> {
    const { mac, uuid, dhcpServers: servers, relayAddress } = this.#options
    return askForLease({ mac, uuid, servers, relayAddress, as, tries: DHCP_TRIES, pauseMs: DHCP_PAUSE_MS, signal })
  }

  async #fetch(url: string, address: string, power: AbortSignal, maxBytes?: number): Promise<Buffer> {
    const bytes = await fetchBytes(url, { address, signal: power, ...(maxBytes !== undefined && { maxBytes }) })
    this.bootBytes += bytes.length
    return bytes
  }

  async #afterScript(end: ScriptEnd, address: string, power: AbortSignal): Promise<'done' | 'next'> {
    if (end.kind === 'poweroff') this.#switchOff('iPXE')
    else if (end.kind === 'reboot') this.#restart()
    else if (end.kind === 'boot' && isAgents(end.commandLine)) await this.#runRamdisk(end.commandLine, address, power)
    else if (end.kind === 'boot' && end.commandLine.includes('inst.ks='))
      await this.#runInstaller(end.commandLine, address, power)
    else if (end.kind === 'boot') {
      this.#note('os up', `FERRULE-NETWORK-UP kernel=${end.kernel.url} ${end.commandLine}`)
      this.#print(`the kernel of an operator runs: ${end.commandLine}`)
    } else if (end.kind === 'san') {
      this.#note('volume boot', end.system)
      this.#note('os up', `FERRULE-VOLUME-UP ${end.system}`)
      this.#print(`FERRULE-VOLUME-UP ${end.system}`)
    } else {
      this.#print(end.kind === 'failed' ? `iPXE: ${end.why}` : 'iPXE: leaves the network')
      return 'next'
    }
    return 'done'
  }

  /** Its end is a restart, without a change of power, or as its orders have it. */
  async #runInstaller(commandLine: string, address: string, power: AbortSignal): Promise<void> {
    const { folder } = this.#options
    this.#note('installer')
    const log = (line: string) => this.#print(line)
    const end = await runInstaller({ folder, disk: this.#disks[0]!, address, commandLine, power, log })
    power.throwIfAborted()
    if (end === 'reboot') this.#restart()
    if (end === 'poweroff') this.#switchOff('installer')
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
      moreCommands: this.#options.agentCommands,
      sshPort: this.#options.sshPort,
      programs: this.#options.programs,
      lldpFrame: this.#options.lldpFrame,
      power,
      log: (line) => this.#print(line),
      powerOff: () => this.#switchOff('ramdisk'),
      reboot: () => this.#restart(),
    })
    if (!power.aborted) await new Promise<void>((gone) => power.addEventListener('abort', () => gone(), { once: true }))
    await agent.close()
  }
}

/** Of the deploy ramdisk; any other kernel is an instance. */
function isAgents(commandLine: string): boolean {
  return commandLine.includes('ipa-api-url=')
}

class PowerCut extends Error {
  constructor() {
    super('the power is off')
  }
}
