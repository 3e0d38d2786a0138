// The programs of this folder, compiled with Debian's Go and Debian's sources of gophercloud (nothing is fetched), and one of them running: JSON lines
// in and out. What gophercloud makes of a refusal is an exception.
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'

const sources = import.meta.dirname
/** Where Debian's golang-…-dev packages are. */
const GOPATH = '/usr/share/gocode'
/** Packages of gophercloud that are about bare metal. */
export const BARE_METAL = 'github.com/gophercloud/gophercloud/openstack/baremetal'

export interface Connection {
  readonly endpoint: string
  readonly microversion?: string
  /** For a server that wants them, in HTTP Basic. */
  readonly user?: string
  readonly password?: string
}

/** What gophercloud's error says: its class, and the fault in the answer. */
export class GopherError extends Error {
  readonly class: string
  readonly status: number
  readonly fault: string
  constructor(call: string, said: { class: string; status: number; fault: string; message: string }) {
    super(`${call}: ${said.class}: ${said.fault || said.message}`)
    this.class = said.class
    this.status = said.status
    this.fault = said.fault
  }
}

/** A resource as gophercloud reads it: what it does not find is an empty text, false, or null. */
export interface Resource {
  readonly uuid: string
  readonly name: string
  readonly [field: string]: unknown
}

/** A list as its pagers read it. */
export interface Paged {
  readonly pages: readonly (readonly Resource[])[]
  readonly all: readonly Resource[]
}

/** Of each resource one of its fields. */
export const each = (field: string) => (list: readonly Resource[]) => list.map((resource) => resource[field])

export interface Gopher {
  /** One after the other. Rejects with a GopherError. */
  call<T = Resource>(name: string, args?: unknown): Promise<T>
  /** Ends the program; its coverage, where it was compiled with it, is complete then. */
  stop(): Promise<void>
}

/** Standard output of Go's tool. Its cache is in the repository's. */
export async function go(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    HOME: tmpdir(),
    GO111MODULE: 'off',
    GOPATH,
    GOFLAGS: '',
    GOCACHE: join(sources, '../../.cache/go'),
  }
  const { stdout } = await promisify(execFile)('go', args, { cwd: sources, env, maxBuffer: 16 << 20 })
  return stdout
}

export interface Compiled {
  readonly program: string
  /** For what it leaves behind. */
  readonly folder: string
  remove(): Promise<void>
}

/** `coverage`: as a test binary that notes what ran of gophercloud. Rejects with what the compiler says. */
export async function compile(coverage = false): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-gophercloud-'))
  const program = join(folder, 'client')
  const how = coverage ? ['test', '-c', `-coverpkg=${BARE_METAL}/...`] : ['build']
  await go(...how, '-o', program, '.')
  return { program, folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

export async function startGopher(
  { program }: Compiled,
  to: Connection,
  args: readonly string[] = [],
): Promise<Gopher> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const answers = answersOf(child)
  let queue: Promise<unknown> = Promise.resolve()
  const call = <T>(name: string, asked?: unknown): Promise<T> => {
    const answer = queue.then(async () => {
      child.stdin.write(`${JSON.stringify({ call: name, args: asked })}\n`)
      const { result, error } = await answers.next()
      if (error) throw new GopherError(name, error)
      return result as T
    })
    queue = answer.catch(() => {})
    return answer
  }
  const ended = once(child, 'close')
  const stop = async () => {
    child.stdin.end()
    await ended
  }
  await call('connect', to).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { call, stop }
}

interface Line {
  readonly result?: unknown
  readonly error?: ConstructorParameters<typeof GopherError>[1]
}

/** Whoever waits when the program ends gets what it said last. */
function answersOf(child: ChildProcessByStdio<Writable, Readable, Readable>): { next(): Promise<Line> } {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  child.stdin.on('error', () => {})
  return {
    async next() {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the Go program ended: ${complaint}`)
      return JSON.parse(value) as Line
    },
  }
}
