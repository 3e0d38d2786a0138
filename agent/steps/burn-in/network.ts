// Step: two machines send each other as much as goes over the network, by fio, one way and then the other. Each names its partner and its first role.
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { type CommandContext, defineStep } from '../../command.ts'
import { AgentFault } from '../../fault.ts'
import type { Programs } from '../../layers.ts'
import { programsFor } from '../../programs.ts'
import { burnInOf, lastWords, patience } from './info.ts'

/** fio's jobs listen at a port each. One that finds its port closed fails, and leaves the others on both sides waiting for ever: so the reader begins when all are open. */
const PORT = 9000
const JOBS = 16
/** Open while all of them are. */
const READY_PORT = PORT - 1
const LOOK_EVERY_MS = 200
const AGAIN_MS = 1_000
const CONNECT_MS = 5_000
/** How long one waits for the other to be there. */
const PARTNER_MS = 15 * 60_000

type Role = 'writer' | 'reader'

interface OneWay {
  readonly role: Role
  readonly partner: string
  readonly seconds: number
}

async function oneWay(context: CommandContext, programs: Programs, way: OneWay): Promise<string> {
  const { signal, log } = context
  const { role, partner, seconds } = way
  const own =
    role === 'writer'
      ? ['--name=writer', '--rw=write', `--runtime=${seconds}`, '--time_based', '--listen']
      : ['--name=reader', '--rw=read', `--hostname=${partner}`]
  const args = [
    ...['--ioengine=net', `--port=${PORT}`, '--fill_device=1', '--group_reporting', '--gtod_reduce=1'],
    ...[`--numjobs=${JOBS}`, ...own, '--output-format=json', '--eta=never'],
  ]
  if (role === 'reader') await partnerIsReady(way, signal)
  log(`fio ${args.join(' ')}`)
  const running = programs.run('fio', args, {
    timeoutMs: patience(seconds) + PARTNER_MS,
    maxBytes: 4 << 20,
    signal,
    cwd: '/tmp',
    env: { ...process.env, LC_ALL: 'C' },
  })
  const over = new AbortController()
  const telling = role === 'writer' ? tellWhenReady(AbortSignal.any([signal, over.signal])) : Promise.resolve()
  const { code, stdout, stderr } = await running.finally(() => over.abort())
  await telling
  signal.throwIfAborted()
  if (code === 0) return `${role} with ${partner}: ${bytesIn(stdout, role)} bytes`
  throw new AgentFault(
    'BurnInError',
    `fio as ${role} with ${partner} ended with ${code}`,
    lastWords(`${stdout}\n${stderr}`),
  )
}

/** Opens READY_PORT when fio listens at all its ports, until `over`. */
async function tellWhenReady(over: AbortSignal): Promise<void> {
  while (!over.aborted && (await listeningPorts()) < JOBS)
    await sleep(LOOK_EVERY_MS, undefined, { signal: over }).catch(() => {})
  if (over.aborted) return
  const server = net.createServer((socket) => socket.on('error', () => {}).end())
  const closed = new Promise<void>((resolve) => server.once('close', resolve))
  server.on('error', () => server.close())
  over.addEventListener('abort', () => server.close(), { once: true })
  server.listen(READY_PORT)
  await closed
}

/** Of fio's, as the kernel lists them (proc(5): local address in hexadecimal, 0A: listening). */
async function listeningPorts(): Promise<number> {
  const table = await readFile('/proc/net/tcp', 'latin1')
  const ports = [...table.matchAll(/^ *\d+: [0-9A-F]{8}:([0-9A-F]{4}) \S+ 0A /gm)].map(([, port]) =>
    Number.parseInt(port!, 16),
  )
  return new Set(ports.filter((port) => port >= PORT && port < PORT + JOBS)).size
}

async function partnerIsReady({ partner }: OneWay, signal: AbortSignal): Promise<void> {
  const until = performance.now() + PARTNER_MS
  for (;;) {
    const why = await connects(partner)
    signal.throwIfAborted()
    if (why === undefined) return
    if (performance.now() > until)
      throw new AgentFault('BurnInError', `the partner ${partner} is not there`, `port ${READY_PORT}: ${why}`)
    await sleep(AGAIN_MS, undefined, { signal })
  }
}

/** Why not; undefined when it does. */
function connects(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: READY_PORT, timeout: CONNECT_MS })
    const end = (why?: string) => {
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end('no answer'))
    socket.once('error', (error) => end(error.message))
  })
}

const bytes = z.object({ io_bytes: z.number() })
const fioAnswer = z.object({ jobs: z.array(z.object({ read: bytes, write: bytes })) })

function bytesIn(text: string, role: Role): number {
  const { jobs } = fioAnswer.parse(JSON.parse(text.slice(text.indexOf('{'))))
  return jobs.reduce((sum, { read, write }) => sum + (role === 'writer' ? write : read).io_bytes, 0)
}

export const burnInNetworkStep = defineStep({
  interface: 'deploy',
  step: 'burnin_network',
  about: 'Two machines send each other as much as goes over the network.',
  priorities: { clean: 0, service: 0 },
  args: z.object({}),
  async run(context) {
    const { agent_burnin_fio_network_config: config, agent_burnin_fio_network_runtime: seconds } = burnInOf(context)
    if (config === undefined)
      throw new AgentFault(
        'InvalidCommandParamsError',
        'driver_info has no agent_burnin_fio_network_config',
        'both partners name each other: {role: writer, partner: ADDRESS} and {role: reader, partner: ADDRESS}',
      )
    const programs = await programsFor(context, 'burnin_network', ['fio'])
    const { role, partner } = config
    const first = await oneWay(context, programs, { role, partner, seconds })
    const second = await oneWay(context, programs, { role: role === 'writer' ? 'reader' : 'writer', partner, seconds })
    return `${first}; ${second}`
  },
})
