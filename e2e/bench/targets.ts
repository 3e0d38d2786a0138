// What a benchmark of the API is pointed at: our embedded server, a real Ironic beside it, or any endpoint. CPU is that of all processes of
// a server, from the operating system; of an endpoint elsewhere it is not known.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { NODE_FLAGS } from '../../cloud/hosts/node/flags.ts'
import { startMariadb } from '../ironic/mariadb.ts'
import { startIronic, type IronicOptions } from '../ironic/start.ts'

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

/** What the real Ironic of a run stands on. The goals are about the first. */
const SETUPS = {
  mariadb: { about: '8 API processes, MariaDB', apiProcesses: 8 },
  sqlite: { about: '1 API process, SQLite', apiProcesses: 1 },
} as const
export type Setup = keyof typeof SETUPS

/** Debian's Ironic, without authentication: API, one conductor, database. */
export async function startReference(setup: Setup, options: Pick<IronicOptions, 'powerSweepS'> = {}): Promise<Target> {
  const { about, apiProcesses } = SETUPS[setup]
  await using things = new AsyncDisposableStack()
  const mariadb = setup === 'mariadb' ? await startMariadb('ironic') : undefined
  if (mariadb) things.defer(() => mariadb.stop())
  const ironic = await startIronic({ ...options, apiProcesses, ...(mariadb && { connection: mariadb.connection }) })
  things.defer(() => ironic.stop())
  const pids = [...ironic.pids, ...(mariadb ? [mariadb.pid] : [])]
  const stopped = things.move()
  return { name: `Ironic 21.4, ${about}`, url: ironic.url, token: '', pids, stop: () => stopped.disposeAsync() }
}

/** The processes that a reference is, and the versions of Debian's packages: what its figures are about. */
export function describe({ name, pids }: Target): string {
  const counts = new Map<string, number>()
  for (const pid of descendants(pids)) counts.set(programOf(pid), (counts.get(programOf(pid)) ?? 0) + 1)
  const processes = [...counts].map(([program, count]) => `${count} ${program}`).join(', ')
  const packages = ['ironic-api', 'python3', 'python3-eventlet', 'python3-sqlalchemy']
  if (counts.has('mariadbd')) packages.push('mariadb-server-core', 'python3-pymysql')
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${Package} ${Version}\n', ...packages], { encoding: 'utf8' })
  return `${name}, without authentication, conductor by JSON-RPC\n    processes: ${processes}\n    packages: ${stdout.trim().replaceAll('\n', ', ')}`
}

/** What a process runs; of an interpreter, its script. */
const programOf = (pid: number): string =>
  basename(read(`/proc/${pid}/cmdline`).split('\0').find((word) => !basename(word).startsWith('python')) ?? '') // prettier-ignore

export interface Options {
  /** Nodes on each side. */
  readonly nodes: number
  readonly url?: string
  readonly token: string
  readonly ironic: Setup
}

/**
 * `--nodes N`; `--url URL` (with `--token TOKEN` or FERRULE_TOKEN) for an endpoint instead of our embedded server; `--ironic sqlite` for a
 * small Ironic. Throws on others.
 */
export function optionsOf(args: readonly string[], nodes: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { nodes: { type: 'string' }, url: { type: 'string' }, token: { type: 'string' }, ironic: { type: 'string', default: 'mariadb' } }, // prettier-ignore
  })
  const count = Number(values.nodes ?? nodes)
  if (!Number.isInteger(count) || count < 1) throw new Error('--nodes is a whole number')
  const { ironic } = values
  if (ironic !== 'mariadb' && ironic !== 'sqlite') throw new Error('--ironic is mariadb or sqlite')
  const token = values.token ?? process.env['FERRULE_TOKEN'] ?? ''
  return { nodes: count, token, ironic, ...(values.url === undefined ? {} : { url: values.url.replace(/\/+$/, '') }) }
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
