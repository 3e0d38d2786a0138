// The machine under the agent as commands see it: disks, memory, power. Tests give one made of files.
import { mkdtemp, readFile, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BlockDevice } from './disk/block-devices.ts'
import { listBlockDevices } from './disk/block-devices.ts'
import { openBlockTarget } from './disk/block-target.ts'
import type { BlockTarget, DiskAccess } from './disk/block-target.ts'
import { AgentFault } from './fault.ts'
import { eraseItself, type OwnErase } from './disk/own-erase.ts'
import { mdArrays, type SoftwareRaid } from './disk/md-arrays.ts'
import { listenForLldp } from './hardware/listen.ts'
import { IscsiTarget } from './disk/iscsi-target.ts'
import { type Layers, realLayers } from './layers.ts'
import { SshServer } from './ssh-server.ts'
import { runTool } from './tool.ts'

/** Tells init that the ramdisk is a person's now. */
const EXIT_LEFT = 4

export interface Machine {
  /** Where /sys, /proc and /dev are found; `/` on a real machine. */
  readonly root: string
  /** PEM of the site's certificate authority, once pinned; image servers are verified against it and the public roots. */
  caPem: string | undefined
  /** Arrays, too, once they are put together. */
  listDisks(): Promise<BlockDevice[]>
  openDisk(device: BlockDevice, access?: DiskAccess): Promise<BlockTarget>
  /** The disk's own erase, of everything on it; absent where no disk has one. */
  eraseItself?(device: BlockDevice): Promise<OwnErase>
  /** Makes the kernel read the partition table again; says why not instead of failing. */
  rereadPartitions(device: BlockDevice): Promise<string | undefined>
  /** Mounts the file system of a block device while `use` runs, for reading unless told otherwise. Throws when it cannot be mounted. */
  withFileSystem<T>(
    device: string,
    type: string,
    use: (folder: string) => Promise<T>,
    access?: 'read' | 'write',
  ): Promise<T>
  /** Software RAID; absent where that is not possible. */
  readonly raid?: SoftwareRaid
  /** Programs that the ramdisk is without; absent where none can be added. */
  readonly layers?: Layers
  /** A frame of LLDP that comes in at a NIC within that time; undefined: none has. Absent where nobody can listen; throws likewise. */
  listenForLldp?(nic: string, timeoutMs: number): Promise<Buffer | undefined>
  /** Lets a conductor write a disk over the network; absent where that is not possible. */
  readonly iscsi?: IscsiTarget
  /** Lets a conductor log in; absent where that is not possible. */
  readonly ssh?: SshServer | undefined
  memAvailableBytes(): Promise<number>
  /** 0 ≤ x < 1. */
  random(): number
  /** Milliseconds of a clock that never goes back. */
  mono(): number
  sync(): Promise<void>
  powerOff(): Promise<void>
  reboot(): Promise<void>
  /** Ends the agent and leaves the ramdisk, which stays up, to whoever logs in. */
  leave(): Promise<void>
  /** By file name, for log.collect_system_logs: the agent's own recent lines and the kernel's, addresses, disks, processes. */
  logs(): Promise<Record<string, string>>
}

/** MemAvailable of /proc/meminfo, in bytes; 0 when it cannot be read. */
export async function readMemAvailable(root: string): Promise<number> {
  const text = await readFile(join(root, 'proc/meminfo'), 'utf8').catch(() => '')
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
}

/** Programs that say how the machine is, for log.collect_system_logs; those of the ramdisk are busybox's, but for lsblk. */
const LOOKS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'dmesg.txt': ['dmesg'],
  'ip_addr.txt': ['ip', 'addr'],
  'lsblk.txt': ['lsblk', '--all', '--output', 'NAME,TYPE,SIZE,RO,MODEL,SERIAL,WWN,FSTYPE,PARTTYPENAME,MOUNTPOINT'],
  'ps.txt': ['ps', '-o', 'pid,ppid,stat,vsz,args'],
}

/** What it prints, or why it does not. */
async function told([program, ...args]: readonly [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await runTool(program, args, { timeoutMs: 10_000, maxBytes: 512 * 1024 })
  return withoutSecrets(code === 0 ? stdout : `${stdout}${program} ended with ${code}: ${stderr}`)
}

/** The kernel prints its command line, which may hold a token. */
function withoutSecrets(text: string): string {
  return text.replaceAll(/(token|password)=\S+/gi, '$1=******')
}

/** The machine that this process runs on. `recentLog` gives the agent's own lines. */
export function realMachine(recentLog: () => string): Machine {
  const root = '/'
  /** The programs come from busybox; the SysRq key works even when the root file system is in pieces. */
  const stop = async (program: 'poweroff' | 'reboot', key: 'o' | 'b') => {
    await runTool('sync', [])
    await runTool(program, ['-f'], { timeoutMs: 10_000 })
    await sleep(2000)
    await writeFile('/proc/sysrq-trigger', key)
  }
  return {
    root,
    caPem: undefined,
    raid: mdArrays(root),
    listDisks: () => listBlockDevices(root),
    openDisk: openBlockTarget,
    eraseItself: (device) => eraseItself(device),
    async rereadPartitions(device) {
      const { code, stderr } = await runTool('blockdev', ['--rereadpt', device.path])
      if (code === 0) return undefined
      const partx = await runTool('partx', ['--update', device.path])
      return partx.code === 0 ? undefined : `${stderr.trim()}; ${partx.stderr.trim()}`
    },
    async withFileSystem(device, type, use, access = 'read') {
      const folder = await mkdtemp(join(tmpdir(), 'mount-'))
      // Whatever an image has in it, nothing of it is run or opened as a device.
      const options = `${access === 'read' ? 'ro' : 'rw'},nodev,nosuid,noexec`
      const mount = await runTool('mount', ['-t', type, '-o', options, device, folder])
      if (mount.code !== 0) {
        await rmdir(folder)
        throw new AgentFault('DiskReadError', `${device} cannot be mounted`, mount.stderr.trim())
      }
      const result = await use(folder).finally(async () => {
        const { code, stderr } = await runTool('umount', [folder])
        // What was written may not be on the disk.
        if (code !== 0) throw new AgentFault('DiskWriteError', `${device} cannot be unmounted`, stderr.trim())
        await rmdir(folder)
      })
      return result
    },
    listenForLldp,
    layers: realLayers(),
    ssh: new SshServer({ folder: '/run/ferrule-ssh', home: '/root', port: 22 }),
    iscsi: new IscsiTarget({ folder: '/run/ferrule-iscsi' }),
    memAvailableBytes: () => readMemAvailable(root),
    random: Math.random,
    mono: () => performance.now(),
    sync: async () => void (await runTool('sync', [])),
    powerOff: () => stop('poweroff', 'o'),
    reboot: () => stop('reboot', 'b'),
    leave: async () => process.exit(EXIT_LEFT),
    async logs() {
      const said = await Promise.all(
        Object.entries(LOOKS).map(async ([name, look]) => [name, await told(look)] as const),
      )
      return { 'agent.log': withoutSecrets(recentLog()), ...Object.fromEntries(said) }
    },
  }
}
