// Another conductor finishes what one began (ownership.md, rule 8b), from every point of each kind of action: each machine's conductor loses the hub at
// another frame of its task, goes on as far as it can, and never comes back; its journal is never read again. What the second one finds is what
// the hub knows and what the machine is like. The BMC's log, the machine's power and disk, and the timeline are the judges.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startStory, type Story } from './story.ts'
import { ACTIONS, IMAGE_BYTES, type Action, type Driver } from './takeover/actions.ts'
import { Case, judge } from './takeover/case.ts'
import { fake, simulated } from './takeover/subject.ts'
import { Wire } from './takeover/wire.ts'

/** Lease and margin are 17 s, and fifty machines boot at once on a busy host. */
const PATIENCE_MS = 150_000
const POLL_MS = 100

/** Before which frames it is cut. The last is the result. */
function pointsOf({ frames, every }: Action, driver: Driver): number[] {
  const points = Array.from({ length: Math.ceil(frames / every[driver]) }, (_, i) => i * every[driver])
  return points.at(-1) === frames - 1 ? points : [...points, frames - 1]
}

async function until(what: string, check: () => Promise<string | undefined>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const missing = await check()
    if (missing === undefined) return
    if (performance.now() > end) throw new Error(`${what}: after ${PATIENCE_MS / 1000} s ${missing}`)
    await sleep(POLL_MS)
  }
}

/** Until each node rests where its request leads to. */
async function rest({ api }: Story, wanted: readonly (readonly [node: string, Action['request']])[]): Promise<void> {
  await until('all at rest', async () => {
    const fields = 'uuid,name,provision_state,power_state,target_power_state,reservation,last_error'
    const { nodes } = (await api.call('GET', `/nodes?fields=${fields}`)) as { nodes: Record<string, string | null>[] }
    const byId = new Map(nodes.map((node) => [node['uuid'], node]))
    const going = wanted.flatMap(([id, { state, power }]) => {
      const node = byId.get(id)!
      const isThere =
        node['provision_state'] === state &&
        node['reservation'] === null &&
        node['last_error'] === null &&
        (power === undefined || (node['power_state'] === power && node['target_power_state'] === null))
      return isThere ? [] : [`${JSON.stringify(node)} instead of ${state}, ${power}`]
    })
    return going.length === 0 ? undefined : `${going.length} are elsewhere: ${going.slice(0, 5).join('; ')}`
  })
}

async function prepare(story: Story, cases: readonly Case[]): Promise<void> {
  const { api, site } = story
  const instance_info = site.instanceInfo()
  await Promise.all(cases.map(({ each }) => api.patchNode(each.node, { automated_clean: false, instance_info })))
  const most = Math.max(...cases.map(({ action }) => action.from.length))
  for (let i = 0; i < most; i++) {
    const now = cases.flatMap(({ action, each }) => {
      const request = action.from[i]
      return request === undefined ? [] : [[each, request] as const]
    })
    await Promise.all(now.map(([each, request]) => request.ask(story, each)))
    await rest(
      story,
      now.map(([{ node }, request]) => [node, request]),
    )
  }
}

const atRest = (story: Story, cases: readonly Case[]) =>
  rest(
    story,
    cases.map(({ each, action }) => [each.node, action.request]),
  )

interface Setting {
  readonly driver: Driver
  readonly config: Readonly<Record<string, unknown>>
  /** Of a conductor that can drive none of the machines. */
  readonly bystander: string
  /** How often a machine may have been booted again. */
  readonly again: readonly number[]
}
const SETTINGS: readonly Setting[] = [
  { driver: 'ipmi', config: {}, bystander: 'fake-hardware', again: [0, 1] },
  { driver: 'redfish', config: {}, bystander: 'fake-hardware', again: [0, 1] },
  { driver: 'fake-hardware', config: { boot: false, drivers: ['fake-hardware'] }, bystander: 'ipmi', again: [0] },
]

test.concurrent.for(SETTINGS)(
  'from any frame on, another conductor finishes what the first one began as it would have: $driver',
  { timeout: 400_000 },
  async ({ driver, config, bystander, again }, context) => {
    const wire = new Wire()
    const actions = ACTIONS[driver]
    const points = actions.flatMap((action) => pointsOf(action, driver).map((cutAt) => ({ action, cutAt })))
    const isFake = driver === 'fake-hardware'
    await using story = await startStory(context, {
      ...(!isFake && { driver }),
      machines: isFake ? 0 : actions.length + points.length,
      imageBytes: IMAGE_BYTES,
      ramdiskBytes: 16 * 1024,
      dialer: wire.dialer,
      conductorConfig: config,
    })
    const { site } = story
    // With a second one alive no task has a tenure.
    await site.join({ drivers: [bystander], boot: false })
    const subject = async (i: number) => (isFake ? await fake(story, `fake-${i + 1}`) : simulated(site.machines[i]!))
    const whole = await Promise.all(actions.map(async (action, i) => new Case(action, await subject(i))))
    const cut = await Promise.all(
      points.map(async ({ action, cutAt }, i) => new Case(action, await subject(actions.length + i), cutAt)),
    )
    await prepare(story, [...whole, ...cut])

    await Promise.all(whole.map((each) => each.begin(story, wire)))
    await atRest(story, whole)
    for (const each of whole) {
      expect(await judge(story, each), each.what).toBe(0)
      expect(each.frames, `${each.what}: ${each.frames.join(' ')}`).toHaveLength(each.action.frames)
    }

    await Promise.all(cut.map((each) => each.begin(story, wire)))
    await until('all cut', async () => {
      const going = cut.filter(({ frames, cutAt }) => frames.length <= cutAt)
      return going.length === 0 ? undefined : `${going.length} go on: ${going.map(({ what }) => what).join('; ')}`
    })
    wire.isCut = true
    await site.join(config)
    await atRest(story, cut)
    const boots = new Set<number>()
    for (const each of cut) boots.add(await judge(story, each))
    expect(boots).toEqual(new Set(again))
  },
)
