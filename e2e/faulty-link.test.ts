// The line between conductor and cloud delays, stalls, cuts, half-closes, truncates and corrupts, in the middle of deployments: all finish, and
// each is reported once. A frame that only the protocol can find wrong is refused with a name, on record, and not tried again at once.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PLANS } from '../cloud/plans.ts'
import { FAULTS, startFaultyProxy, type FaultyProxy } from '../sim/faulty-proxy.ts'
import { startStory, type Story, type StoryOptions } from './story.ts'

const SEED = 20_261_125
/** A stall of the line lasts as long: it is noticed after half of it. */
const LEASE_MS = 6000
/** After a stall the conductor has a backoff, and on a busy host everything takes its time. */
const PATIENCE_MS = 90_000
const FAKES = 18
const MACHINES = 2
/** Of a fake node's step: a deployment lasts as long as some of the faults. */
const FAKE_DELAY_MS = 400
const PAUSE_MS = { first: 900, more: 700 }
const STEPS = PLANS.deploy.map((step) => `${step.interface}.${step.step}`)

interface LinkDown {
  readonly why: string
  readonly retryInMs: number
}

const linkDowns = ({ log }: Story): LinkDown[] =>
  log.filter((line) => line.includes('"link down"')).map((line) => JSON.parse(line) as LinkDown)
const refusals = async ({ api }: Story) =>
  ((await api.call('GET', '/audit?action=conductor.frame')) as { audit: { outcome: string; body: { why?: string } }[] })
    .audit

async function behind(context: Parameters<typeof startStory>[0], options: StoryOptions) {
  let proxy: FaultyProxy | undefined
  const line = async (cloudUrl: string) => (proxy = await startFaultyProxy({ cloudUrl, seed: SEED, stallMs: LEASE_MS }))
  const story = await startStory(context, { ...options, leaseMs: LEASE_MS, patienceMs: PATIENCE_MS, line })
  return { story, proxy: proxy! }
}

async function reportedOnce({ api }: Story, node: string): Promise<void> {
  const entries = await api.timeline(node)
  const { task } = entries.findLast(({ type, body }) => type === 'task.opened' && body['kind'] === 'deploy')!
  const of = (type: string) => entries.filter((entry) => entry.task === task && entry.type === type)
  expect(of('step.finished').map(({ step }) => step)).toEqual(STEPS)
  expect(of('task.done')).toHaveLength(1)
}

test.concurrent(
  'twenty deployments over a bad line all finish, and each is reported once',
  { timeout: 240_000 },
  async (context) => {
    const { story, proxy } = await behind(context, { machines: MACHINES })
    await using _ = story
    const { api, site, reach, until } = story
    const fakes = await Promise.all(
      Array.from({ length: FAKES }, async (_each, i) => {
        const body = { driver: 'fake-hardware', name: `fake-${i}`, driver_info: { fake_delay_ms: FAKE_DELAY_MS } }
        return ((await api.call('POST', '/nodes', body)) as { uuid: string }).uuid
      }),
    )
    const nodes = [...site.machines.map(({ node }) => node), ...fakes]
    await Promise.all(
      nodes.map(async (node) => {
        await api.patchNode(node, { automated_clean: false, instance_info: site.instanceInfo() })
        await story.prepare(node)
      }),
    )
    const before = site.machines.map(({ machine }) => machine.offToOn())
    const began = linkDowns(story).length
    await Promise.all(
      nodes.map((node) =>
        api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'over-a-bad-line' } } }),
      ),
    )
    for (const [i, fault] of FAULTS.entries()) {
      await until(`connection for ${fault}`, () => proxy.strike(fault)).catch((error: Error) => {
        throw new Error(`${error.message}\n${story.log.filter((line) => /"link (up|down)"/.test(line)).join('\n')}`, {
          cause: error,
        })
      })
      await sleep(PAUSE_MS.first + i * PAUSE_MS.more)
    }
    for (const node of nodes) {
      expect(await reach('active', node)).toMatchObject({ last_error: null })
      await reportedOnce(story, node)
    }
    for (const [i, { machine }] of site.machines.entries()) {
      await until('operating system', () => machine.console().includes('FERRULE-OS-UP host=over-a-bad-line'))
      expect(machine.offToOn() - before[i]!, 'off to on: the ramdisk and the instance').toBe(2)
      expect(machine.bmc.log.of('Chassis Control').map(({ detail }) => detail)).not.toContain('cycle')
    }
    expect(proxy.struck).toEqual(Object.fromEntries(FAULTS.map((fault) => [fault, 1])))
    const downs = linkDowns(story).slice(began)
    // A delay is no reason to part.
    expect(downs.length, JSON.stringify(downs)).toBeGreaterThanOrEqual(3)
    for (const [i, { why, retryInMs }] of downs.entries()) {
      expect(why).toMatch(/^(10\d\d |44\d\d |the hub is silent|the lease lapsed|no welcome)/)
      expect(retryInMs, `try ${i} after ${why}`).toBeGreaterThanOrEqual(250)
      if (!why.startsWith('4400'))
        expect(retryInMs, `try ${i} after ${why}`).toBeLessThanOrEqual(250 + Math.min(60_000, 1000 * 2 ** i))
    }
  },
)

test.concurrent.for(['up', 'down'] as const)(
  'a frame that is spoilt on its way %s ends the connection with 4400 and a name',
  { timeout: 180_000 },
  async (direction, context) => {
    const { story, proxy } = await behind(context, {})
    await using _ = story
    const { api, node, site, machine, until } = story
    await story.prepare()
    const before = machine.offToOn()
    const hold = site.images.hold('sim.raw', 2 ** 20)
    await api.patchNode(node, { instance_info: site.instanceInfo() })
    await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'spoilt' } } })
    await hold.reached
    const began = linkDowns(story).length
    proxy.spoilNextFrame(direction)
    const [down] = await until(
      'end of the connection',
      () => linkDowns(story).length > began && linkDowns(story).slice(began),
    )
    // Whoever gets it says so; the conductor does not come back before a minute has passed: one of the two has a bug.
    expect(down!.retryInMs).toBeGreaterThanOrEqual(60_000)
    expect(down!.why).toBe(direction === 'up' ? '4400 not JSON' : 'not JSON')
    const refused = () => refusals(story)
    if (direction === 'up')
      expect(await until('audit', async () => (await refused()).length > 0 && (await refused()))).toMatchObject([
        { outcome: 'conductor.frame', body: { why: 'not JSON' } },
      ])
    else expect(await refused()).toEqual([])
    await site.conductor.kill()
    await site.conductor.start()
    hold.release()
    await story.reach('active')
    await until('operating system', () => machine.console().includes('FERRULE-OS-UP host=spoilt'))
    expect(machine.offToOn() - before).toBe(2)
  },
)
