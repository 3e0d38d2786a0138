// A hundred nodes of fake hardware from enroll to active (P2): cloud, conductor and the client that drives them are processes of their own on
// one machine. Three rounds of fresh nodes, the first on a cold server; the figure is the median. After each round every node's timeline
// is read and must hold every step of every plan.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PLANS } from '../cloud/plans.ts'
import type { Api } from './api.ts'
import { startSimCloud } from './cloud.ts'
import { startSimSite } from './site.ts'

const NODES = 100
const ROUNDS = 3
/** Measured on 2 cores: manage 6.4 s, provide 7.5 s, deploy 9.1 s. */
const IRONIC_S = 23
const GOAL_S = 1
const POLL_MS = 5
const TIMEOUT_MS = 120_000
const STEPS = [...PLANS.verify, ...PLANS.clean, ...PLANS.deploy].map((step) => `${step.interface}.${step.step}`)

/** The verb that takes a node on from where it rests. */
const NEXT: Readonly<Record<string, string>> = { enroll: 'manage', manageable: 'provide', available: 'active' }

interface Round {
  readonly seconds: number
  /** When the last node had reached each state, in seconds from the first verb. */
  readonly reached: ReadonlyMap<string, number>
}

/** Takes about twenty seconds. */
export async function run() {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-bench-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const cloud = await startSimCloud({ dataDir: join(folder, 'cloud'), as: 'process', onLog: () => {} })
  things.defer(() => cloud.close())
  const site = await startSimSite({
    cloudUrl: cloud.url,
    token: cloud.token,
    machines: 0,
    dataDir: join(folder, 'site'),
    conductor: 'process',
    conductorConfig: { boot: false, drivers: ['fake-hardware'], logLevel: 'warn' },
  })
  things.defer(() => site.close())
  const rounds: Round[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(site.api, round))

  const figure = rounds.map(({ seconds }) => seconds).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!
  const lines = rounds.map(({ seconds, reached }, i) => {
    const parts = [...reached].map(([state, at]) => `${state} ${at.toFixed(2)} s`)
    return `round ${i + 1}: ${seconds.toFixed(2)} s (all ${parts.join(', all ')})`
  })
  const head = `${NODES} fake nodes from enroll to active, ${STEPS.length} steps each, every step on each timeline`
  return {
    name: 'lifecycle',
    figure,
    unit: 's',
    anchor: IRONIC_S,
    anchorName: 'Ironic 21.4, fake hardware, 2 cores',
    ratio: IRONIC_S / figure,
    goal: GOAL_S,
    floor: GOAL_S,
    smallerIsBetter: true,
    text: [head, ...lines].join('\n'),
  }
}

async function measure(api: Api, round: number): Promise<Round> {
  const nodes = await Promise.all(
    Array.from({ length: NODES }, async (_, i) => {
      const body = {
        name: `fake-${round}-${i}`,
        driver: 'fake-hardware',
        instance_info: { image_source: 'http://images/a.raw' },
      }
      return ((await api.call('POST', '/nodes', body)) as { uuid: string }).uuid
    }),
  )
  const asked = new Map<string, string>()
  const reached = new Map<string, number>()
  const verbs: Promise<void>[] = []
  const started = performance.now()
  const elapsedS = () => (performance.now() - started) / 1000
  /** Asks for the next verb of every node that has come to rest; answers how many are active. */
  const look = async (): Promise<number> => {
    let active = 0
    for (const { uuid, provision_state: state, last_error: error } of await list(api, nodes)) {
      if (error !== null) throw new Error(`${uuid} is ${state}: ${error}`)
      if (state === 'active') active++
      const verb = NEXT[state]
      if (asked.get(uuid) !== state && (verb !== undefined || state === 'active')) {
        asked.set(uuid, state)
        if (state !== 'enroll') reached.set(state, elapsedS())
        if (verb !== undefined) verbs.push(api.provision(uuid, verb))
      }
    }
    return active
  }
  while ((await look()) < NODES) {
    await Promise.all(verbs.splice(0))
    if (elapsedS() * 1000 > TIMEOUT_MS) throw new Error(`not all nodes were active after ${TIMEOUT_MS / 1000} s`)
    await sleep(POLL_MS)
  }
  const seconds = elapsedS()
  for (const node of nodes) {
    const found = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
    if (found.join() !== STEPS.join()) throw new Error(`steps on the timeline of ${node}: ${found.join(', ')}`)
  }
  return { seconds, reached }
}

interface Seen {
  readonly uuid: string
  readonly provision_state: string
  readonly last_error: string | null
}

/** The nodes of this round: those of earlier ones are active already. */
async function list(api: Api, nodes: readonly string[]): Promise<Seen[]> {
  const wanted = new Set(nodes)
  const page = (await api.call('GET', '/nodes?fields=uuid,provision_state,last_error&limit=1000')) as { nodes: Seen[] }
  return page.nodes.filter(({ uuid }) => wanted.has(uuid))
}
