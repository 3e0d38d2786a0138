// Machines that go on from where another one was saved: booting takes ten seconds and more, going on takes one. What is saved is the machine with its
// memory (QEMU's migration to a file) and what its maker wants to know about it; the entry is in .cache/lab, under a hash of all that decided it.
// 1. A copy has no disk until it is given one: addDisk() plugs it in while the machine runs, so that one entry serves all tests. 2. Its clock goes on
// from the moment of saving, and all copies draw the same random numbers. 3. Nothing of a copy outlives the process that made it.
import { spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { countBoot } from './boot-count.ts'
import { cached, cacheDirectory, contentHash } from './cache.ts'
import { installationHint, programPath } from './debian-packages.ts'
import { Qmp } from './qmp.ts'
import { run } from './run.ts'

export interface SavedMachineSpec {
  readonly name: string
  readonly kernel: string
  readonly initrd: string
  /** Identifies kernel and initrd by what is in them. */
  readonly bootHash: string
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

const SAVE_WITHIN_MS = 120_000
const GO_ON_WITHIN_MS = 60_000
/** Agents' certificates are good for 90 days. */
const OLDEST_MS = 30 * 86_400_000
const UNUSED_MS = 2 * 86_400_000
const CONSOLE_CHARACTERS = 6_000
const [STATE, FACTS] = ['machine.state', 'facts.json']
/** Paths reach the shell that QEMU starts without being part of its command. */
const STATE_VARIABLE = 'FERRULE_SAVED_STATE'
const FIRST = 'first'
const FIRST_DISK = [
  ...['-blockdev', `driver=null-co,node-name=${FIRST},size=1048576,read-zeroes=on`],
  ...['-device', `virtio-blk-pci,drive=${FIRST},id=${FIRST}`],
]

/** One running qemu. */
export class SavedMachine {
  readonly qmp: Qmp
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #exited: Promise<void>
  #disks = 0
  #said = ''

  constructor(spec: SavedMachineSpec, more: readonly string[], env: Readonly<Record<string, string>>) {
    this.#directory = mkdtempSync(join(tmpdir(), 'ferrule-saved-'))
    // It dies with its parent, a killed one too.
    const command = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64']
    const child = spawn('setpriv', [...command, ...qemuArguments(spec, this.consoleLog), ...more], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PATH: programPath, ...env },
    })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text))
    const end = () => {
      child.kill('SIGKILL')
      rmSync(this.#directory, { recursive: true, force: true })
    }
    process.once('exit', end)
    this.#exited = new Promise<void>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        this.#said += error.code === 'ENOENT' ? installationHint('qemu-system-x86_64') : error.message
        resolve()
      })
      child.once('close', () => resolve())
    }).then(() => void process.off('exit', end))
    this.qmp = new Qmp(child.stdin, child.stdout, () => `${this.#said}\n${this.console()}`)
    this.qmp.execute('qmp_capabilities').catch(() => {}) // without it every other command is refused, with words
  }

  get consoleLog(): string {
    return join(this.#directory, 'console.log')
  }

  /** The end of what the machine printed. */
  console(): string {
    try {
      return readFileSync(this.consoleLog, 'latin1').slice(-CONSOLE_CHARACTERS)
    } catch {
      return ''
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
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GO_ON_WITHIN_MS)
    await Promise.all([asked, this.#exited])
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** What was saved, and how to go on from there. */
export interface Saved<Facts> {
  readonly directory: string
  readonly facts: Facts
  /** Another copy of the machine; resolves when it runs. */
  goOn(): Promise<SavedMachine>
}

/**
 * The saved machine, which is made when it is not there. `boot` starts it with kernel arguments of its own, waits until it is where it is to be saved,
 * and resolves with what users of the copies must know.
 */
export async function saveMachine<Facts>(
  spec: SavedMachineSpec,
  boot: (start: (kernelArguments: string) => SavedMachine) => Promise<Facts>,
  log: (line: string) => void = () => {},
  root = join(cacheDirectory, 'lab'),
): Promise<Saved<Facts>> {
  const qemu = await run('qemu-system-x86_64', ['--version'])
  const recipe = readFileSync(import.meta.filename)
  const name = `saved-${spec.name}-${contentHash([JSON.stringify({ ...spec, kernel: '', initrd: '' }), qemu, recipe])}`
  removeExpired(root, spec.name, name)
  const directory = await cached(name, (draft) => save(spec, boot, draft, log), root)
  const now = new Date()
  utimesSync(directory, now, now) // it was used
  const facts = JSON.parse(readFileSync(join(directory, FACTS), 'utf8')) as Facts
  return { directory, facts, goOn: () => goOn(spec, join(directory, STATE)) }
}

async function save<Facts>(
  spec: SavedMachineSpec,
  boot: (start: (kernelArguments: string) => SavedMachine) => Promise<Facts>,
  draft: string,
  log: (line: string) => void,
): Promise<void> {
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
  let machine: SavedMachine | undefined
  try {
    const facts = await boot((kernelArguments) => {
      const more = ['-kernel', spec.kernel, '-initrd', spec.initrd, '-append', kernelArguments, ...FIRST_DISK]
      countBoot(spec.name)
      return (machine = new SavedMachine(spec, more, { [STATE_VARIABLE]: join(draft, STATE) }))
    })
    if (machine === undefined) throw new Error(`nobody started ${spec.name}`)
    const { qmp } = machine
    const bootedAfter = seconds()
    await pull(qmp, FIRST)
    await qmp.execute('stop')
    // By default it saves at 128 MiB a second, to be kind to a network.
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 })
    await qmp.execute('migrate', { uri: `exec:cat > "$${STATE_VARIABLE}"` })
    await qmp.status('query-migrate', 'completed', ['failed', 'cancelled'], SAVE_WITHIN_MS)
    writeFileSync(join(draft, FACTS), JSON.stringify(facts))
    const megabytes = (statSync(join(draft, STATE)).size / 1e6).toFixed(0)
    log(`${spec.name}: booted in ${bootedAfter} s, saved after ${seconds()} s, ${megabytes} MB`)
  } finally {
    await machine?.[Symbol.asyncDispose]()
  }
}

/** Asks the guest to let go of a device and waits until it has. */
async function pull(qmp: Qmp, id: string): Promise<void> {
  const end = Date.now() + GO_ON_WITHIN_MS
  await qmp.execute('device_del', { id })
  for (;;) {
    const devices = (await qmp.execute('qom-list', { path: '/machine/peripheral' })) as { name: string }[]
    if (!devices.some(({ name }) => name === id)) return
    if (Date.now() > end) throw new Error(`the guest did not let go of ${id}`)
    await sleep(50)
  }
}

async function goOn(spec: SavedMachineSpec, state: string): Promise<SavedMachine> {
  const boot = ['-kernel', spec.kernel, '-initrd', spec.initrd]
  const more = [...boot, '-incoming', `exec:cat "$${STATE_VARIABLE}"`]
  const machine = new SavedMachine(spec, more, { [STATE_VARIABLE]: state })
  try {
    await machine.qmp.status('query-status', 'paused', ['internal-error', 'guest-panicked'], GO_ON_WITHIN_MS)
    await machine.qmp.execute('cont')
    return machine
  } catch (error) {
    await machine[Symbol.asyncDispose]()
    throw error
  }
}

/** Entries of other builds that nobody used for days, and the wanted one when it has grown old. Whoever reads one goes on reading. */
export function removeExpired(root: string, machine: string, wanted: string): void {
  if (!existsSync(root)) return
  for (const name of readdirSync(root)) {
    if (!name.startsWith(`saved-${machine}-`)) continue
    const used = statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    const made = statSync(join(root, name, STATE), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - made > OLDEST_MS || (name !== wanted && Date.now() - used > UNUSED_MS))
      rmSync(join(root, name), { recursive: true, force: true })
  }
}

// The agent's ramdisk loads drivers for what is there at boot: an empty SCSI controller, and a virtio disk that is pulled before saving. (NVMe is built in.)
function qemuArguments({ memoryMiB, mac, forward }: SavedMachineSpec, consoleLog: string): string[] {
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
