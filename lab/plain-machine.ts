// One virtual machine on its own: no rack, no BMC, no root. Its network is QEMU's user network; disks are plugged in while it runs.
// Nothing of it outlives the process that made it; what a killed process left in the temp directory goes with the next run, as a rack's does.
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installationHint, programPath } from './debian-packages.ts'
import { temporaryDirectory } from './namespaces.ts'
import { Qmp } from './qmp.ts'
import { run } from './run.ts'

export interface PlainMachineSpec {
  readonly memoryMiB: number
  readonly mac: string
  /** Ports of the guest that are reached from the host's loopback, each at a port of its own. */
  readonly forward: readonly number[]
}

export interface PluggedDisk {
  /** Default `virtio`. */
  readonly bus?: 'virtio' | 'scsi' | 'nvme'
  readonly sizeMiB: number
  readonly serial: string
  /** More properties of the QEMU device: `wwn`, `vendor`, `product`, `addr`, `logical_block_size` … */
  readonly device?: Readonly<Record<string, unknown>>
}

const QUIT_WITHIN_MS = 60_000
const CONSOLE_CHARACTERS = 6_000

/** One running qemu. */
export class PlainMachine {
  readonly qmp: Qmp
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #lock: ChildProcess
  /** Resolves when qemu is gone, whoever ended it. */
  readonly ended: Promise<void>
  #disks = 0
  #said = ''
  readonly #end = () => {
    this.#child.kill('SIGKILL')
    this.#lock.kill('SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
  }

  constructor(spec: PlainMachineSpec, more: readonly string[], env: Readonly<Record<string, string>>) {
    this.#directory = temporaryDirectory()
    const environment = { ...process.env, PATH: programPath, ...env }
    // It ends with its input, and its input with this process; until then nobody takes the directory for a dead one's.
    this.#lock = spawn('flock', ['--no-fork', this.#directory, 'cat'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: environment,
    })
    this.#lock.once('error', (error) => (this.#said += error.message))
    // It dies with its parent, a killed one too.
    const command = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64']
    const child = spawn('setpriv', [...command, ...qemuArguments(spec, this.consoleLog), ...more], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment,
    })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text))
    process.once('exit', this.#end)
    this.ended = new Promise<void>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        this.#said += error.code === 'ENOENT' ? installationHint('setpriv') : error.message
        resolve()
      })
      child.once('close', () => resolve())
    })
    this.qmp = new Qmp(child.stdin, child.stdout, () => this.console())
    this.qmp.execute('qmp_capabilities').catch(() => {}) // without it every other command is refused, with words
  }

  get consoleLog(): string {
    return join(this.#directory, 'console.log')
  }

  /** What qemu complained of, and the end of what the machine printed. */
  console(): string {
    try {
      return this.#said + readFileSync(this.consoleLog, 'latin1').slice(-CONSOLE_CHARACTERS)
    } catch {
      return this.#said
    }
  }

  /** Where on the host's loopback a forwarded port of the guest is. */
  async portOf(guestPort: number): Promise<number> {
    const table = (await this.qmp.execute('human-monitor-command', { 'command-line': 'info usernet' })) as string
    const port = new RegExp(`HOST_FORWARD\\]\\s+\\S+\\s+\\S+\\s+(\\d+)\\s+\\S+\\s+${guestPort}\\s`).exec(table)?.[1]
    if (port === undefined) throw new Error(`port ${guestPort} is not forwarded:\n${table}`)
    return Number(port)
  }

  /** A path for the disk of this machine with that name; goes with the machine. */
  pathOf(name: string): string {
    return join(this.#directory, `${name}.qcow2`)
  }

  /** Plugs in a disk that is blank, or holds what `fill` wrote to the raw file that it is given. Answers the qcow2 file behind it. */
  async addDisk(
    { bus = 'virtio', sizeMiB, serial, device }: PluggedDisk,
    fill?: (raw: string) => Promise<void>,
  ): Promise<string> {
    const id = `disk${(this.#disks += 1)}`
    const path = this.pathOf(id)
    if (fill) {
      const raw = join(this.#directory, `${id}.raw`)
      await run('qemu-img', ['create', '-q', '-f', 'raw', raw, `${sizeMiB}M`])
      await fill(raw)
      await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, path])
      rmSync(raw)
    } else await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, `${sizeMiB}M`])
    const file = { driver: 'file', filename: path, discard: 'unmap' }
    await this.qmp.execute('blockdev-add', { driver: 'qcow2', 'node-name': id, discard: 'unmap', file })
    const driver = { virtio: 'virtio-blk-pci', scsi: 'scsi-hd', nvme: 'nvme' }[bus]
    const place = bus === 'scsi' ? { bus: 'scsi.0' } : {}
    await this.qmp.execute('device_add', { driver, id: `${id}-device`, drive: id, serial, ...place, ...device })
    return path
  }

  /** Cuts the power. What it wrote is in the files until close(). */
  async cut(): Promise<void> {
    // An orderly end of qemu, not of the guest: its block layer writes down what it holds.
    const asked = this.qmp.execute('quit').catch(() => undefined)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_WITHIN_MS)
    await Promise.all([asked, this.ended])
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
    this.#end()
    process.off('exit', this.#end)
  }
}

// The SCSI controller is there, without disks, so that the guest loads its driver at boot.
function qemuArguments({ memoryMiB, mac, forward }: PlainMachineSpec, consoleLog: string): string[] {
  const forwards = forward.map((port) => `,hostfwd=tcp:127.0.0.1:0-:${port}`).join('')
  const options = [
    ['-machine', 'pc,graphics=off'],
    ['-accel', 'tcg,thread=multi'],
    ['-m', String(memoryMiB)],
    ['-display', 'none'],
    ['-vga', 'none'],
    ['-qmp', 'stdio'],
    ['-serial', `file:${consoleLog}`],
    ['-action', 'reboot=shutdown'],
    ['-netdev', `user,id=net${forwards}`],
    ['-device', `virtio-net-pci,netdev=net,mac=${mac},romfile=,addr=3`],
    ['-device', 'virtio-scsi-pci,id=scsi,addr=4'],
  ]
  return ['-nodefaults', '-no-user-config', ...options.flat()]
}
