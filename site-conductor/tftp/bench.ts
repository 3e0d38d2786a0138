// TFTP rates: our server beside Debian's three, each a process of its own, all fetched from by one client in one run over
// loopback; and what a window gains when an answer takes a millisecond (delay by our own proxy, a process too).
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { TftpServer } from './server.ts'
import { download } from './peer/client.ts'
import { spoilingProxy } from './peer/proxy.ts'
import type { ChildProcess } from 'node:child_process'

const ADDRESS = '127.0.0.1'
const FILE_BYTES = 32 << 20
/** What OVMF asks for; it fills an Ethernet frame. */
const BLOCK_BYTES = 1468
const ROUNDS = 3
const WINDOWS = [1, 4, 16, 64]

interface Peer {
  name: string
  port: number
  /** The command line, or null when the program is not installed. */
  command: [string, string[]] | null
  install: string
}

/** Rates in MB/s (10^6 bytes), best of the rounds. */
interface Row {
  name: string
  rates: (number | undefined)[]
  accepted: string
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-bench-tftp-'))
  const children: ChildProcess[] = []
  try {
    writeFileSync(join(folder, 'image'), Buffer.alloc(FILE_BYTES, 'ferrule'))
    const ours = await ownServer(join(folder, 'image'), children)
    const peers: Peer[] = [{ name: 'Ferrule', port: ours, command: null, install: '' }, ...others(folder)]
    const rows: Row[] = []
    for (const peer of peers) {
      if (peer.port === ours) continue
      if (peer.command !== null) children.push(spawn(...peer.command, { stdio: 'ignore' }))
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
    for (const peer of peers) rows.push({ name: peer.name, rates: [], accepted: peer.install })
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, peer] of peers.entries()) {
        const row = rows[at]
        if (row === undefined || (peer.port !== ours && peer.command === null)) continue
        for (const [column, windowBlocks] of WINDOWS.entries()) await measure(peer.port, windowBlocks, row, column)
      }
    }
    const latency = await withLatency(ours, children)
    return result(rows, latency)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(port: number, windowBlocks: number, row: Row, column: number): Promise<void> {
  const wants = { blksize: String(BLOCK_BYTES), ...(windowBlocks > 1 && { windowsize: String(windowBlocks) }) }
  const fetched = await download({ address: ADDRESS, port }, 'image', wants, { mostTimeouts: 5 })
  if (fetched.error !== undefined || fetched.content.length !== FILE_BYTES) {
    row.accepted = `failed: ${fetched.error ?? 'wrong size'}`
    return
  }
  if (windowBlocks > 1) row.accepted = fetched.acknowledged.has('windowsize') ? 'yes' : 'no'
  row.rates[column] = Math.max(row.rates[column] ?? 0, FILE_BYTES / 1000 / fetched.durationMs)
}

interface Latency {
  roundTripMs: number
  windowOne: number
  windows: { windowBlocks: number; rate: number }[]
}

/** Half a millisecond each way. Less is fetched with window 1, which would take half a minute. */
async function withLatency(port: number, children: ChildProcess[]): Promise<Latency> {
  const proxy = await child(children, 'proxy', String(port), '0.5')
  const rate = async (file: string, bytes: number, windowBlocks: number): Promise<number> => {
    const wants = { blksize: String(BLOCK_BYTES), windowsize: String(windowBlocks) }
    const fetched = await download({ address: ADDRESS, port: proxy }, file, wants)
    if (fetched.error !== undefined) throw new Error(`through the proxy: ${fetched.error}`)
    return bytes / 1000 / fetched.durationMs
  }
  const small = 2 << 20
  const windowOne = await rate('small', small, 1)
  const windows = []
  for (const windowBlocks of [16, 64, 128]) {
    windows.push({ windowBlocks, rate: await rate('image', FILE_BYTES, windowBlocks) })
  }
  return { roundTripMs: BLOCK_BYTES / 1000 / windowOne, windowOne, windows }
}

function result(rows: Row[], latency: Latency) {
  const at16 = WINDOWS.indexOf(16)
  const figure = rows[0]?.rates[at16] ?? 0
  // The best that another server does with any window: the one to be measured against.
  const best = rows
    .slice(1)
    .map(({ name, rates }) => ({ name, rate: Math.max(0, ...rates.slice(0, at16 + 1).map((rate) => rate ?? 0)) }))
    .reduce((a, b) => (b.rate > a.rate ? b : a), { name: 'none installed', rate: 0 })
  const gain = Math.max(...latency.windows.map(({ rate }) => rate)) / latency.windowOne
  const lines = [
    `TFTP, ${FILE_BYTES >> 20} MiB over loopback, blksize ${BLOCK_BYTES}, MB/s, best of ${ROUNDS} (our server reads from memory, as it does loaders)`,
    `${'server'.padEnd(16)}${WINDOWS.map((blocks) => `window ${blocks}`.padStart(11)).join('')}  windowsize`,
    ...rows.map(({ name, rates, accepted }) => {
      const cells = WINDOWS.map((_, column) => (rates[column]?.toFixed(1) ?? '-').padStart(11)).join('')
      return `${name.padEnd(16)}${cells}  ${accepted}`
    }),
    `with 0.5 ms of delay each way (window 1: ${latency.windowOne.toFixed(2)} MB/s, so ${latency.roundTripMs.toFixed(2)} ms a block, proxy and both ends included):`,
    ...latency.windows.map(
      ({ windowBlocks, rate }) =>
        `  window ${windowBlocks}: ${rate.toFixed(1)} MB/s, ${(rate / latency.windowOne).toFixed(1)} x window 1`,
    ),
    `  best gain ${gain.toFixed(1)} x, goal 40 x: ${gain >= 40 ? 'reached' : 'MISSED'}`,
  ]
  return {
    name: 'tftp',
    figure,
    unit: 'MB/s at window 16',
    anchor: best.rate,
    anchorName: best.name,
    ratio: best.rate > 0 ? figure / best.rate : null,
    goal: '>= 100 MB/s, >= each other server, >= 40 x window 1 at 1 ms',
    // All three must hold; no rate makes up for a window that gains nothing.
    floor: gain >= 40 ? Math.max(100, best.rate) : Number.POSITIVE_INFINITY,
    text: lines.join('\n'),
  }
}

function others(folder: string): Peer[] {
  const command = (program: string, args: string[]): Peer['command'] => {
    const found = [program, `/usr/sbin/${program}`].find((path) => spawnSync('which', [path]).status === 0)
    return found === undefined ? null : [found, args]
  }
  const atftpd = ['--daemon', '--no-fork', '--port', '16970', '--bind-address', ADDRESS, '--user', 'root.root', folder]
  const hpa = ['--listen', '--foreground', '--address', `${ADDRESS}:16971`, '--secure', '--user', 'root', folder]
  const user = ['--user=root', '--conf-file=/dev/null', '--pid-file=']
  // dnsmasq knows no port but 69.
  const dnsmasq = ['--keep-in-foreground', '--port=0', '--enable-tftp', `--tftp-root=${folder}`, ...user]
  const where = [`--listen-address=${ADDRESS}`, '--bind-interfaces']
  return [
    { name: 'atftpd', port: 16970, command: command('atftpd', atftpd), install: 'apt-get install atftpd' },
    { name: 'tftpd-hpa', port: 16971, command: command('in.tftpd', hpa), install: 'apt-get install tftpd-hpa' },
    {
      name: 'dnsmasq',
      port: 69,
      command: command('dnsmasq', [...dnsmasq, ...where]),
      install: 'apt-get install dnsmasq',
    },
  ]
}

function ownServer(file: string, children: ChildProcess[]): Promise<number> {
  return child(children, 'serve', file)
}

/** Starts this file as another process, which prints its port. */
async function child(children: ChildProcess[], ...args: string[]): Promise<number> {
  const process_ = spawn(process.execPath, [import.meta.filename, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(process_)
  const [line] = (await once(createInterface({ input: process_.stdout }), 'line')) as [string]
  return Number(line)
}

async function serve(path: string): Promise<void> {
  const { readFileSync } = await import('node:fs')
  const bytes = readFileSync(path)
  const server = new TftpServer({
    address: ADDRESS,
    port: 0,
    open: (name) => {
      const content = name === 'small' ? bytes.subarray(0, 2 << 20) : bytes
      return { sizeBytes: content.length, read: (offset, length) => content.subarray(offset, offset + length) }
    },
  })
  await server.start()
  console.log(server.port)
}

async function proxy(port: number, delayMs: number): Promise<void> {
  const { port: own } = await spoilingProxy({ address: ADDRESS, port }, { delayMs })
  console.log(own)
}

if (import.meta.main) {
  const [mode = 'run', first = '', second = ''] = process.argv.slice(2)
  if (mode === 'serve') await serve(first)
  else if (mode === 'proxy') await proxy(Number(first), Number(second))
  else console.log((await run()).text)
}
