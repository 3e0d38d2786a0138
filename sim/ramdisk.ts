// The deploy ramdisk on a simulated machine: a folder that stands for its /sys and /proc, its disk, and the real agent on them.
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import type { Command } from '../agent/command.ts'
import { AgentFault } from '../agent/fault.ts'
import type { Layers, Programs } from '../agent/layers.ts'
import type { Machine } from '../agent/machine.ts'
import { SshServer } from '../agent/ssh-server.ts'
import { startAgent, type Agent } from '../agent/start.ts'
import { runTool } from '../agent/tool.ts'
import { openWhilePowered } from './disk.ts'
import type { SimRaid } from './raid.ts'

const MEMORY_BYTES = 4 * 2 ** 30

export interface RamdiskOptions {
  /** Of the machine; its files lie below. */
  readonly folder: string
  readonly mac: string
  readonly uuid: string
  readonly disks: readonly BlockDevice[]
  readonly raid: SimRaid
  readonly address: string
  readonly commandLine: string
  log(line: string): void
  /** Aborts when the power goes. */
  readonly power: AbortSignal
  powerOff(): void
  reboot(): void
  /** Of the ramdisk, beside its agent's own. */
  readonly moreCommands?: readonly Command[] | undefined
  /** What the switch at its first NIC sends; nothing when absent. */
  readonly lldpFrame?: Buffer | undefined
  /** Of its SSH server; none when absent. */
  readonly sshPort?: number | undefined
  /** Programs that its layers have instead of this host's. */
  readonly programs?: string | undefined
}

/** Resolves when the agent has looked itself up and serves. */
export async function startRamdisk(options: RamdiskOptions): Promise<Agent> {
  const { commandLine, address, power, log, disks, raid } = options
  const root = join(options.folder, 'root')
  await makeRoot(root, options)
  const lines: string[] = []
  const ssh = options.sshPort === undefined ? undefined : sshServer(options, options.sshPort)
  power.addEventListener('abort', () => void ssh?.stop(), { once: true })
  const machine: Machine = {
    root,
    ssh,
    caPem: undefined,
    listDisks: async () => [...disks, ...raid.disks],
    raid,
    layers: hostPrograms(options),
    listenForLldp: async (nic) => (nic === 'eth0' ? options.lldpFrame : undefined),
    openDisk: (device) => openWhilePowered(device, power),
    rereadPartitions: async () => undefined,
    // What is in a file system is a folder beside the disk, which its story has made: `partitions/disk1`.
    async withFileSystem(device, _type, use) {
      const mounted = join(options.folder, 'partitions', basename(device))
      if (!existsSync(mounted)) throw new AgentFault('DiskReadError', `${device} cannot be mounted`)
      return await use(mounted)
    },
    memAvailableBytes: async () => MEMORY_BYTES / 2,
    random: Math.random,
    mono: () => performance.now(),
    sync: async () => {},
    powerOff: async () => options.powerOff(),
    reboot: async () => options.reboot(),
    async leave() {
      await agent.close()
      log('ferrule-init: agent left')
    },
    logs: async () => ({ 'agent.log': lines.join('\n') }),
  }
  const agent = await startAgent({
    commandLine,
    moreCommands: options.moreCommands ?? [],
    machine,
    address,
    signal: power,
    log(line) {
      lines.push(line)
      log(`ferrule-agent: ${line}`)
    },
  })
  return agent
}

/** Programs of this host, which are there once the machine has fetched the layer that they belong to. LAYER is where its files are. */
function hostPrograms({ folder, programs: own = '', log }: RamdiskOptions): Layers {
  const added = new Map<string, Programs>()
  return {
    own: async () => undefined,
    known: async (name, sha256) => added.get(`${name} ${sha256}`),
    async add(name, sha256) {
      const root = join(folder, 'layers', name)
      for (const path of ['run', 'etc', 'var/tmp']) await mkdir(join(root, path), { recursive: true })
      const PATH = [own, process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter)
      const env = { ...process.env, PATH, LC_ALL: 'C', LAYER: root }
      const run: Programs['run'] = (file, args, options) => runTool(file, [...args], { ...options, env })
      const programs = { root, run }
      added.set(`${name} ${sha256}`, programs)
      log(`layer ${name} ${sha256}`)
      return programs
    },
  }
}

/** The real one. Who logs in to it is root of this host, whose home is the machine's own: a user of this host cannot have that, so that it takes root. */
function sshServer({ folder, address }: RamdiskOptions, port: number): SshServer {
  const home = join(folder, 'ssh-home')
  const withHome = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /root && exec "$@"', home]
  return new SshServer({ folder: join(folder, 'ssh'), home, listen: address, port, enter: withHome })
}

/** Of the NIC that has no cable: another locally administered address. */
function secondMac(mac: string): string {
  return `56${mac.slice(2)}`
}

async function makeRoot(root: string, { mac, uuid, commandLine }: RamdiskOptions): Promise<void> {
  const files: Record<string, string> = {
    'sys/class/net/eth0/address': mac,
    'sys/class/net/eth0/carrier': '1',
    'sys/class/net/eth0/device/vendor': '0x1af4',
    'sys/class/net/eth1/address': secondMac(mac),
    'sys/class/net/eth1/carrier': '0',
    'sys/class/net/eth1/device/vendor': '0x1af4',
    'sys/bus/pci/devices/0000:00:03.0/vendor': '0x1af4',
    'sys/bus/pci/devices/0000:00:03.0/device': '0x1000',
    'sys/bus/pci/devices/0000:00:03.0/class': '0x020000',
    'sys/bus/pci/devices/0000:00:03.0/revision': '0x00',
    'sys/class/dmi/id/product_serial': uuid,
    'sys/class/dmi/id/sys_vendor': 'Ferrule',
    'sys/firmware/efi/fw_platform_size': '64',
    'proc/cmdline': commandLine,
    'proc/meminfo': `MemTotal: ${MEMORY_BYTES / 1024} kB\nMemAvailable: ${MEMORY_BYTES / 2048} kB\n`,
    'proc/cpuinfo': 'processor : 0\nmodel name : Simulated\nphysical id : 0\nflags : fpu pse aes vmx\n',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true })
    await writeFile(join(root, path), `${text}\n`)
  }
}
