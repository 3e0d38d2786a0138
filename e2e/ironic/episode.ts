// An episode: the same things on both servers, brought to the same state, then requests in the same order; afterwards they are taken away.
// Where one server did what the other refused, the episode ends: from there on the two would be asked about different things.
import fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { askFerrule, askIronic, differences, faultOf, type Difference, type Seen } from './compare.ts'
import { nodeRequests } from './requests/nodes.ts'
import { otherRequests } from './requests/others.ts'
import { at, type Sent, type Things } from './requests/sent.ts'

export interface Servers {
  readonly ironic: string
  readonly ferrule: string
  /** Identifiers that each server made up itself: ours → theirs. */
  readonly aliases: Map<string, string>
}

export interface Judged {
  readonly sent: Sent
  readonly theirs: Seen
  readonly ours: Seen
  readonly found: readonly Difference[]
  /** Where one did what the other did not: what there is afterwards. */
  readonly around?: Around
}

export interface Pair<T> {
  readonly theirs: T
  readonly ours: T
}
export type NodeShown = Readonly<Record<'uuid' | 'provision_state' | 'power_state', string>> & { maintenance: boolean }
export interface Around {
  /** Those that both have. */
  readonly nodes: readonly Pair<NodeShown>[]
  /** What the path of a PATCH names. */
  readonly item?: Pair<Readonly<Record<string, unknown>>>
}

const verb = (target: string, more: object = {}) => ({ target, ...more })
const MANAGE = [verb('manage')]
const PROVIDE = [...MANAGE, verb('provide')]
const ACTIVE = [...PROVIDE, verb('active')]
const unknownStep = { interface: 'power', step: 'zzz' }
/** Verbs that lead to each state in which a node may rest. */
export const RESTS: Readonly<Record<string, readonly { target: string }[]>> = {
  enroll: [],
  manageable: MANAGE,
  available: PROVIDE,
  active: ACTIVE,
  rescue: [...ACTIVE, verb('rescue', { rescue_password: 'p' })],
  'clean failed': [...MANAGE, verb('clean', { clean_steps: [unknownStep] })],
  adopted: [...MANAGE, verb('adopt')],
  inspected: [...MANAGE, verb('inspect')],
}

/** The same request to both; how the answers differ. */
export async function judge(servers: Servers, sent: Sent): Promise<Judged> {
  const { theirs, ours: own } = await asked(servers, sent)
  const [a, b] = [theirs, own].map(({ body }) => (body as { uuid?: unknown } | undefined)?.uuid)
  if (sent.method === 'POST' && typeof a === 'string' && typeof b === 'string' && a !== b) servers.aliases.set(b, a)
  const ours = renamed(own, servers.aliases)
  const found = differences(theirs, ours)
  const isOneSided = sent.method !== 'GET' && found.some((each) => each.at === 'status')
  return { sent, theirs, ours, found, ...(isOneSided && { around: await around(servers, sent) }) }
}

async function asked({ ironic, ferrule }: Servers, sent: Sent): Promise<Pair<Seen>> {
  const [theirs, ours] = await Promise.all([askIronic(ironic, sent), askFerrule(ferrule, sent)])
  return { theirs, ours }
}

async function around(servers: Servers, sent: Sent): Promise<Around> {
  const all = await asked(servers, at('GET', '/nodes/detail'))
  const [theirs, ours] = [all.theirs, all.ours].map(({ body }) => (body as { nodes: NodeShown[] }).nodes)
  const nodes = ours!.flatMap((node) => {
    const same = theirs!.find(({ uuid }) => uuid === (servers.aliases.get(node.uuid) ?? node.uuid))
    return same ? [{ theirs: same, ours: node }] : []
  })
  if (sent.method !== 'PATCH') return { nodes }
  const one = await asked(servers, { ...at('GET', ''), path: sent.path.split('?')[0]! })
  const shown = [one.theirs, one.ours].map(({ body }) => body as Record<string, unknown>)
  return { nodes, item: { theirs: shown[0]!, ours: shown[1]! } }
}

function renamed(seen: Seen, aliases: ReadonlyMap<string, string>): Seen {
  if (aliases.size === 0) return seen
  let text = JSON.stringify(seen)
  for (const [ours, theirs] of aliases) text = text.replaceAll(ours, theirs)
  return JSON.parse(text) as Seen
}

/** Makes what the requests of an episode are about. Throws when a server refuses. */
export async function prepare(servers: Servers, things: Things, rest: string): Promise<void> {
  const { nodes, names, ports, macs } = things
  const both = async (sent: Sent) => {
    const { theirs, ours } = await judge(servers, sent)
    for (const { status, body } of [theirs, ours])
      if (status >= 300) throw new Error(`${sent.method} ${sent.path}: ${status} ${faultOf(body)}`)
  }
  await both(at('POST', '/chassis', { uuid: things.chassis, description: 'a case' }))
  const made = {
    driver: 'fake-hardware',
    name: names[0],
    uuid: nodes[0],
    extra: { a: 1 },
    chassis_uuid: things.chassis,
  }
  await both(at('POST', '/nodes', { ...made, resource_class: 'x', driver_info: { fake_password: 'p' } }))
  await both(at('POST', '/nodes', { driver: 'fake-hardware', name: names[1], uuid: nodes[1], shard: 'x' }))
  await both(at('POST', '/portgroups', { node_uuid: nodes[0], name: `g-${names[0]}`, uuid: things.portgroup }))
  await both(at('POST', '/ports', { node_uuid: nodes[0], address: macs[0], uuid: ports[0] }))
  await both(at('POST', '/ports', { node_uuid: nodes[0], address: macs[1], uuid: ports[1], portgroup_uuid: things.portgroup })) // prettier-ignore
  await both(at('POST', '/volume/connectors', { node_uuid: nodes[0], type: 'iqn', connector_id: `c-${names[0]}`, uuid: things.connector })) // prettier-ignore
  await both(at('POST', '/volume/targets', { node_uuid: nodes[0], volume_type: 'iscsi', volume_id: 'v', boot_index: 0, uuid: things.target })) // prettier-ignore
  const steps = [{ interface: 'bios', step: 'a', args: {}, priority: 10 }]
  await both(at('POST', '/deploy_templates', { name: things.trait, steps, uuid: things.template }))
  for (const body of RESTS[rest]!) {
    await both(at('PUT', `/nodes/${names[0]}/states/provision`, body))
    await settle(servers, nodes[0])
  }
  // Ironic's fake machine has no power state before somebody gives it one.
  for (const node of nodes) await both(at('PUT', `/nodes/${node}/states/power`, { target: 'power off' }))
  await settle(servers, ...nodes)
}

/** Requests of one episode, always the same for a seed. */
export function requestsOf(things: Things, seed: number, count: number): Sent[] {
  const any = fc.oneof(...nodeRequests(things), ...otherRequests(things))
  return fc.sample(any, { numRuns: count, seed })
}

const isDone = ({ status }: Seen) => status < 400

/** Sends one; `told` says whether it can be gone on after what it is told. Answers whether the two servers still hold the same. */
export async function play(
  servers: Servers,
  sent: Sent,
  things: Things,
  told: (judged: Judged) => Promise<boolean>,
): Promise<boolean> {
  const judged = await judge(servers, sent)
  const isFine = await told(judged)
  if (sent.method === 'GET') return true
  if (!isDone(judged.theirs) || !isDone(judged.ours)) return isFine
  if (/\/states\/|\/vendor_passthru/.test(sent.path)) await settle(servers, ...things.nodes)
  if (/\/allocations/.test(sent.path)) {
    await allocated(servers)
    await settle(servers, ...things.nodes)
  }
  const after = await afterwards(servers, sent)
  return after === undefined || (await told(after))
}

/** What the node of a request is after it, which is told under that request. */
export async function afterwards(servers: Servers, sent: Sent): Promise<Judged | undefined> {
  const node = /^\/v1\/nodes\/([^/?]+)/.exec(sent.path)?.[1]
  if (node === undefined) return undefined
  const after = await judge(servers, at('GET', `/nodes/${node}`))
  return { ...after, sent: { ...sent, path: `${sent.path} → GET` } }
}

export const LISTS = ['/nodes/detail', '/ports/detail', '/portgroups/detail', '/volume/connectors?detail=True', '/volume/targets?detail=True', '/chassis/detail', '/deploy_templates?detail=True', '/allocations'] // prettier-ignore

/** Waits until no node is worked on. */
export async function settle(servers: Servers, ...nodes: string[]): Promise<void> {
  for (const node of nodes) for (const [url, asked] of eachOf(servers)) await rested(url, asked, node)
}

const eachOf = ({ ironic, ferrule }: Servers) =>
  [
    [ironic, askIronic],
    [ferrule, askFerrule],
  ] as const

/** Waits until no allocation is on its way: Ironic answers before it has one. */
async function allocated(servers: Servers): Promise<void> {
  for (const [url, asked] of eachOf(servers))
    for (let i = 0; i < 100; i++) {
      const { body } = await asked(url, at('GET', '/allocations?state=allocating'))
      if ((body as { allocations: unknown[] }).allocations.length === 0) break
      await sleep(50)
    }
}

async function rested(url: string, asked: typeof askIronic, node: string): Promise<void> {
  let seen = ''
  for (let i = 0; i < 400; i++) {
    const { status, body } = await asked(url, at('GET', `/nodes/${node}?fields=provision_state,reservation,target_power_state`)) // prettier-ignore
    if (status === 404) return
    const { provision_state: state, reservation, target_power_state: power } = body as Record<string, string | null>
    if (!/ing$| wait$|call-back$/.test(state ?? '') && reservation === null && power === null) return
    seen = JSON.stringify(body)
    await sleep(i < 20 ? 20 : 100)
  }
  throw new Error(`${url}: ${node} does not come to rest: ${seen}`)
}

/** Takes everything away, on each server what that has. */
export async function clear(servers: Servers): Promise<void> {
  for (const [url, asked] of eachOf(servers)) {
    const list = async (path: string, key: string) =>
      ((await asked(url, at('GET', path))).body as Record<string, { uuid: string }[]>)[key]!.map(({ uuid }) => uuid)
    const gone = async (path: string) => {
      let seen: Seen | undefined
      for (let i = 0; i < 50; i++) {
        seen = await asked(url, at('DELETE', path))
        if (seen.status < 300 || seen.status === 404) return
        await sleep(100)
      }
      throw new Error(`${url}: ${path} stays: ${seen?.status} ${faultOf(seen?.body)}`)
    }
    for (const uuid of await list('/nodes', 'nodes')) {
      await rested(url, asked, uuid)
      await asked(url, at('PATCH', `/nodes/${uuid}`, [{ op: 'remove', path: '/protected' }]))
      await asked(url, at('PUT', `/nodes/${uuid}/maintenance`, {}))
      await gone(`/nodes/${uuid}`)
    }
    for (const path of ['chassis', 'deploy_templates', 'allocations'])
      for (const uuid of await list(`/${path}`, path)) await gone(`/${path}/${uuid}`)
  }
}
