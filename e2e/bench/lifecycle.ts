// A hundred nodes of fake hardware from enroll to active (P2), on our cloud with a conductor and then on a real Ironic: server, conductor and the
// client that drives them are processes of their own on one machine. Rounds of fresh nodes, the first on a cold server; the figure is the median.
// After each of our rounds every node's timeline is read and must hold every step of every plan.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PLANS } from '../../cloud/plans.ts'
import { startSimCloud } from '../../sim/cloud.ts'
import { startSimSite } from '../../sim/site.ts'
import { Client } from './client.ts'
import { describe, elsewhere, optionsOf, startReference, type Setup, type Target } from './targets.ts'

const NODES = 100
const ROUNDS = 3
/** The reference figure, Ironic 21.4 on 2 cores: manage 6.4 s, provide 7.5 s, deploy 9.1 s. */
const REFERENCE_S = 23
const GOAL_S = 1
const CONNECTIONS = 16
const TIMEOUT_MS = 300_000
const STEPS = [...PLANS.verify, ...PLANS.clean, ...PLANS.deploy].map((step) => `${step.interface}.${step.step}`)

/** The verb that takes a node on from where it rests. */
const NEXT: Readonly<Record<string, string>> = { enroll: 'manage', manageable: 'provide', available: 'active' }

interface Round {
  readonly seconds: number
  /** When the last node had reached each state, in seconds from the first verb. */
  readonly reached: ReadonlyMap<string, number>
}

interface Side {
  readonly target: Pick<Target, 'name' | 'url' | 'token'>
  readonly nodes: number
  readonly rounds: number
  /** A list costs Ironic a tenth of this in CPU, which its steps need. */
  readonly pollMs: number
  readonly hasTimeline?: true
  readonly isForeign?: true
}

/** Takes about two minutes, most of it Ironic's. */
export async function run(args: readonly string[]) {
  const { nodes, url, token, ironic } = optionsOf(args, NODES)
  const { reference, about } = await theirs(nodes, ironic)
  const own =
    url === undefined
      ? await ours(nodes)
      : await measureAll({ target: elsewhere(url, token), nodes, rounds: ROUNDS, pollMs: 50, isForeign: true })
  const [figure, anchor] = [median(own), median(reference)]
  // An endpoint elsewhere may be anything that speaks Ironic's API: it has no timeline to look into.
  const looked = url === undefined ? `, ${STEPS.length} steps each, every step on each of our timelines` : ''
  const head = `${nodes} fake nodes from enroll to active${looked}`
  return {
    name: 'lifecycle',
    figure,
    unit: 's',
    anchor,
    anchorName: `Ironic in this run; reference ${REFERENCE_S} s for 100`,
    ratio: anchor / figure,
    goal: GOAL_S,
    floor: GOAL_S,
    smallerIsBetter: true,
    text: [head, ...lines(url ?? 'Ferrule', own), ...lines('Ironic', reference), `  Ironic in this run: ${about}`].join(
      '\n',
    ),
  }
}

const median = (rounds: readonly Round[]) =>
  rounds.map(({ seconds }) => seconds).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)]!

const lines = (name: string, rounds: readonly Round[]) =>
  rounds.map(({ seconds, reached }, i) => {
    const parts = [...reached].map(([state, at]) => `${state} ${at.toFixed(2)} s`)
    return `  ${name}, round ${i + 1}: ${seconds.toFixed(2)} s (all ${parts.join(', all ')})`
  })

async function ours(nodes: number): Promise<Round[]> {
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
  const target = { name: 'Ferrule', url: cloud.url, token: cloud.token }
  return await measureAll({ target, nodes, rounds: ROUNDS, pollMs: 5, hasTimeline: true })
}

async function theirs(nodes: number, setup: Setup): Promise<{ reference: Round[]; about: string }> {
  await using things = new AsyncDisposableStack()
  const target = await startReference(setup)
  things.defer(() => target.stop())
  const about = describe(target)
  return { reference: await measureAll({ target, nodes, rounds: ROUNDS, pollMs: 250 }), about }
}

async function measureAll(side: Side): Promise<Round[]> {
  const client = new Client(side.target, CONNECTIONS)
  const rounds: Round[] = []
  for (let round = 0; round < side.rounds; round++) rounds.push(await measure(client, side))
  client.close()
  return rounds
}

interface Seen {
  readonly uuid: string
  readonly provision_state: string
  readonly last_error: string | null
}

async function measure(client: Client, side: Side): Promise<Round> {
  const tag = Math.random().toString(36).slice(2, 8)
  const uuids = await Promise.all(
    Array.from({ length: side.nodes }, async (_, i) => {
      const body = {
        name: `fake-${tag}-${i}`,
        driver: 'fake-hardware',
        instance_info: { image_source: 'http://images/a.raw' },
      }
      return (await client.send<{ uuid: string }>('POST', '/v1/nodes', body, 201)).uuid
    }),
  )
  const wanted = new Set(uuids)
  const asked = new Map<string, string>()
  const reached = new Map<string, number>()
  const verbs: Promise<void>[] = []
  const started = performance.now()
  const elapsedS = () => (performance.now() - started) / 1000
  /** Asks for the next verb of every node that has come to rest; answers how many are active. */
  const look = async (): Promise<number> => {
    let active = 0
    const page = await client.send<{ nodes: Seen[] }>('GET', '/v1/nodes?fields=uuid,provision_state,last_error&limit=1000&sort_key=id&sort_dir=desc', undefined, 200) // prettier-ignore
    for (const { uuid, provision_state: state, last_error: error } of page.nodes) {
      if (!wanted.has(uuid)) continue
      if (error !== null) throw new Error(`${uuid} is ${state}: ${error}`)
      if (state === 'active') active++
      const verb = NEXT[state]
      if (asked.get(uuid) !== state && (verb !== undefined || state === 'active')) {
        asked.set(uuid, state)
        if (state !== 'enroll') reached.set(state, elapsedS())
        if (verb !== undefined) verbs.push(provision(client, uuid, verb))
      }
    }
    return active
  }
  while ((await look()) < side.nodes) {
    await Promise.all(verbs.splice(0))
    if (elapsedS() * 1000 > TIMEOUT_MS) throw new Error(`not all nodes were active after ${TIMEOUT_MS / 1000} s`)
    await sleep(side.pollMs)
  }
  const seconds = elapsedS()
  if (side.hasTimeline) for (const uuid of uuids) await checkTimeline(client, uuid)
  // Somebody else’s endpoint is left as it was.
  if (side.isForeign) for (const uuid of uuids) await remove(client, uuid)
  return { seconds, reached }
}

/** Asks again where the server is busy (503) or has not let go of the node (409), as every client does. */
async function provision(client: Client, uuid: string, target: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await client.send('PUT', `/v1/nodes/${uuid}/states/provision`, { target }, 202)
    } catch (error) {
      if (attempt > 50 || !/: (409|503) /.test((error as Error).message)) throw error
      await sleep(100)
    }
  }
}

async function remove(client: Client, uuid: string): Promise<void> {
  await client.send('PUT', `/v1/nodes/${uuid}/maintenance`, {}, 202)
  await client.send('DELETE', `/v1/nodes/${uuid}`, undefined, 204)
}

async function checkTimeline(client: Client, uuid: string): Promise<void> {
  const { timeline } = await client.send<{ timeline: { type: string; step: string | null }[] }>('GET', `/v1/nodes/${uuid}/timeline?limit=1000`, undefined, 200) // prettier-ignore
  const found = timeline.filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  if (found.join() !== STEPS.join()) throw new Error(`steps on the timeline of ${uuid}: ${found.join(', ')}`)
}
