// The real cloud inside workerd, as `wrangler dev` runs it, on an sqld of its own. Both end with this process.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createInterface } from 'node:readline'
import { readMigrations } from '../cloud/hosts/node/migrations.ts'
import { prepare } from '../cloud/store/first-start.ts'
import { HttpStore } from '../cloud/store/http.ts'
import { systemEnv } from '../shared/env.ts'
import type { SimCloud, SimCloudOptions } from './cloud.ts'
import { freePort } from './free-port.ts'

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules/.bin')
const UP_WITHIN_MS = 60_000

/** Resolves when the Worker answers. */
export async function startWorkerdCloud({
  dataDir,
  onLog,
  port: wanted = 0,
}: Omit<SimCloudOptions, 'as'> & { readonly port?: number }): Promise<SimCloud> {
  const temp = join(dataDir, 'tmp')
  mkdirSync(temp, { recursive: true })
  const [databasePort, port] = [await freePort(), wanted || (await freePort())]
  const database = `http://127.0.0.1:${databasePort}`
  const sqld = start(
    'sqld',
    ['--no-welcome', '-d', join(dataDir, 'sqld'), '--http-listen-addr', `127.0.0.1:${databasePort}`],
    temp,
    onLog,
  )
  const url = `http://127.0.0.1:${port}`
  let worker: Running | undefined
  try {
    await answers(sqld, `${database}/health`)
    const place = { url: database, token: undefined }
    const token = await prepare(new HttpStore(place, place), systemEnv, (set) => readMigrations(set))
    const startWorker = async () => {
      const options = {
        port: String(port),
        ip: '127.0.0.1',
        'inspector-port': String(await freePort()),
        'persist-to': join(dataDir, 'workerd'),
        'log-level': 'warn',
      }
      const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
      const variables = ['DIRECTORY_URL', 'ORGANISATION_URL'].flatMap((name) => ['--var', `${name}:${database}`])
      worker = start(
        'wrangler',
        ['dev', '--local', '--show-interactive-dev-session=false', ...flags, ...variables],
        temp,
        onLog,
      )
      await answers(worker, `${url}/v1`)
    }
    await startWorker()
    const end = async () => {
      await worker?.end()
      worker = undefined
    }
    return {
      url,
      token: token ?? '',
      start: startWorker,
      kill: end,
      async close() {
        await end()
        await sqld.end()
      },
    }
  } catch (error) {
    await worker?.end()
    await sqld.end()
    throw error
  }
}

interface Running {
  readonly name: string
  readonly process: ChildProcess
  /** SIGKILL to it and to what it started. */
  end(): Promise<void>
}

/** `temp`: where it may put what it does not clean up. */
function start(name: string, args: readonly string[], temp: string, onLog: (line: string) => void): Running {
  // A group of its own: wrangler's workerd must go with it.
  const child = spawn(join(BIN, name), args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, TMPDIR: temp, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
  })
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // The group has ended already.
    }
  }
  process.once('exit', kill)
  const exited = once(child, 'exit').then(() => void process.off('exit', kill))
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', (line) => onLog(`${name}: ${line}`))
  return {
    name,
    process: child,
    async end() {
      kill()
      await exited
    },
  }
}

async function answers(running: Running, url: string): Promise<void> {
  const until = performance.now() + UP_WITHIN_MS
  while (performance.now() < until) {
    if (running.process.exitCode !== null)
      throw new Error(`${running.name} ended with ${running.process.exitCode} when it was started`)
    const up = await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
      (response) => response.ok,
      () => false,
    )
    if (up) return
    await sleep(50)
  }
  throw new Error(`${running.name} does not answer at ${url}`)
}
