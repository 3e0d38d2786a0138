// How many power polls one core makes: our pool, ipmitool and ipmipower against the same simulated BMCs in another process.
// "Per core" is per second of the client's own CPU time, user and system, so that the BMCs' share of the machine does not count.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { getChassisStatus } from './commands/chassis-status.ts'
import { nodeEnv } from './env.ts'
import { openPool, type Bmc } from './pool.ts'

interface Row {
  name: string
  perCore: number
  perSecond: number
  packets: string
}

const bmcCount = 200
const forkedPolls = 40
const measureMs = 4_000

/** Takes about ten seconds. Needs ipmitool and freeipmi-tools. */
export async function run() {
  const server = fileURLToPath(new URL('../../sim/bmc/serve.ts', import.meta.url))
  const child = spawn(process.execPath, [server, String(bmcCount)], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const ports = JSON.parse(line) as number[]
    const ours = await pollOurs(ports)
    const ipmitool = forked(
      'ipmitool',
      forkedPolls,
      ipmitoolLoop(ports[0] ?? 0),
      '22 packets a poll (capture in testdata)',
    )
    const rows = [ours, ipmitool, forked('ipmipower', bmcCount, ipmipower(ports), '')]
    const ratio = ours.perCore / ipmitool.perCore
    const table = rows.map(({ name, perCore, perSecond, packets }) =>
      [name.padEnd(10), `${n(perCore)}/s per core`.padStart(20), `${n(perSecond)}/s`.padStart(12), packets].join('  '),
    )
    const text = [`IPMI power polls, cipher suite 17, ${bmcCount} simulated BMCs`, ...table].join('\n')
    const [unit, anchorName] = ['power polls/s per core', 'ipmitool']
    const anchor = ipmitool.perCore
    return { name: 'ipmi', figure: ours.perCore, unit, anchor, anchorName, ratio, goal: 10_000, floor: 10_000, text }
  } finally {
    child.stdin.end()
    await once(child, 'exit')
  }
}

async function pollOurs(ports: number[]): Promise<Row> {
  const env = nodeEnv()
  let packets = 0
  const udp: typeof env.udp = async (family, onPacket) => {
    const socket = await env.udp(family, (packet, from) => {
      packets++
      onPacket(packet, from)
    })
    return {
      ...socket,
      send(...sent) {
        packets++
        socket.send(...sent)
      },
    }
  }
  const pool = openPool({ env: { ...env, udp } })
  const bmcs = ports.map((port): Bmc => ({ host: '127.0.0.1', port, username: 'admin', password: 'secret' }))
  let polls = 0
  const poll = async (bmc: Bmc) => {
    await pool.read(bmc, (session) => getChassisStatus(session))
    polls++
  }
  const end = new AbortController()
  const follow = async (bmc: Bmc) => {
    while (!end.signal.aborted) await poll(bmc)
  }
  // The sessions are opened before the clock runs.
  await Promise.all(bmcs.map(poll))
  ;[polls, packets] = [0, 0]
  const [cpu, start] = [process.cpuUsage(), performance.now()]
  const running = Promise.all(bmcs.map(follow))
  await new Promise((resolve) => setTimeout(resolve, measureMs))
  const used = process.cpuUsage(cpu)
  const [counted, sent, seconds] = [polls, packets, (performance.now() - start) / 1_000]
  end.abort()
  await running
  await pool.close()
  const perCore = counted / ((used.user + used.system) / 1e6)
  return {
    name: 'ours',
    perCore,
    perSecond: counted / seconds,
    packets: `${(sent / counted).toFixed(2)} packets a poll`,
  }
}

function ipmitoolLoop(port: number): string {
  const place = `-I lanplus -C 17 -H 127.0.0.1 -p ${port} -U admin -P secret`
  return `for i in $(seq ${forkedPolls}); do ipmitool ${place} power status; done`
}

function ipmipower(ports: number[]): string {
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
  return `/usr/sbin/ipmipower -h ${hosts} -u admin -p secret -D LAN_2_0 -I 17 --stat`
}

/** Polls by other programs, which open a session for each. The shell's `times` tells its children's CPU time. */
function forked(name: string, polls: number, script: string, packets: string): Row {
  const start = performance.now()
  const output = execFileSync('/bin/sh', ['-c', `{ ${script}; } 2>/dev/null; times`]).toString()
  const seconds = (performance.now() - start) / 1_000
  const answered = output.split('\n').filter((line) => line.endsWith(' off')).length
  if (answered !== polls) throw new Error(`${name}: ${answered} of ${polls} polls were answered`)
  return { name, perCore: polls / childSeconds(output), perSecond: polls / seconds, packets }
}

/** From the last line, "0m0.12s 0m0.34s": user and system. */
function childSeconds(times: string): number {
  const last = times.trim().split('\n').at(-1) ?? ''
  const sum = [...last.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s))
  return sum.reduce((one, other) => one + other, 0)
}

function n(value: number): string {
  return Math.round(value).toLocaleString('en')
}

if (import.meta.main) {
  const { text, figure, ratio } = await run()
  process.stdout.write(`${text}\n${n(figure)} polls/s per core, ${n(ratio)} times ipmitool\n`)
}
