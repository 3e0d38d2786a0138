// Conductors that are stopped (SIGSTOP) in the middle of power steps, while another takes over, and go on (SIGCONT) as if
// nothing had been. 1. The BMC's log is the judge: one accepted change a task, and none in a session that is older than one that has acted.
// 2. Half of the time what the stopped one had just sent is held up in the network until after the take-over.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mulberry32 } from '../bmc/network.ts'
import type { LogEntry } from '../bmc/log.ts'
import { startSimCloud } from '../cloud.ts'
import type { SimConductor } from '../conductor.ts'
import { setLease } from '../lease.ts'
import { startSimSite, type SimSite, type SiteMachine } from '../site.ts'
import { MARGIN_MS } from './lane.ts'

const MACHINES = 6
/** One way, so that a step takes some hundred milliseconds and a stop hits it anywhere. */
const BMC_DELAY_MS = 8
const HELD_FOR_MS = 20
/** After the request: not before a step has begun to open its session, and until it has ended. */
const STEP_MS = { least: 80, more: 320 }
const TIMEOUT_MS = 60_000

/** Where the stop found a step that was on its way. */
export type Moment = 'before the fence' | 'between fence and change' | 'after the change'

export interface Stalls {
  count: number
  /** Of each machine that was to be switched. */
  readonly moments: Record<Moment, number>
  /** Finished by another conductor. */
  taken: number
  /** Datagrams that came in sessions that had been closed. */
  strays: number
}

export const noStalls = (): Stalls => ({
  count: 0,
  moments: { 'before the fence': 0, 'between fence and change': 0, 'after the change': 0 },
  taken: 0,
  strays: 0,
})

export interface StallOptions {
  readonly leaseMs: number
  /** Longer than lease and margin, so that another takes over. */
  readonly stoppedMs: number
  readonly seed: number
}

/** Of one site, with two conductors and a cloud, each a process. `wanted` answers whether there is to be another. Throws what the judge says. */
export async function stallLane(
  folder: string,
  options: StallOptions,
  sum: Stalls,
  wanted: () => boolean,
): Promise<void> {
  const { leaseMs, seed } = options
  await using things = new AsyncDisposableStack()
  const log: string[] = []
  const onLog = (line: string) => void log.push(line)
  const cloud = await startSimCloud({ dataDir: join(folder, 'cloud'), as: 'process', onLog })
  things.defer(() => cloud.close())
  await setLease(join(folder, 'cloud'), leaseMs)
  const site = await startSimSite({
    cloudUrl: cloud.url,
    token: cloud.token,
    machines: MACHINES,
    dataDir: join(folder, 'site'),
    conductor: 'process',
    onLog,
  })
  things.defer(() => site.close())
  const both = [site.conductor, await site.join({}, 'process')] as const
  const lane = new StallLane(site, options)
  await lane.prepare()
  try {
    while (wanted()) await lane.stall(both, sum)
  } catch (error) {
    throw new Error(`seed ${seed}, stall ${sum.count}: ${(error as Error).message}\n${log.slice(-20).join('\n')}`, {
      cause: error,
    })
  }
  sum.strays += site.machines.reduce((all, { machine }) => all + machine.bmc.log.strays, 0)
}

class StallLane {
  readonly #site: SimSite
  readonly #random: () => number
  readonly #options: StallOptions

  constructor(site: SimSite, options: StallOptions) {
    this.#site = site
    this.#random = mulberry32(options.seed)
    this.#options = options
  }

  async prepare(): Promise<void> {
    const { api, machines } = this.#site
    await Promise.all(machines.map(({ node }) => api.provision(node, 'manage')))
    for (const { node, machine } of machines) {
      await this.#until('verified node', async () => {
        const now = await api.node(node)
        if (now.last_error !== null) throw new Error(now.last_error)
        return now.reservation === null && now.provision_state === 'manageable'
      })
      const { fence } = (await api.node(node))['driver_internal_info'] as { fence?: string }
      if (fence !== 'session') throw new Error(`the BMC can not be fenced: ${fence}`)
      machine.bmc.network.delayMs = BMC_DELAY_MS
    }
  }

  async stall(both: readonly SimConductor[], sum: Stalls): Promise<void> {
    const { machines } = this.#site
    const { leaseMs, stoppedMs } = this.#options
    await this.#until('balance', async () => {
      const owned = await this.#owned()
      return both.every(({ hostname }) => owned.get(hostname)?.length === MACHINES / 2)
    })
    const victim = both[Math.floor(this.#random() * 2)]!
    const owned = (await this.#owned()).get(victim.hostname)!
    const mine = machines.filter(({ node }) => owned.includes(node))
    const tasks = mine.map((each) => this.#switch(each))
    await Promise.all(tasks.map(({ asked }) => asked))
    await sleep(STEP_MS.least + this.#random() * STEP_MS.more)
    const isLate = this.#random() < 0.5
    if (isLate) {
      // It arrives when the successor acts or has acted, and the stopped one does not run yet.
      const lateMs = leaseMs + MARGIN_MS + this.#random() * (stoppedMs - leaseMs - MARGIN_MS)
      for (const { machine } of mine) machine.bmc.network.delayMs = lateMs
      await sleep(this.#random() * HELD_FOR_MS)
    }
    victim.stall()
    for (const { machine } of mine) machine.bmc.network.delayMs = BMC_DELAY_MS
    for (const { moment } of tasks) sum.moments[moment()]++
    try {
      await sleep(stoppedMs)
    } finally {
      victim.resume()
    }
    for (const { node, over } of tasks) {
      await this.#until('end of a power task', over)
      const owner = [...(await this.#owned())].find(([, nodes]) => nodes.includes(node))?.[0]
      if (owner !== victim.hostname) sum.taken++
    }
    // Whatever the one that was stopped still had to say has been said by then.
    await sleep(2 * leaseMs)
    for (const { judge } of tasks) judge()
    sum.count++
  }

  #switch({ machine, node }: SiteMachine) {
    const { api } = this.#site
    const target = machine.bmc.chassis.power() === 'on' ? 'off' : 'on'
    const from = machine.bmc.log.entries.length
    const changes = machine.transitions.length
    const entries = () => machine.bmc.log.entries.slice(from)
    return {
      node,
      asked: api.call('PUT', `/nodes/${node}/states/power`, { target: `power ${target}` }),
      moment: (): Moment => {
        if (entries().some(({ command }) => command === 'Chassis Control')) return 'after the change'
        const isOpen = entries().some(({ privilege, detail }) => privilege === 4 || detail === 'level 4')
        return isOpen ? 'between fence and change' : 'before the fence'
      },
      over: async () => {
        const now = await api.node(node)
        if (now.last_error !== null) throw new Error(now.last_error)
        return now.reservation === null && now.power_state === `power ${target}`
      },
      judge: () => {
        const power = machine.transitions.slice(changes).filter(({ kind }) => kind.startsWith('power '))
        if (power.length !== 1 || power[0]!.kind !== `power ${target}`)
          throw new Error(`the power went ${power.map(({ kind }) => kind).join(', ')} for one task, power ${target}`)
        judgeLog(machine.bmc.log.entries, from)
      },
    }
  }

  async #owned(): Promise<Map<string | null, string[]>> {
    const { nodes } = (await this.#site.api.call('GET', '/nodes?fields=uuid,conductor')) as {
      nodes: { uuid: string; conductor: string | null }[]
    }
    const groups = Map.groupBy(nodes, ({ conductor }) => conductor)
    return new Map([...groups].map(([owner, of]) => [owner, of.map(({ uuid }) => uuid)]))
  }

  async #until(what: string, check: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + TIMEOUT_MS
    while (!(await check())) {
      if (performance.now() > end)
        throw new Error(`no ${what} in ${TIMEOUT_MS / 1000} s: ${JSON.stringify([...(await this.#owned())])}`)
      await sleep(40)
    }
  }
}

/** Of one task: one change was accepted (a repeated datagram has its number), and not in a session older than one that had acted. */
export function judgeLog(entries: readonly LogEntry[], from: number): void {
  const first = new Map<number, number>()
  for (const [i, { session }] of entries.entries()) if (!first.has(session)) first.set(session, i)
  const acts = entries
    .slice(from)
    .filter(({ command, detail }) => command === 'Chassis Control' && !detail.includes('refused'))
  const distinct = new Set(acts.map(({ session, number }) => `${session} ${number}`))
  if (distinct.size !== 1) throw new Error(`the BMC was told ${distinct.size} times: ${JSON.stringify(acts)}`)
  for (const [i, { session }] of acts.entries()) {
    const newer = acts.slice(0, i).find((earlier) => first.get(earlier.session)! > first.get(session)!)
    if (newer) throw new Error(`session ${session} acted after the newer ${newer.session}`)
  }
}
