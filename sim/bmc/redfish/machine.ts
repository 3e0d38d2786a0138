// What a Redfish BMC knows of its machine beside power and boot flags. What is set takes effect at the next start where real machines have it so.
import { randomUUID } from 'node:crypto'
import type { ChassisBoot, PowerAction } from '../chassis.ts'

/** The machine as both of its BMCs see it (IPMI and Redfish). */
export interface StartingChassis {
  power(): 'on' | 'off'
  control(action: PowerAction): void
  boot(): ChassisBoot
  setBoot(boot: ChassisBoot): void
  /** How often it has started so far, restarts included. */
  startCount(): number
}

export interface Volume {
  readonly id: string
  readonly name: string
  readonly raidType: string
  readonly capacityBytes: number
  readonly drives: readonly string[]
}

export interface Drive {
  readonly id: string
  readonly capacityBytes: number
  readonly mediaType: 'HDD' | 'SSD'
  readonly protocol: 'SATA' | 'SAS'
}

export interface Medium {
  readonly id: string
  readonly mediaTypes: readonly string[]
  image: string | null
  /** So many looks until it shows what is in it. */
  hiddenFor: number
}

/** Of a destination to events of the BMC. */
export interface Subscription {
  readonly id: string
  readonly destination: string
  readonly protocol: string
  readonly context: string
  readonly eventTypes: readonly string[]
  readonly headers: readonly unknown[]
}

const GIB = 1024 ** 3

export const FACTORY_BIOS: Readonly<Record<string, string | number | boolean>> = {
  BootMode: 'Uefi',
  ProcTurboMode: 'Enabled',
  NumLock: true,
  QuietBootSeconds: 3,
}

export interface MachineFacts {
  readonly uuid: string
  readonly macs: readonly string[]
  readonly serialNumber: string
  readonly manufacturer: string
}

export class RedfishMachine {
  readonly facts: MachineFacts
  readonly chassis: StartingChassis
  /** What was asked for last: IPMI's numbers are fewer than Redfish's names. */
  bootTarget = 'None'
  /** Where UEFI's HTTP boot loads from; empty: where DHCP says. */
  httpBootUri = ''
  secureBootEnable = false
  secureBootCurrent = false
  secureBootKeys: 'default' | 'none' | 'own' = 'own'
  efi = true
  /** Of the system, as its Status says it. */
  health: { Health?: string | null; HealthRollup?: string } = { Health: 'OK', HealthRollup: 'OK' }
  /** Of the system and the chassis. */
  readonly indicators = new Map<string, string>([
    ['system', 'Off'],
    ['chassis', 'Off'],
  ])
  readonly media: Medium[] = [
    { id: 'Cd', mediaTypes: ['CD', 'DVD'], image: null, hiddenFor: 0 },
    { id: 'Floppy', mediaTypes: ['Floppy', 'USBStick'], image: null, hiddenFor: 0 },
  ]
  readonly drives: readonly Drive[] = Array.from({ length: 4 }, (_, i) => ({
    id: `Disk.${i}`,
    capacityBytes: 480 * GIB,
    mediaType: 'SSD',
    protocol: 'SAS',
  }))
  volumes: Volume[] = []
  /** So many so far: ids are not given twice. */
  volumesMade = 0
  readonly firmware = new Map([
    ['BIOS', '1.4.2'],
    ['BMC', '2.10.0'],
    ['NIC.1', '22.31.6'],
  ])
  readonly subscriptions = new Map<string, Subscription>()
  nextSubscription = 1
  /** Of the BMC: how far its clock is from ours, and what it is told in. */
  clock = { aheadMs: 0, offset: '+00:00' }
  /** Interrupts so far. */
  nmis = 0
  #bios: Record<string, unknown> = { ...FACTORY_BIOS }
  #pendingBios: Record<string, unknown> = {}
  #settled: number
  #atStart: (() => void)[] = []

  constructor(chassis: StartingChassis, facts: Partial<MachineFacts> = {}) {
    this.chassis = chassis
    this.facts = {
      uuid: randomUUID(),
      macs: ['52:54:00:00:00:01'],
      serialNumber: 'SIM0001',
      manufacturer: 'Ferrule',
      ...facts,
    }
    this.#settled = chassis.startCount()
  }

  /** Settings as the machine has them now: those that waited for a start are taken over when there was one. */
  bios(): Readonly<Record<string, unknown>> {
    this.settle()
    return this.#bios
  }

  pendingBios(): Readonly<Record<string, unknown>> {
    this.settle()
    return { ...this.#bios, ...this.#pendingBios }
  }

  setBios(attributes: Readonly<Record<string, unknown>>): void {
    this.settle()
    Object.assign(this.#pendingBios, attributes)
  }

  /** Runs `change` at the next start. */
  atStart(change: () => void): void {
    this.settle()
    this.#atStart.push(change)
  }

  settle(): void {
    const starts = this.chassis.startCount()
    if (starts === this.#settled) return
    this.#settled = starts
    this.#bios = { ...this.#bios, ...this.#pendingBios }
    this.#pendingBios = {}
    this.secureBootCurrent = this.secureBootEnable
    for (const change of this.#atStart.splice(0)) change()
  }
}
