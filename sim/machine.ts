// A simulated machine behind a simulated BMC: a computer (computer.ts), its disk, and who controls its power.
// The transitions are the judge: what the power did, and what was booted, with times.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from '../agent/command.ts'
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import { type RunningRedfish, startRedfishBmc } from './bmc/redfish/start.ts'
import { startBmc, type RunningBmc } from './bmc/start.ts'
import { Computer } from './computer.ts'
import { makeDisk } from './disk.ts'
import type { StorageArray } from './storage-array.ts'

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
  /** What it reaches by iSCSI; absent: nothing. */
  readonly storage?: StorageArray | undefined
  /** What its ramdisk has beside the agent's own commands. */
  readonly agentCommands?: readonly Command[] | undefined
  /** Of its ramdisk's SSH server; none when absent. */
  readonly sshPort?: number | undefined
  /** Folder of programs that its layers have instead of this host's. */
  readonly programs?: string | undefined
  /** What the switch at its first NIC sends (LLDP); nothing when absent. */
  readonly lldpFrame?: Buffer | undefined
  onConsole?(line: string): void
}

export interface Transition {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly kind:
    | 'power on'
    | 'power off'
    | 'network boot'
    | 'medium boot'
    | 'http boot'
    | 'ramdisk'
    | 'installer'
    | 'disk boot'
    | 'volume boot'
    | 'os up'
    | 'nothing to boot'
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
  computer.medium = () => redfish?.machine.media.find(({ mediaTypes }) => mediaTypes.includes('CD'))?.image ?? null
  computer.httpBootUri = () => redfish?.machine.httpBootUri ?? ''
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
