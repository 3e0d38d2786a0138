// One disk at a time as an iSCSI target (RFC 7143), by Debian's tgtd. 1. A target is made whole before any initiator may log in: account first, then
// the disk, then the address that is let in. 2. A new export ends the one before it, with its sessions. 3. After stop() nobody can write.
// 4. An export whose tgtd is gone is no export any more.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentFault } from '../fault.ts'
import { runTool } from '../tool.ts'

export interface IscsiExport {
  readonly iqn: string
  readonly port: number
  /** The block device, or a file that stands for one. */
  readonly path: string
  /** What the initiator must know (RFC 7143 §12.1.3); undefined: anybody may log in. */
  readonly chap?: { readonly username: string; readonly secret: string } | undefined
  /** The one address that may log in; undefined: any. */
  readonly initiator?: string | undefined
  /** Called once, when the export has ended: by stop(), by a later export, or because its server is gone. */
  readonly onEnd?: (why: string) => void
}

export interface IscsiTargetOptions {
  /** For tgtd's control socket. */
  readonly folder: string
  /** The address to listen at; by default all of the initiator's family. */
  readonly listen?: string
  /** Instead of the port that is asked for: where several machines share a host. */
  readonly port?: number
}

const START_TIMEOUT_MS = 10_000
const POLL_MS = 50
const MAX_LOG_CHARACTERS = 2_000

export class IscsiTarget {
  readonly #options: IscsiTargetOptions
  #child: ChildProcess | undefined
  #lastIqn: string | undefined
  #current: IscsiExport | undefined

  constructor(options: IscsiTargetOptions) {
    this.#options = options
  }

  /** What is exported now. */
  get current(): IscsiExport | undefined {
    return this.#current
  }

  /** The name under which this machine's disk was exported last, whether or not it still is. */
  get lastIqn(): string | undefined {
    return this.#lastIqn
  }

  /** LUN 1 is there, for whom it is meant, when this resolves with its port. Faults: CommandExecutionError, CommandAborted. */
  async start(wanted: IscsiExport, signal: AbortSignal): Promise<number> {
    await this.stop()
    const { iqn, path, chap, initiator } = wanted
    const { folder, port = wanted.port } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const isIPv6 = initiator?.includes(':') ?? false
    const listen = this.#options.listen ?? (isIPv6 ? '::' : '0.0.0.0')
    const portal = `${listen.includes(':') ? `[${listen}]` : listen}:${port}`
    const child = spawn('tgtd', ['--foreground', '--iscsi', `portal=${portal}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: this.#environment,
    })
    this.#child = child
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-MAX_LOG_CHARACTERS)
    })
    let failure: string | undefined
    child.once('error', (error) => (failure = error.message))
    child.once('exit', (code, by) => {
      failure ??= `tgtd ended with ${code ?? by}: ${said.trim()}`
      if (this.#child === child) this.#end(failure)
    })
    try {
      const ready = ['--op', 'show', '--mode', 'target']
      for (let waitedMs = 0; (await this.#adm(ready)) !== undefined; waitedMs += POLL_MS) {
        if (signal.aborted) throw new AgentFault('CommandAborted', 'aborted while the disk was being exported')
        if (failure !== undefined)
          throw new AgentFault('CommandExecutionError', 'the iSCSI target did not start', failure)
        if (waitedMs > START_TIMEOUT_MS)
          throw new AgentFault('CommandExecutionError', 'the iSCSI target does not answer', said.trim())
        await sleep(POLL_MS)
      }
      const make = async (...args: string[]) => {
        const wrong = await this.#adm(args)
        // The arguments may hold the secret, so only what was to be done is told.
        const what = `${args[1]} ${args[3]}`
        if (wrong !== undefined) throw new AgentFault('CommandExecutionError', `tgtadm could not ${what}`, wrong)
      }
      await make('--op', 'new', '--mode', 'target', '--tid', '1', '--targetname', iqn)
      if (chap !== undefined) {
        await make('--op', 'new', '--mode', 'account', '--user', chap.username, '--password', chap.secret)
        await make('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', chap.username)
      }
      await make('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '--backing-store', path)
      await make('--op', 'bind', '--mode', 'target', '--tid', '1', '--initiator-address', initiator ?? 'ALL')
      this.#current = wanted
      this.#lastIqn = iqn
      return port
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Ends the target and every session; true when there was one. What initiators wrote is then in the kernel's hands, not yet on the disk. */
  async stop(): Promise<boolean> {
    const child = this.#child
    this.#end('the export was ended')
    if (child === undefined) return false
    // Asked politely, tgtd stays for as long as it has a target.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    return true
  }

  #end(why: string): void {
    const ended = this.#current
    this.#child = undefined
    this.#current = undefined
    ended?.onEnd?.(why)
  }

  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, TGT_IPC_SOCKET: join(this.#options.folder, 'tgtd') }
  }

  /** Undefined when it went well, else what tgtadm said. */
  async #adm(args: string[]): Promise<string | undefined> {
    const { code, stderr } = await runTool('tgtadm', ['--lld', 'iscsi', ...args], { env: this.#environment })
    return code === 0 ? undefined : stderr.trim() || `exit code ${code}`
  }
}
