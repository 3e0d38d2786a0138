// A conductor on a rack as a site admin runs it: a process of its own, by its command line. A story may kill it and start it again.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { endProcess } from '../lab/end-process.ts'
import type { Host } from '../lab/host.ts'

const MAIN = join(import.meta.dirname, '../site-conductor/main.ts')

export interface RackConductorOptions {
  readonly dataDir: string
  readonly logFile: string
  /** Its options of `run` besides --data-dir. */
  readonly flags: Readonly<Record<string, string>>
  /** Default: the rack's first host. */
  readonly host?: Host | undefined
  readonly env?: Readonly<Record<string, string>>
}

export class RackConductor {
  readonly #options: RackConductorOptions
  readonly #log: WriteStream
  #process: ChildProcess | undefined

  constructor(options: RackConductorOptions) {
    this.#options = options
    this.#log = createWriteStream(options.logFile, { flags: 'a' })
  }

  /** `token`: fresh, it is spent. */
  async enrol(url: string, token: string): Promise<void> {
    const { dataDir } = this.#options
    await this.command(['enroll', '--url', url, '--token-file', '-', '--data', dataDir], `${token}\n`)
  }

  /** Takes the site key from a conductor that has it, as two admins would. */
  async admitBy(other: RackConductor): Promise<void> {
    const { dataDir } = this.#options
    const { out: request, error } = await this.command(['request-key', '--data-dir', dataDir])
    const fingerprint = /: (.+)$/m.exec(error)?.[1] ?? ''
    const { out: bundle } = await other.command(['admit', fingerprint, '--data-dir', other.#options.dataDir], request)
    await this.command(['receive', '--data-dir', dataDir], bundle)
  }

  /** Runs one command to its end. */
  async command(args: readonly string[], input = ''): Promise<{ out: string; error: string }> {
    const child = this.#spawn(args, ['pipe', 'pipe', 'pipe'])
    child.stdin!.end(input)
    const [out, error, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
    if (code !== 0) throw new Error(`ferrule-conductor ${args[0]} ended with ${String(code)}: ${error}${out}`)
    return { out, error }
  }

  /** Resolves when the process is there, not when it is connected. `changed`: options that are not as they were given at first. */
  async start(changed: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#log.pending) await once(this.#log, 'open')
    const flags = { 'data-dir': this.#options.dataDir, ...this.#options.flags, ...changed }
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
    this.#process = this.#spawn(['run', ...args], ['ignore', this.#log, this.#log])
  }

  /** Null while it runs. */
  get exitCode(): number | null {
    return this.#process?.exitCode ?? null
  }

  /** Resolves when it has ended; at once when it is not running. One that a SIGTERM does not end is killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child !== undefined) await endProcess(child, signal)
  }

  #spawn(args: readonly string[], stdio: ('ignore' | 'pipe' | WriteStream)[]): ChildProcess {
    const [file = '', ...rest] = [...(this.#options.host?.enter ?? []), process.execPath, MAIN, ...args]
    return spawn(file, rest, { stdio, env: { ...process.env, ...this.#options.env } })
  }
}
