// One SSH server on this machine, by Debian's dropbear, for a conductor that works here with programs of its own (deploy interface `ansible`). 1. Nobody logs in but
// with the one key that was named last. 2. The host key is new with each start, and told by this agent alone. 3. After stop(), and before another start, nothing
// of an earlier login runs any more, also what has outlived its connection.
import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentFault } from './fault.ts'
import { runTool } from './tool.ts'

export interface SshServerOptions {
  /** For its host key. */
  readonly folder: string
  /** Home of root, who logs in. */
  readonly home: string
  /** The address to listen at; default all. */
  readonly listen?: string
  readonly port: number
  /** What dropbear is run by; default nothing. */
  readonly enter?: readonly string[]
  /** For how long what logged in is ended again and again; default 10 s. */
  readonly endWithinMs?: number
}

export interface Listening {
  readonly port: number
  /** As known_hosts has it: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string
}

const START_TIMEOUT_MS = 10_000
const END_WITHIN_MS = 10_000
const POLL_MS = 50
const MAX_LOG_CHARACTERS = 2_000

export class SshServer {
  readonly #options: SshServerOptions
  constructor(options: SshServerOptions) {
    this.#options = options
  }

  /** `authorizedKey`: a line of authorized_keys. Resolves when the port is open. */
  async start(authorizedKey: string, signal: AbortSignal): Promise<Listening> {
    await this.stop()
    const { folder, home, listen, port, enter = [] } = this.#options
    if (await answers(listen ?? '127.0.0.1', port))
      throw new AgentFault('CommandExecutionError', 'the SSH server did not start', `another program has port ${port}`)
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 })
    const hostKeyFile = join(folder, 'host_key')
    const made = await runTool('dropbearkey', ['-t', 'ed25519', '-f', hostKeyFile])
    const hostKey = /^(ssh-ed25519 \S+)/m.exec(made.stdout)?.[1]
    if (made.code !== 0 || hostKey === undefined)
      throw new AgentFault('CommandExecutionError', 'dropbearkey made no host key', made.stderr.trim())
    await writeFile(join(home, '.ssh/authorized_keys'), `${authorizedKey}\n`, { mode: 0o600 })
    // -s: no passwords; -j -k: nothing is forwarded; -e: its environment, with the mark, is that of its logins.
    const flags = ['-F', '-E', '-e', '-s', '-j', '-k', '-m', '-P', join(folder, 'pid'), '-r', hostKeyFile]
    const where = listen === undefined ? `${port}` : `${listen}:${port}`
    const [program, ...args] = [...enter, 'dropbear', ...flags, '-p', where]
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: '/root', LANG: 'C', FERRULE_SSH: folder },
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-MAX_LOG_CHARACTERS)))
    child.on('error', (error) => (said = error.message))
    const end = Date.now() + START_TIMEOUT_MS
    while (!(await answers(listen ?? '127.0.0.1', port))) {
      if (child.exitCode !== null || child.pid === undefined || signal.aborted || Date.now() > end) {
        await this.stop()
        signal.throwIfAborted()
        throw new AgentFault('CommandExecutionError', 'the SSH server did not start', said.trim())
      }
      await sleep(POLL_MS)
    }
    return { port, hostKey }
  }

  /** Throws where something does not end, and may still write the disk. */
  async stop(): Promise<void> {
    // In the environment of all that comes from a login, to this agent or to one before it.
    const mark = `FERRULE_SSH=${this.#options.folder}`
    await rm(join(this.#options.home, '.ssh/authorized_keys'), { force: true })
    // What is killed may just have begun another process.
    const end = Date.now() + (this.#options.endWithinMs ?? END_WITHIN_MS)
    for (let left = await marked(mark); left.length > 0; left = await marked(mark)) {
      if (Date.now() > end)
        throw new AgentFault(
          'CommandExecutionError',
          `what logged in does not end: process ${left.slice(0, 10).join(', ')}`,
          'start the machine anew before its disk is used',
        )
      for (const pid of left) kill(pid)
      await sleep(POLL_MS)
    }
  }
}

/** Processes with that text in their environment; a zombie has none. */
async function marked(mark: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      return environment.split('\0').includes(mark) ? [pid] : []
    }),
  )
  return found.flat()
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
