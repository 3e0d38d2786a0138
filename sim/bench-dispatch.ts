// Task dispatch (P7): from sending PUT …/states/power to the task's frame at the conductor, at 1,000 tasks a second. The cloud is a process of
// its own on loopback; conductors are real sockets that do every task at once, so that each second also has the permits, events and
// results of a thousand tasks in it. Open loop: a slow answer does not slow the next request down.
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo } from '../cloud/hosts/node/test-host.ts'
import type { ToConductor } from '../shared/protocol.ts'
import { ask, enrol, TestConductor, type HostUnderTest } from '../cloud/hosts/test-conductor.ts'
import { startSimCloud } from './cloud.ts'

const NODES = 1000
const CONDUCTORS = 4
/** The last is the goal's; the others show where a machine that is too busy for it stands. */
const PER_SECOND = [100, 300, 1000] as const
const WARM_S = 2
const SECONDS = 8
const TICK_MS = 5
const SOCKETS = 64
const GOAL_MS = 20
/** What is under way when the last request has been sent must have arrived by then. */
const PATIENCE_MS = 30_000

/** About forty seconds. Throws when a request is refused or a task does not arrive. */
export async function run() {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-bench-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const cloud = await startSimCloud({ dataDir: folder, as: 'process', onLog: () => {} })
  things.defer(() => cloud.close())
  const { url, token } = cloud
  const host: HostUnderTest = {
    url,
    token,
    fetch: (path, init) => fetch(`${url}${path}`, init),
    connect: (path, headers, take) => connectTo(url, path, headers, take),
  }
  const bench = new Bench()
  for (let i = 0; i < CONDUCTORS; i++) {
    const name = `bench-${i}`
    const onMessage = (message: ToConductor) => bench.heard(message)
    const conductor = await TestConductor.start(host, await enrol(host, name), name, { onMessage })
    things.defer(async () => conductor.stop())
  }
  for (let i = 0; i < NODES; i++) {
    const made = await ask(host, 'POST', '/v1/nodes', { driver: 'fake-hardware', name: `n${i}` })
    if (made.status !== 201) throw new Error(`no node: ${made.text}`)
    bench.nodes.push(made.body.uuid as string)
  }
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS })
  things.defer(async () => agent.destroy())
  const put = powerPut(url, token, agent)
  const rates: Rate[] = []
  for (const perSecond of PER_SECOND) {
    await bench.offer(put, perSecond, WARM_S)
    await bench.settled()
    bench.times.length = 0
    bench.skipped = 0
    await bench.offer(put, perSecond, SECONDS)
    await bench.settled()
    rates.push({ perSecond, times: bench.times.toSorted((a, b) => a - b), skipped: bench.skipped })
  }
  return report(rates)
}

interface Rate {
  readonly perSecond: number
  /** Sorted, ms. */
  readonly times: readonly number[]
  readonly skipped: number
}

type Put = (node: string, target: string) => Promise<void>

class Bench {
  readonly nodes: string[] = []
  readonly times: number[] = []
  /** Requests that were due for a node whose task of the round before had not arrived: they count as long as that has waited. */
  skipped = 0
  /** Node → when its request was sent; node → the same until its task is settled; task → node. */
  readonly #sent = new Map<string, number>()
  readonly #busy = new Map<string, number>()
  readonly #nodeOf = new Map<string, string>()
  readonly #failures: unknown[] = []
  #answers = 0
  #next = 0

  heard(message: ToConductor): void {
    if (message.type === 'settled') {
      this.#busy.delete(this.#nodeOf.get(message.id)!)
      this.#nodeOf.delete(message.id)
    }
    if (message.type !== 'task') return
    this.#nodeOf.set(message.id, message.node)
    const sent = this.#sent.get(message.node)
    if (sent === undefined) return
    this.#sent.delete(message.node)
    this.times.push(performance.now() - sent)
  }

  /** Sends what is due at each moment, whatever is still under way. */
  async offer(put: Put, perSecond: number, seconds: number): Promise<void> {
    const started = performance.now()
    const count = seconds * perSecond
    for (let done = 0; done < count;) {
      const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond))
      for (; done < due; done++) {
        const node = this.nodes[this.#next++ % NODES]!
        const before = this.#busy.get(node)
        if (before !== undefined) {
          this.skipped++
          this.times.push(performance.now() - before)
          continue
        }
        this.#busy.set(node, performance.now())
        this.#sent.set(node, performance.now())
        this.#answers++
        put(node, Math.floor(this.#next / NODES) % 2 ? 'power on' : 'power off').then(
          () => this.#answers--,
          (error: unknown) => this.#failures.push(error),
        )
      }
      if (this.#failures.length > 0) throw this.#failures[0]
      await sleep(TICK_MS)
    }
  }

  async settled(): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    while (this.#busy.size > 0 || this.#answers > 0) {
      if (this.#failures.length > 0) throw this.#failures[0]
      if (performance.now() > end)
        throw new Error(`${this.#busy.size} tasks did not end and ${this.#answers} answers did not arrive`)
      await sleep(TICK_MS)
    }
  }
}

function powerPut(url: string, token: string, agent: Agent): Put {
  const { hostname, port } = new URL(url)
  return (node, target) =>
    new Promise((done, failed) => {
      const body = JSON.stringify({ target })
      const headers = {
        Authorization: `Bearer ${token}`,
        'X-OpenStack-Ironic-API-Version': '1.110',
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      }
      const path = `/v1/nodes/${node}/states/power`
      const sent = request({ hostname, port, method: 'PUT', path, agent, headers }, (response) => {
        let text = ''
        response.on('data', (part: Buffer) => (text += part.toString()))
        response.on('end', () => {
          if (response.statusCode === 202) done()
          else failed(new Error(`PUT ${path}: ${response.statusCode} ${text.slice(0, 300)}`))
        })
      })
      sent.on('error', failed)
      sent.end(body)
    })
}

function report(rates: readonly Rate[]) {
  const at = ({ times }: Rate, part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))]!
  const lines = rates.map((rate) => {
    const parts = [0.5, 0.9, 0.99].map((part) => `p${part * 100} ${at(rate, part).toFixed(1)} ms`)
    const skipped = rate.skipped > 0 ? `; ${rate.skipped} not sent, since the node's task before was not over` : ''
    return `  ${String(rate.perSecond).padStart(5)} a second: ${parts.join(', ')}, longest ${rate.times.at(-1)!.toFixed(1)} ms${skipped}`
  })
  const goal = rates.at(-1)!
  return {
    name: 'dispatch',
    figure: at(goal, 0.99),
    unit: `ms from request to the conductor, p99 at ${goal.perSecond} tasks a second`,
    anchor: null,
    anchorName: 'none',
    ratio: null,
    goal: GOAL_MS,
    floor: GOAL_MS,
    smallerIsBetter: true,
    text: [
      `power tasks of ${NODES} nodes on ${CONDUCTORS} conductors, each with permit, event and result:`,
      ...lines,
    ].join('\n'),
  }
}
