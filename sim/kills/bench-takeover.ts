// Take-over from a conductor that is gone (R3), with the default lease: SIGKILL, and a clean stop. Of an idle node the time until a power
// command, given to the API at that moment, has switched the machine; of one in the middle of its deployment the time until the other
// conductor has picked the write up. Both conductors and the cloud are processes; the machines' power is the clock's end.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSimCloud } from '../cloud.ts'
import type { SimConductor } from '../conductor.ts'
import { startSimSite, type SimSite, type SiteMachine } from '../site.ts'
import { numbers } from './options.ts'

const MIB = 2 ** 20
const MACHINES = 12
/** Of each conductor's nodes, those in the middle of a deployment. */
const DEPLOYING = 2
const GOAL_S = 25
const CLEAN_GOAL_S = 1
const ANCHOR_S = 69
const TIMEOUT_MS = 120_000
const POLL_MS = 10

interface Times {
  readonly idle: number[]
  readonly deploying: number[]
}

/** `--rounds N`: of kills, and as many clean stops. The default takes about five minutes. */
export async function run(args: readonly string[]) {
  const { rounds } = numbers(args, { rounds: 6 })
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-bench-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const log: string[] = []
  const onLog = (line: string) => void log.push(line)
  const cloud = await startSimCloud({ dataDir: join(folder, 'cloud'), as: 'process', onLog })
  things.defer(() => cloud.close())
  const site = await startSimSite({
    cloudUrl: cloud.url,
    token: cloud.token,
    machines: MACHINES,
    dataDir: join(folder, 'site'),
    conductor: 'process',
    imageBytes: 8 * MIB,
    onLog,
  })
  things.defer(() => site.close())
  const both = [site.conductor, await site.join({}, 'process')] as const
  const bench = new Takeover(site, log)
  await bench.prepare()
  const killed: Times = { idle: [], deploying: [] }
  const stopped: Times = { idle: [], deploying: [] }
  for (let round = 0; round < rounds; round++) {
    await bench.round(both[round % 2]!, 'kill', killed)
    await bench.round(both[round % 2]!, 'close', stopped)
  }
  const clean = at([...stopped.idle, ...stopped.deploying], 0.99)
  const crash = at([...killed.idle, ...killed.deploying], 0.99)
  if (clean > CLEAN_GOAL_S) console.log(`after a clean stop ${clean.toFixed(2)} s, goal ${CLEAN_GOAL_S} s: MISSED`)
  return {
    name: 'takeover',
    figure: crash,
    unit: 's from SIGKILL to the other conductor, p99',
    anchor: ANCHOR_S,
    anchorName: 'Ironic; HTTP 500 until then',
    ratio: ANCHOR_S / crash,
    goal: GOAL_S,
    floor: clean > CLEAN_GOAL_S ? 0 : GOAL_S,
    smallerIsBetter: true,
    text: [
      'lease 15 s and its margin 2 s; until a power command works, until a write is picked up:',
      ...[line('SIGKILL, idle', killed.idle), line('SIGKILL, mid-write', killed.deploying)],
      ...[line('SIGTERM, idle', stopped.idle), line('SIGTERM, mid-write', stopped.deploying)],
    ].join('\n'),
  }
}

class Takeover {
  readonly #site: SimSite
  readonly #log: string[]
  #round = 0

  constructor(site: SimSite, log: string[]) {
    this.#site = site
    this.#log = log
  }

  async prepare(): Promise<void> {
    const { api, machines, instanceInfo } = this.#site
    await Promise.all(
      machines.map(({ node }) => api.patchNode(node, { automated_clean: false, instance_info: instanceInfo() })),
    )
    await this.#all(machines, 'manage', 'manageable')
    await this.#all(machines, 'provide', 'available')
    await this.#shared()
  }

  /** Ends `victim` with nodes in mid-write and idle ones, takes the times, and brings everything back. */
  async round(victim: SimConductor, how: 'kill' | 'close', times: Times): Promise<void> {
    const { api, machines, images } = this.#site
    const owners = await this.#owners()
    const mine = machines.filter(({ node }) => owners.get(node) === victim.hostname)
    const [deploying, idle] = [mine.slice(0, DEPLOYING), mine.slice(DEPLOYING)]
    const hold = images.hold('sim.raw', 6 * MIB)
    const seen = new Map<SiteMachine, number>()
    for (const each of deploying) {
      seen.set(each, await this.#resumed(each))
      await api.provision(each.node, 'active', { configdrive: { meta_data: { hostname: `r${++this.#round}` } } })
    }
    for (const { node } of deploying)
      await this.#until('progress of the write', async () => {
        const entries = await api.timeline(node)
        const opened = entries.findLastIndex(({ type }) => type === 'task.opened')
        return entries.slice(opened).some(({ type }) => type === 'write_image')
      })
    const from = performance.now()
    const ending = victim[how]()
    const since = () => (performance.now() - from) / 1000
    await Promise.all([
      ...idle.map(async ({ machine, node }) => {
        const target = machine.bmc.chassis.power() === 'on' ? 'off' : 'on'
        // A cloud that refused it would be asked again; it takes it, and keeps it for whoever comes.
        await api.call('PUT', `/nodes/${node}/states/power`, { target: `power ${target}` })
        await this.#until(`power ${target}`, () => machine.bmc.chassis.power() === target)
        times.idle.push(since())
      }),
      ...deploying.map(async (each) => {
        await this.#until('resumption', async () => (await this.#resumed(each)) > seen.get(each)!)
        times.deploying.push(since())
      }),
      ending,
    ])
    hold.release()
    await this.#reach(deploying, 'active')
    await this.#reach(idle, 'available')
    const links = this.#links()
    await victim.start()
    await this.#until('its new session', () => this.#links() > links)
    await this.#all(deploying, 'deleted', 'available')
    for (const { node } of deploying) await api.patchNode(node, { instance_info: this.#site.instanceInfo() })
    await this.#shared()
  }

  #links(): number {
    return this.#log.filter((line) => line.includes('"link up"')).length
  }

  async #resumed({ node }: SiteMachine): Promise<number> {
    return (await this.#site.api.timeline(node)).filter(({ type }) => type === 'write_image.resumed').length
  }

  async #owners(): Promise<Map<string, unknown>> {
    const { nodes } = (await this.#site.api.call('GET', '/nodes?fields=uuid,conductor')) as {
      nodes: { uuid: string; conductor: string | null }[]
    }
    return new Map(nodes.map(({ uuid, conductor }) => [uuid, conductor]))
  }

  /** Each conductor has its half. */
  async #shared(): Promise<void> {
    await this.#until('balance', async () => {
      const counts = Map.groupBy((await this.#owners()).values(), (owner) => owner)
      return counts.size === 2 && [...counts.values()].every((of) => of.length === MACHINES / 2)
    })
  }

  async #all(machines: readonly SiteMachine[], verb: string, state: string): Promise<void> {
    await Promise.all(machines.map(({ node }) => this.#site.api.provision(node, verb)))
    await this.#reach(machines, state)
  }

  async #reach(machines: readonly SiteMachine[], state: string): Promise<void> {
    for (const { node } of machines)
      await this.#until(state, async () => {
        const now = await this.#site.api.node(node)
        if (now.last_error !== null) throw new Error(`${now.provision_state}: ${now.last_error}`)
        return now.reservation === null && now.provision_state === state
      })
  }

  async #until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
    const end = performance.now() + TIMEOUT_MS
    while (!(await check())) {
      if (performance.now() > end)
        throw new Error(`no ${what} in ${TIMEOUT_MS / 1000} s\n${this.#log.slice(-20).join('\n')}`)
      await sleep(POLL_MS)
    }
  }
}

function at(times: readonly number[], part: number): number {
  return times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))]!
}

function line(name: string, times: readonly number[]): string {
  const parts = [0.5, 0.99].map((part) => `p${part * 100} ${at(times, part).toFixed(2)} s`)
  return `  ${name.padEnd(18)} ${parts.join(', ')} (${times.length})`
}
