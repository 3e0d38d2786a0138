// Requests per CPU second of a server beside a real Ironic's in the same run (P1): GET of one node, list of 1,000, detail of 1,000, PATCH, create.
// The same requests in the same order to the same nodes of both: random ones, written to in between, so that no cache shines. What each server costs
// while nobody asks is taken off.
import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo } from '../../cloud/hosts/node/test-host.ts'
import { enrol, TestConductor, type HostUnderTest } from '../../cloud/hosts/test-conductor.ts'
import { Client } from './client.ts'
import { cpuMs, describe, elsewhere, optionsOf, residentMb, startEmbedded, startReference, type Options, type Target } from './targets.ts' // prettier-ignore

/** The reference figures of Ironic 21.4 on 2 quiet cores (8 API processes, MariaDB): CPU ms a request, and the time of one request for the lists. */
const REFERENCE_MS = { get: 10.7, list: 279, detail: 596, patch: 68, create: 26 }
type Name = keyof typeof REFERENCE_MS
const NODES = 10_000
/** Ironic needs an hour for ten thousand on SQLite. */
const MAX_SQLITE_NODES = 1_100
const PAGE = 1000
const CONCURRENCY = 16
const WINDOW_MS = 10_000
const IRONIC_WINDOW_MS = 30_000
const GOAL_RATIO = 50
const GOAL_MB = 150

interface Measured {
  readonly what: string
  readonly cpuMs: number
  readonly ms: number
}

interface Measures {
  readonly target: Target
  readonly nodes: number
  readonly by: Readonly<Record<Name, Measured>>
  /** Percent of a core. */
  readonly idle: number
  readonly mb: number
  readonly mbAfterLists: number
}

/** Fills the server with `nodes`, then asks for each kind during `windowMs`. */
async function measure(target: Target, nodes: number, windowMs: number): Promise<Measures> {
  const client = new Client(target, CONCURRENCY)
  const uuids: string[] = []
  const any = (below = uuids.length) => uuids[Math.floor(Math.random() * below)]!
  const properties = { cpu_arch: 'x86_64', cpus: 64, memory_mb: 262_144, local_gb: 960, capabilities: 'boot_mode:uefi' }
  const tag = Math.random().toString(36).slice(2, 8)
  const create = async (): Promise<void> => {
    const i = made++
    const body = { driver: 'fake-hardware', name: `bench-${tag}-${i}`, properties, extra: { rack: i % 40 }, resource_class: 'baremetal' } // prettier-ignore
    uuids.push((await client.send<{ uuid: string }>('POST', '/v1/nodes', body, 201)).uuid)
  }
  let made = 0
  await atOnce(() => made < nodes, create)
  const before = cpuMs(target)
  await sleep(windowMs)
  const idle = ((cpuMs(target) - before) / windowMs) * 100
  /** `first` is no part of its time, but of its CPU. */
  const cost = async (what: string, one: () => Promise<unknown>, first?: () => Promise<unknown>): Promise<Measured> => {
    const [cpu, started] = [cpuMs(target), performance.now()]
    const elapsed = () => performance.now() - started
    let [count, ms] = [0, 0]
    await atOnce(
      () => elapsed() < windowMs,
      async () => {
        count++
        await first?.()
        const asked = performance.now()
        await one()
        ms += performance.now() - asked
      },
    )
    return { what, cpuMs: (cpuMs(target) - cpu - (idle / 100) * elapsed()) / count, ms: ms / count }
  }
  const touch = () => client.send('PATCH', `/v1/nodes/${any()}`, [{ op: 'add', path: '/extra/touched', value: Math.random() }], 200) // prettier-ignore
  const patch = await cost('PATCH of a random node', touch)
  const get = await cost('GET of a random node', () => client.send('GET', `/v1/nodes/${any()}`, undefined, 200))
  const size = nodes > PAGE ? PAGE : Math.floor(nodes / 2)
  const page = async (path: string) => {
    // They came at the same time: their order is not quite that of the answers.
    const marker = any(Math.max(1, nodes - size - CONCURRENCY))
    const answer = await client.send<{ nodes: unknown[] }>('GET', `${path}?limit=${size}&marker=${marker}`, undefined, 200) // prettier-ignore
    if (answer.nodes.length !== size) throw new Error(`a page of ${answer.nodes.length} nodes`)
  }
  const mb = residentMb(target)
  // A PATCH goes before each page; the CPU that it costs is taken off again.
  const net = (measured: Measured): Measured => ({ ...measured, cpuMs: measured.cpuMs - patch.cpuMs })
  const list = net(await cost(`list of ${size}`, () => page('/v1/nodes'), touch))
  const detail = net(await cost(`detail of ${size}`, () => page('/v1/nodes/detail'), touch))
  const mbAfterLists = residentMb(target)
  const created = await cost('create', create)
  // An endpoint elsewhere is left as it was.
  if (target.pids.length === 0)
    for (const uuid of uuids) await client.send('DELETE', `/v1/nodes/${uuid}`, undefined, 204)
  client.close()
  return { target, nodes, by: { get, list, detail, patch, create: created }, idle, mb, mbAfterLists }
}

async function atOnce(goesOn: () => boolean, one: () => Promise<void>): Promise<void> {
  const caller = async () => {
    while (goesOn()) await one()
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, caller))
}

/** The driver of the nodes is served by a conductor that does nothing. */
async function withConductor(target: Target): Promise<() => void> {
  const { url, token } = target
  const host: HostUnderTest = {
    url,
    token,
    fetch: (path, init) => fetch(`${url}${path}`, init),
    connect: (path, headers, take) => connectTo(url, path, headers, take),
  }
  const conductor = await TestConductor.start(host, await enrol(host, 'bench'), 'bench')
  return () => conductor.stop()
}

async function ours({ nodes, url, token }: Options): Promise<Measures> {
  if (url !== undefined) return measure(elsewhere(url, token), nodes, WINDOW_MS)
  await using things = new AsyncDisposableStack()
  const target = await startEmbedded()
  things.defer(() => target.stop())
  things.defer(await withConductor(target))
  return await measure(target, nodes, WINDOW_MS)
}

async function theirs({ nodes, ironic }: Options): Promise<Measures & { about: string }> {
  await using things = new AsyncDisposableStack()
  // Its sweep is nearly all that it costs idle, and comes in bursts: how much of it fell into a window, and how much a busy machine put off, could not
  // be told from what the requests cost.
  const target = await startReference(ironic, { powerSweepS: 0 })
  things.defer(() => target.stop())
  const about = describe(target)
  const count = ironic === 'sqlite' ? Math.min(nodes, MAX_SQLITE_NODES) : nodes
  return { about, ...(await measure(target, count, IRONIC_WINDOW_MS)) }
}

/** About seven minutes, most of it Ironic's. */
export async function run(args: readonly string[]) {
  const options = optionsOf(args, NODES)
  const reference = await theirs(options)
  const own = await ours(options)
  const isKnown = own.target.pids.length > 0
  const costOf = (measured: Measured) => (isKnown ? measured.cpuMs : measured.ms)
  const ratioOf = (name: Name) => costOf(reference.by[name]) / costOf(own.by[name])
  /** The reference is CPU, and of whole pages. */
  const isAsReference = (name: Name) => isKnown && (own.nodes > PAGE || (name !== 'list' && name !== 'detail'))
  const names: readonly Name[] = ['get', 'list', 'detail', 'patch', 'create']
  const rows = names.map((name) => {
    const { what } = own.by[name]
    const [a, b] = [costOf(own.by[name]), costOf(reference.by[name])]
    return `  ${what.padEnd(26)} ${a.toFixed(3).padStart(9)} ms   Ironic here ${b.toFixed(1).padStart(7)} ms   ${ratioOf(name).toFixed(0).padStart(4)} x${isAsReference(name) ? `   (reference ${String(REFERENCE_MS[name]).padStart(5)} ms, ${(REFERENCE_MS[name] / a).toFixed(0)} x)` : ''}   goal ${name === 'detail' ? '–' : `${GOAL_RATIO} x`}` // prettier-ignore
  })
  // P1 names four; the detailed list is shown beside them.
  const worst = names.filter((name) => name !== 'detail').toSorted((a, b) => ratioOf(a) - ratioOf(b))[0]!
  const side = ({ target, nodes, idle, mb, mbAfterLists }: Measures) =>
    target.pids.length === 0 ? [] : [`  ${target.name}: ${nodes} nodes, ${mb.toFixed(0)} MB, ${mbAfterLists.toFixed(0)} MB after the lists, idle ${idle.toFixed(2)} % of a core`] // prettier-ignore
  return {
    name: 'api',
    figure: costOf(own.by[worst]),
    unit: isKnown ? `ms CPU (${own.by[worst].what}, the least of the four)` : `ms (${own.by[worst].what}, the least of the four)`, // prettier-ignore
    anchor: costOf(reference.by[worst]),
    anchorName: `${reference.target.name}, in this run`,
    ratio: ratioOf(worst),
    goal: `${GOAL_RATIO} x`,
    floor: costOf(reference.by[worst]) / GOAL_RATIO,
    smallerIsBetter: true,
    text: [
      isKnown ? 'CPU of all processes of a server per request, without what it costs idle:' : 'Time of one request (CPU of an endpoint elsewhere is not known):', // prettier-ignore
      ...rows,
      ...side(own),
      ...side(reference),
      `  Ironic in this run: ${reference.about}`,
      `  goals: ${GOAL_MB} MB, 1 % of a core idle (reference: Ironic 971 MB, and 42 % with its sweep of power states, which is off here)`,
    ].join('\n'),
  }
}
