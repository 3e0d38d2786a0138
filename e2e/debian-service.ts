// A server of OpenStack's out of Debian's packages, as one process group on loopback with everything that it writes in one folder, which goes at the end.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../sim/free-port.ts'

export interface DebianService {
  readonly url: string
  stop(): Promise<void>
}

/** A program and its arguments. */
type Command = readonly [string, ...string[]]

export interface DebianServiceSpec {
  /** In sentences and, in small letters, in the folder's name. */
  readonly name: string
  /** Writes what it needs into the folder. `database`: makes its tables, before; `server`: runs until it is ended. */
  prepare(
    folder: string,
    port: number,
  ): { readonly database: Command; readonly server: Command; readonly env: NodeJS.ProcessEnv }
  /** Does it do its work? Asked until it does. */
  isUp(url: string): Promise<boolean>
}

const START_TRIES = 600

/** Rejects with the end of its log where it does not come up. */
export async function startDebianService({ name, prepare, isUp }: DebianServiceSpec): Promise<DebianService> {
  const folder = mkdtempSync(join(tmpdir(), `ferrule-${name.toLowerCase()}-`))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const port = await freePort()
  const { database, server, env } = prepare(folder, port)
  const [maker, ...what] = database
  const made = spawnSync(maker, what, { encoding: 'utf8', env })
  if (made.status !== 0) {
    remove()
    throw new Error(`${name}'s tables: ${made.error ?? made.stderr.slice(-2000)}`)
  }
  const log = openSync(join(folder, 'log'), 'a')
  const [program, ...args] = server
  const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true, env })
  closeSync(log)
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      // Its workers are children of its own.
      process.kill(-child.pid!, 'SIGKILL')
      await ended
    }
    remove()
  }
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < START_TRIES && child.exitCode === null; i++) {
    if (await isUp(url)) return { url, stop }
    await sleep(100)
  }
  const said = readFileSync(join(folder, 'log'), 'utf8').slice(-3000)
  await stop()
  throw new Error(`${name} did not start: ${said}`)
}
