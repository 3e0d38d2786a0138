// Runs an entry module in user, network, mount and pid namespaces of its own, as root or as anybody.
// 1. Nothing outlives the outermost process, not even its SIGKILL: each link of the chain dies with its parent, and the
//    last one takes the pid namespace with it. 2. The temp directory is locked by those who live in it; a directory whose
//    lock is free belongs to a killed run and is removed by the next one.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { programPath } from './debian-packages.ts'

const PREFIX = 'ferrule-rack-'
const DIRECTORY_VARIABLE = 'FERRULE_RACK_DIRECTORY'
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type StopSignal = (typeof STOP_SIGNALS)[number]
const KILL_AFTER_MS = 10_000
// A directory is made a moment before it is locked.
const UNLOCKED_YOUTH_MS = 10_000

export interface InRackOptions {
  /** Called once, after the temp directory is gone. `code` is null when a signal ended it. */
  readonly onExit?: (code: number | null) => void
  /** What the entry sends with `process.send`. */
  readonly onMessage?: (message: unknown) => void
  /** Default `inherit`. With `pipe`, read `stdout` and `stderr` of the answer. */
  readonly stdio?: 'inherit' | 'pipe'
  readonly env?: Readonly<Record<string, string>>
}

export interface InRack {
  readonly pid: number
  /** Everything the run writes is in here. */
  readonly directory: string
  readonly stdout: NodeJS.ReadableStream | null
  readonly stderr: NodeJS.ReadableStream | null
  readonly exited: Promise<number | null>
  /** Lets the entry end itself; ten seconds later, or with SIGKILL at once, it is ended. */
  stop(signal?: StopSignal | 'SIGKILL'): void
}

/** Starts `entry` (a module; top-level await is its main) with `args` as its process.argv.slice(2). */
export function inRack(entry: URL | string, args: readonly string[], options: InRackOptions = {}): InRack {
  removeStaleDirectories()
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'tmp'))
  const module = entry instanceof URL ? fileURLToPath(entry) : entry
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url)]
  const namespaces = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--mount-proc']
  // Without forking, flock leaves the lock to the process it becomes and to all that inherit the descriptor.
  const locked = ['--no-fork', directory, 'setpriv', '--pdeathsig', 'KILL', '--']
  const chain = [...locked, 'unshare', ...namespaces, '--fork', '--kill-child', ...node, module, ...args]
  const home = { [DIRECTORY_VARIABLE]: directory, TMPDIR: join(directory, 'tmp') }
  const stdio = options.stdio ?? 'inherit'
  const child = spawn('flock', chain, {
    stdio: ['ignore', stdio, stdio, 'ipc'],
    detached: true, // a terminal's Ctrl-C reaches the outermost process only, which passes it on once
    env: { ...process.env, PATH: programPath, ...options.env, ...home },
  })
  if (options.onMessage) child.on('message', options.onMessage)

  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = (signal: StopSignal | 'SIGKILL' = 'SIGTERM') => {
    if (signal === 'SIGKILL') return void child.kill('SIGKILL')
    if (child.connected) child.send({ stop: signal })
    timer ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  }
  for (const signal of STOP_SIGNALS) process.on(signal, stop)
  // Whoever ends this process without waiting leaves nothing either: keys of a conductor may lie in that directory.
  const atOnce = () => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  process.once('exit', atOnce)
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  }).finally(() => {
    clearTimeout(timer)
    for (const signal of STOP_SIGNALS) process.off(signal, stop)
    process.off('exit', atOnce)
    rmSync(directory, { recursive: true, force: true })
  })
  exited.then(options.onExit, () => options.onExit?.(null))
  return { pid: child.pid ?? 0, directory, stdout: child.stdout, stderr: child.stderr, exited, stop }
}

/** A directory that somebody must lock within ten seconds; see removeStaleDirectories. */
export const temporaryDirectory = () => mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))

/** Inside: the run's temp directory. Throws outside. */
export function rackDirectory(): string {
  const directory = process.env[DIRECTORY_VARIABLE]
  if (!directory) throw new Error('a rack is built inside inRack() only')
  return directory
}

export const insideRack = () => process.env[DIRECTORY_VARIABLE] !== undefined

/** Removes what killed runs left in the temp directory; returns what was removed. */
export function removeStaleDirectories(root = tmpdir()): string[] {
  const found = readdirSync(root).filter((name) => name.startsWith(PREFIX))
  const stale = found.map((name) => join(root, name)).filter(isStale)
  for (const directory of stale) rmSync(directory, { recursive: true, force: true })
  return stale
}

function isStale(directory: string): boolean {
  const pid = directory.slice(directory.lastIndexOf(PREFIX) + PREFIX.length).split('-')[0] ?? ''
  const made = statSync(directory, { throwIfNoEntry: false })?.ctimeMs ?? Date.now()
  if (existsSync(`/proc/${pid}`) && Date.now() - made < UNLOCKED_YOUTH_MS) return false
  return spawnSync('flock', ['--nonblock', '--no-fork', directory, 'true']).status === 0
}

// Inside: pid 1 of the namespaces. Signals have no default action here, so ending is spelled out.
async function inside(): Promise<void> {
  const [, , module = '', ...args] = process.argv
  process.argv.splice(1, 2 + args.length, module, ...args)
  const end = (signal: StopSignal) => {
    const handledByEntry = process.listenerCount(signal) > 1
    if (!handledByEntry) process.exit(128 + constants.signals[signal])
  }
  for (const signal of STOP_SIGNALS) process.on(signal, end)
  process.on('message', (message: { stop?: StopSignal }) => {
    if (message.stop) process.emit(message.stop, message.stop)
  })
  process.once('disconnect', () => process.exit(1)) // the outermost process is gone
  process.channel?.unref()
  await import(pathToFileURL(module).href)
}

// No top-level await: the entry imports this module too and would wait for it for ever.
if (import.meta.main) {
  inside().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
}
