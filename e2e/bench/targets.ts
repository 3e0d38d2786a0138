// What a benchmark of the API is pointed at: our embedded server, a real Ironic beside it, or any endpoint. CPU is that of all processes of
// a server, from the operating system; of an endpoint elsewhere it is not known.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { NODE_FLAGS } from '../../cloud/hosts/node/flags.ts'
import { startIronic } from '../ironic/start.ts'

export interface Target {
  readonly name: string
  readonly url: string
  readonly token: string
  /** Processes whose descendants, too, are the server; none: CPU is not known. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** As it is shipped: one file of plain JavaScript. Stripping types at start would stay in memory as 120 MB of compiler. */
const SERVER = join(import.meta.dirname, '../../.cache/bench/cloud/server.mjs')

/** The embedded server in a process of its own. `dataDir`: with what is there; its token is then the caller's matter. */
export async function startEmbedded(dataDir?: string): Promise<Target> {
  await build({
    entryPoints: [join(import.meta.dirname, '../../cloud/hosts/node/bench-server.ts')],
    outfile: SERVER,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['libsql'],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  })
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'ferrule-bench-'))
  const server = spawn(process.execPath, [...NODE_FLAGS, SERVER, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((done) => server.on('exit', () => done()))
  const lines = createInterface({ input: server.stdout })
  const [first] = (await new Promise<string[]>((done) => lines.once('line', (line) => done([line])))) as [string]
  const { url, token = '' } = JSON.parse(first) as { url: string; token?: string }
  return {
    name: 'Ferrule, embedded',
    url,
    token,
    pids: [server.pid!],
    async stop() {
      server.stdin.end()
      await ended
      if (dataDir === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Debian's Ironic: SQLite, one API process, one conductor, no authentication. */
export async function startReference(): Promise<Target> {
  const ironic = await startIronic()
  return { name: 'Ironic 21.4, SQLite', token: '', ...ironic }
}

export interface Options {
  /** Nodes on each side. */
  readonly nodes: number
  readonly url?: string
  readonly token: string
}

/** `--nodes N`, and `--url URL` (with `--token TOKEN` or FERRULE_TOKEN) for an endpoint instead of our embedded server. Throws on others. */
export function optionsOf(args: readonly string[], nodes: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { nodes: { type: 'string' }, url: { type: 'string' }, token: { type: 'string' } },
  })
  const count = Number(values.nodes ?? nodes)
  if (!Number.isInteger(count) || count < 1) throw new Error('--nodes is a whole number')
  const token = values.token ?? process.env['FERRULE_TOKEN'] ?? ''
  return { nodes: count, token, ...(values.url === undefined ? {} : { url: values.url.replace(/\/+$/, '') }) }
}

export const elsewhere = (url: string, token: string): Target => ({ name: url, url, token, pids: [], stop: async () => undefined }) // prettier-ignore

/** `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const TICK_MS = 10

/** User and system time so far of the processes, their descendants, and those of them that have ended; ms. */
export function cpuMs({ pids }: Target): number {
  return descendants(pids).reduce((sum, pid) => sum + ticksOf(pid) * TICK_MS, 0)
}

export function residentMb({ pids }: Target): number {
  const of = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)
  return descendants(pids).reduce((sum, pid) => sum + of(pid), 0) / 1024
}

function descendants(pids: readonly number[]): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name): [number, number] => [Number(name), Number(statOf(Number(name))[1])])
  const found = [...pids]
  for (const pid of found) found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child))
  return found
}

/** utime, stime, cutime and cstime (proc(5)). */
const ticksOf = (pid: number) =>
  statOf(pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks), 0)

/** The fields of /proc/PID/stat from the state on. */
const statOf = (pid: number): string[] =>
  read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')

/** A process may end while it is looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
