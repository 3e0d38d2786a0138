// Requests per CPU second of a server beside a real Ironic's in the same run (P1): GET of one node, list of 1,000, detail of 1,000, PATCH, create.
// Nodes are random and written to in between, so that no cache shines; what each server costs while nobody asks is taken off.
import { connectTo } from '../../cloud/hosts/node/test-host.ts'
import { enrol, TestConductor, type HostUnderTest } from '../../cloud/hosts/test-conductor.ts'
import { Client } from './client.ts'
import { cpuMs, elsewhere, optionsOf, residentMb, startEmbedded, startReference, type Target } from './targets.ts'

/** The reference figures of Ironic 21.4 on 2 quiet cores (8 API processes, MariaDB): CPU ms a request, and the time of one request for the lists. */
const REFERENCE_MS = { get: 10.7, list: 279, detail: 596, patch: 68, create: 26 }
type Name = keyof typeof REFERENCE_MS
const NODES = 10_000
/** Ironic needs an hour for ten thousand. */
const MAX_IRONIC_NODES = 1_100
const PAGE = 1000
const IDLE_MS = 5000
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

/** `counts`: how many of each; `concurrency`: requests at once. */
async function measure(
  target: Target,
  nodes: number,
  counts: Record<Exclude<Name, 'create'>, number>,
  concurrency: number,
): Promise<Measures> {
  // prettier-ignore
  const client = new Client(target, concurrency)
  const uuids: string[] = []
  const any = (below = uuids.length) => uuids[Math.floor(Math.random() * below)]!
  const properties = { cpu_arch: 'x86_64', cpus: 64, memory_mb: 262_144, local_gb: 960, capabilities: 'boot_mode:uefi' }
  const tag = Math.random().toString(36).slice(2, 8)
  let idle = 0
  /** `before` is no part of its time, but of its CPU. */
  const cost = async (
    what: string,
    count: number,
    one: (i: number) => Promise<unknown>,
    before?: () => Promise<unknown>,
  ): Promise<Measured> => {
    const [cpu, started] = [cpuMs(target), performance.now()]
    let [i, ms] = [0, 0]
    const next = async () => {
      const index = i++
      await before?.()
      const asked = performance.now()
      await one(index)
      ms += performance.now() - asked
    }
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        while (i < count) await next()
      }),
    )
    const elapsed = performance.now() - started
    return { what, cpuMs: (cpuMs(target) - cpu - (idle / 100) * elapsed) / i, ms: ms / i }
  }

  const create = await cost(`create (${nodes} nodes)`, nodes, async (i) => {
    const body = { driver: 'fake-hardware', name: `bench-${tag}-${i}`, properties, extra: { rack: i % 40 }, resource_class: 'baremetal' } // prettier-ignore
    uuids.push((await client.send<{ uuid: string }>('POST', '/v1/nodes', body, 201)).uuid)
  })
  const before = cpuMs(target)
  await new Promise((done) => setTimeout(done, IDLE_MS))
  idle = ((cpuMs(target) - before) / IDLE_MS) * 100
  const touch = () => client.send('PATCH', `/v1/nodes/${any()}`, [{ op: 'add', path: '/extra/touched', value: Math.random() }], 200) // prettier-ignore
  const patch = await cost('PATCH of a random node', counts.patch, touch)
  const get = await cost('GET of a random node', counts.get, () => client.send('GET', `/v1/nodes/${any()}`, undefined, 200)) // prettier-ignore
  const size = Math.min(PAGE, Math.floor(nodes / 2))
  const page = async (path: string) => {
    const marker = any(nodes - size)
    const answer = await client.send<{ nodes: unknown[] }>('GET', `${path}?limit=${size}&marker=${marker}`, undefined, 200) // prettier-ignore
    if (answer.nodes.length !== size) throw new Error(`a page of ${answer.nodes.length} nodes`)
  }
  const mb = residentMb(target)
  // A PATCH goes before each page; the CPU that it costs is taken off again.
  const net = (measured: Measured): Measured => ({ ...measured, cpuMs: measured.cpuMs - patch.cpuMs })
  const list = net(await cost(`list of ${size}`, counts.list, () => page('/v1/nodes'), touch))
  const detail = net(await cost(`detail of ${size}`, counts.detail, () => page('/v1/nodes/detail'), touch))
  const mbAfterLists = residentMb(target)
  // An endpoint elsewhere is left as it was.
  if (target.pids.length === 0)
    for (const uuid of uuids) await client.send('DELETE', `/v1/nodes/${uuid}`, undefined, 204)
  client.close()
  return { target, nodes, by: { get, list, detail, patch, create }, idle, mb, mbAfterLists }
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

async function ours({ nodes, url, token }: ReturnType<typeof optionsOf>): Promise<Measures> {
  const scale = Math.min(1, nodes / NODES)
  const of = (count: number) => Math.max(20, Math.round(count * scale))
  const counts = { get: of(40_000), patch: of(4000), list: of(300), detail: of(60) }
  if (url !== undefined) return measure(elsewhere(url, token), nodes, counts, 16)
  await using things = new AsyncDisposableStack()
  const target = await startEmbedded()
  things.defer(() => target.stop())
  things.defer(await withConductor(target))
  return await measure(target, nodes, counts, 16)
}

async function theirs(nodes: number): Promise<Measures> {
  await using things = new AsyncDisposableStack()
  const target = await startReference()
  things.defer(() => target.stop())
  const scale = Math.min(1, nodes / MAX_IRONIC_NODES)
  const of = (count: number) => Math.max(10, Math.round(count * scale))
  return await measure(target, Math.min(nodes, MAX_IRONIC_NODES), { get: of(400), patch: of(100), list: of(20), detail: of(10) }, 4) // prettier-ignore
}

/** About five minutes, most of it Ironic's. */
export async function run(args: readonly string[]) {
  const options = optionsOf(args, NODES)
  const reference = await theirs(options.nodes)
  const own = await ours(options)
  const isKnown = own.target.pids.length > 0
  const costOf = (measured: Measured) => (isKnown ? measured.cpuMs : measured.ms)
  const ratioOf = (name: Name) => costOf(reference.by[name]) / costOf(own.by[name])
  const names: readonly Name[] = ['get', 'list', 'detail', 'patch', 'create']
  const rows = names.map((name) => {
    const { what } = own.by[name]
    const [a, b] = [costOf(own.by[name]), costOf(reference.by[name])]
    return `  ${what.padEnd(26)} ${a.toFixed(3).padStart(9)} ms   Ironic here ${b.toFixed(1).padStart(7)} ms   ${ratioOf(name).toFixed(0).padStart(4)} x${isKnown ? `   (reference ${String(REFERENCE_MS[name]).padStart(5)} ms, ${(REFERENCE_MS[name] / a).toFixed(0)} x)` : ''}   goal ${name === 'detail' ? '–' : `${GOAL_RATIO} x`}` // prettier-ignore
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
      `  goals: ${GOAL_MB} MB, 1 % of a core idle (reference: Ironic 971 MB, 42 %, with 10,000 nodes)`,
    ].join('\n'),
  }
}
