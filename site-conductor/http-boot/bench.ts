// Image serving by 1, 4 and 16 clients at once: our server beside nginx with sendfile, each a process of its own, the same
// file, the same clients (processes of curl that throw the bytes away), in one run. CPU time is the operating system's.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { HttpBootServer } from './server.ts'
import type { ChildProcess } from 'node:child_process'

const ADDRESS = '127.0.0.1'
const NGINX_PORT = 18089
const FILE_BYTES = 512 << 20
const CLIENTS = [1, 4, 16]
const ROUNDS = 3

interface Contender {
  name: string
  url: string
  /** Whose CPU time and memory count. */
  pids: () => number[]
}

interface Row {
  name: string
  /** MB/s (10^6 bytes) over all clients, best of the rounds. */
  rates: number[]
  /** CPU seconds of the server per GB, over everything it served. */
  cpuPerGigabyte: number
  /** Resident memory after each column, MB. */
  residentMb: number[]
}

export async function run() {
  if (spawnSync('which', ['curl']).status !== 0) throw new Error('curl is missing: apt-get install curl')
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-bench-http-'))
  const children: ChildProcess[] = []
  try {
    const image = join(folder, 'image')
    execFileSync('dd', ['if=/dev/urandom', `of=${image}`, 'bs=1M', `count=${FILE_BYTES >> 20}`], { stdio: 'ignore' })
    const contenders = [await ours(image, children), await nginx(folder, children)].filter((each) => each !== null)
    const rows: Row[] = contenders.map(({ name }) => ({ name, rates: [], cpuPerGigabyte: 0, residentMb: [] }))
    const cpuBefore = contenders.map(({ pids }) => cpuSeconds(pids()))
    for (const [column, clients] of CLIENTS.entries()) {
      for (let round = 0; round < ROUNDS; round++) {
        for (const [at, { url }] of contenders.entries()) {
          const row = rows[at]
          if (row) row.rates[column] = Math.max(row.rates[column] ?? 0, await fetchBy(clients, url))
        }
      }
      for (const [at, { pids }] of contenders.entries()) rows[at]?.residentMb.push(residentMb(pids()))
    }
    const gigabytes = (FILE_BYTES * ROUNDS * CLIENTS.reduce((sum, clients) => sum + clientsShare(clients), 0)) / 1e9
    for (const [at, { pids }] of contenders.entries()) {
      const row = rows[at]
      if (row) row.cpuPerGigabyte = (cpuSeconds(pids()) - (cpuBefore[at] ?? 0)) / gigabytes
    }
    return result(rows)
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map((child) => (child.exitCode === null ? once(child, 'exit') : null)))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each of many clients fetches less, so that a column takes about the same time: 4 fetch half the file, 16 an eighth. */
function bytesEach(clients: number): number {
  return Math.floor((FILE_BYTES * clientsShare(clients)) / clients)
}

function clientsShare(clients: number): number {
  return clients === 1 ? 1 : 2
}

async function fetchBy(clients: number, url: string): Promise<number> {
  const bytes = bytesEach(clients)
  const startedMs = performance.now()
  const running = Array.from({ length: clients }, (_, at) => {
    // Different parts, so that no two clients ride on one another's reads.
    const start = clients === 1 ? 0 : Math.floor(((FILE_BYTES - bytes) / (clients - 1)) * at)
    const args = ['--silent', '--fail', '--output', '/dev/null', '--range', `${start}-${start + bytes - 1}`, url]
    return once(spawn('curl', args, { stdio: 'ignore' }), 'exit')
  })
  const codes = (await Promise.all(running)).map(([code]) => code as number)
  if (codes.some((code) => code !== 0)) throw new Error(`${url}: curl ended with ${codes.join(', ')}`)
  return (bytes * clients) / 1000 / (performance.now() - startedMs)
}

function result(rows: Row[]) {
  const [own, other] = rows
  const ratios = CLIENTS.map((_, column) => (own?.rates[column] ?? 0) / (other?.rates[column] ?? Number.NaN))
  // The column in which we are worst decides.
  const worst = other ? ratios.indexOf(Math.min(...ratios)) : 0
  const anchor = other?.rates[worst] ?? null
  const lines = [
    `HTTP, ${FILE_BYTES >> 20} MiB image over loopback to curl, MB/s, best of ${ROUNDS}`,
    `${'server'.padEnd(18)}${CLIENTS.map((count) => `${count} client${count > 1 ? 's' : ''}`.padStart(12)).join('')}  CPU s/GB  resident MB`,
    ...rows.map(({ name, rates, cpuPerGigabyte, residentMb: resident }) => {
      const cells = rates.map((rate) => rate.toFixed(0).padStart(12)).join('')
      const memory = resident.map((megabytes) => megabytes.toFixed(0)).join(' / ')
      return `${name.padEnd(18)}${cells}  ${cpuPerGigabyte.toFixed(2).padStart(8)}  ${memory}`
    }),
    other
      ? `ratio             ${ratios.map((ratio) => ratio.toFixed(2).padStart(12)).join('')}`
      : 'nginx is missing: apt-get install nginx-light',
  ]
  return {
    name: 'images',
    figure: own?.rates[worst] ?? 0,
    unit: `MB/s, ${CLIENTS[worst]} client(s)`,
    anchor,
    anchorName: other ? other.name : 'not installed',
    ratio: other ? (ratios[worst] ?? null) : null,
    goal: '>= 0.95 x nginx with 1, 4 and 16 clients',
    floor: anchor === null ? 0 : anchor * 0.95,
    text: lines.join('\n'),
  }
}

async function ours(image: string, children: ChildProcess[]): Promise<Contender> {
  const child = spawn(process.execPath, [import.meta.filename, 'serve', image], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { name: 'Ferrule', url, pids: () => [child.pid ?? 0] }
}

/** nginx as its own unprivileged pair of processes, with a configuration and folders of its own. */
async function nginx(folder: string, children: ChildProcess[]): Promise<Contender | null> {
  const program = ['/usr/sbin/nginx', 'nginx'].find((path) => spawnSync('which', [path]).status === 0)
  if (program === undefined) return null
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/t;`)
  const server = `listen ${ADDRESS}:${NGINX_PORT}; root ${folder};`
  const http = `access_log off; sendfile on; tcp_nopush on; ${temporary.join(' ')} server { ${server} }`
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const lines = ['daemon off;', user, `pid ${folder}/pid;`, 'worker_processes 1;', 'events {}', `http { ${http} }`]
  writeFileSync(join(folder, 'nginx.conf'), lines.join('\n'))
  const child = spawn(program, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error')], {
    stdio: 'ignore',
  })
  children.push(child)
  for (let attempts = 0; attempts < 50 && !(await listens(NGINX_PORT)); attempts++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const workers = (): number[] =>
    execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number)
  return { name: 'nginx, sendfile', url: `http://${ADDRESS}:${NGINX_PORT}/image`, pids: workers }
}

async function listens(port: number): Promise<boolean> {
  const socket = net.connect(port, ADDRESS)
  const event = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close').then(() => false)])
    // A refused connection is an 'error', which once() turns into a rejection.
    .catch(() => false)
  socket.destroy()
  return event
}

/** User and system time (proc(5), fields 14 and 15, in hundredths of a second on Linux). */
function cpuSeconds(pids: number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, each) => sum + each, 0) / 100
}

function residentMb(pids: number[]): number {
  const sizes = pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0))
  return sizes.reduce((sum, each) => sum + each, 0) / 1000
}

async function serve(path: string): Promise<void> {
  const server = new HttpBootServer({ address: ADDRESS, port: 0 })
  await server.start()
  server.publish('/bench/image', { kind: 'file', path, contentType: 'application/octet-stream' })
  console.log(`${server.origin}/bench/image`)
}

if (import.meta.main) {
  const [mode = 'run', path = ''] = process.argv.slice(2)
  if (mode === 'serve') await serve(path)
  else console.log((await run()).text)
}
