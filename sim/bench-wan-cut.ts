// The line between site and cloud is cut with fifty deployments in the middle of their writes (R5): cloud, conductor and the machines are
// processes of their own, the cut lasts as long as they need, or `--minutes N`. With one conductor all must finish in the dark and be reported once afterwards; with
// two all must finish after the cut. The figure is the replay: from the new session to the last report. What was missed or doubled is an error.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PLANS } from '../cloud/plans.ts'
import { resolveConfig } from '../site-conductor/config.ts'
import { startConductor } from '../site-conductor/conductor.ts'
import { enrol } from '../site-conductor/cli/enrol.ts'
import { silent } from '../site-conductor/log.ts'
import { startSimCloud } from './cloud.ts'
import { numbers } from './kills/options.ts'
import { startSimSite, type SimSite } from './site.ts'
import { startWan } from './wan.ts'

const MACHINES = 50
/** The servers' default: a shorter one lapses by itself on a busy machine. */
const LEASE_MS = 15_000
const MIB = 2 ** 20
const GOAL_S = 5
const TIMEOUT_MS = 300_000
const STEPS = PLANS.deploy.map((step) => `${step.interface}.${step.step}`).join()

interface Cut {
  readonly conductors: 1 | 2
  /** From the cut to the hub's `site.offline`. */
  readonly noticedS: number
  /** From the end of the writes' hold until the last operating system ran; undefined where that was after the cut. */
  readonly darkS: number | undefined
  readonly cutS: number
  /** From the line's return to the new session. */
  readonly reconnectS: number
  /** From there to the last task.done. */
  readonly reportS: number
}

/** Takes about three minutes on two cores, or two cuts of `--minutes`. */
export async function run(args: readonly string[]) {
  const { minutes } = numbers(args, { minutes: 1 })
  const one = await cut(1, minutes)
  console.log(lineOf(one))
  const two = await cut(2, minutes)
  return {
    name: 'wan-cut',
    figure: one.reportS,
    unit: 's',
    anchor: null,
    anchorName: 'Ironic has no site that goes on by itself',
    ratio: null,
    goal: GOAL_S,
    floor: GOAL_S,
    smallerIsBetter: true,
    text: lineOf(two),
  }
}

function lineOf({ conductors, noticedS, darkS, cutS, reconnectS, reportS }: Cut): string {
  const s = (value: number) => `${value.toFixed(1)} s`
  return [
    `${conductors === 1 ? 'one conductor' : 'two conductors'}: ${MACHINES} deployments in mid-write, lease ${LEASE_MS / 1000} s, cut for ${s(cutS)}, offline after ${s(noticedS)}`,
    darkS === undefined
      ? 'no machine was switched during the cut'
      : `all ${MACHINES} systems ran during the cut, ${s(darkS)} after the images went on`,
    `new session ${s(reconnectS)} after the line's return, last report ${s(reportS)} after that; every step and task reported once`,
  ].join('\n  ')
}

async function cut(conductors: 1 | 2, minutes: number): Promise<Cut> {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-bench-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const cloud = await startSimCloud({ dataDir: join(folder, 'cloud'), as: 'process', onLog: () => {} })
  things.defer(() => cloud.close())
  const wan = await startWan(cloud.url)
  things.defer(() => wan.close())
  const site = await startSimSite({
    cloudUrl: cloud.url,
    token: cloud.token,
    machines: MACHINES,
    dataDir: join(folder, 'site'),
    conductor: 'process',
    conductorConfig: { url: wan.url, logLevel: 'warn' },
    imageBytes: 8 * MIB,
  })
  things.defer(() => site.close())
  if (conductors === 2) things.defer(await second(site, cloud.url, wan.url, join(folder, 'second')))

  await toState(site, 'enroll', 'manage', 'manageable')
  await toState(site, 'manageable', 'provide', 'available')
  const hold = site.images.hold('sim.raw', 6 * MIB)
  for (const { node } of site.machines)
    await site.api.provision(node, 'active', { configdrive: { meta_data: { hostname: node } } })
  const all = (text: string) => site.machines.every(({ machine }) => machine.console().includes(text))
  await until(
    'writes under way',
    async () => all('prepare_image started') && site.images.downloads('sim.raw') >= MACHINES,
  )

  const cutAt = performance.now()
  const since = (from: number) => (performance.now() - from) / 1000
  wan.cut()
  await until('site.offline', async () => (await eventsOf(site, 'site.offline')).length > 0)
  const noticedS = since(cutAt)
  // A conductor's lease ends before the hub knows of it, by the margin at least.
  const releasedAt = performance.now()
  hold.release()
  const isUp = () =>
    site.machines.filter(({ machine, node }) => machine.console().includes(`FERRULE-OS-UP host=${node}`)).length
  let darkS: number | undefined
  if (conductors === 1) {
    await until('systems during the cut', async () => isUp() === MACHINES)
    darkS = since(releasedAt)
  } else {
    await until('written images', async () => all('prepare_image succeeded'))
    if (isUp() > 0) throw new Error(`${isUp()} machines were switched by a conductor that had no right to`)
  }
  await sleep(Math.max(0, minutes * 60_000 - since(cutAt) * 1000))
  const cutS = since(cutAt)
  const restoredAt = performance.now()
  wan.restore()
  await until('site.online', async () => (await eventsOf(site, 'site.online')).length > 0)
  const reconnectS = since(restoredAt)
  await until('active nodes', async () => (await statesOf(site)).every((state) => state === 'active'))
  await until('systems', async () => isUp() === MACHINES)
  const reportS = await reported(site)
  return { conductors, noticedS, darkS, cutS, reconnectS, reportS }
}

/** Every step and task was reported once. Answers the seconds between the new session and the last report. */
async function reported(site: SimSite): Promise<number> {
  const [online] = await eventsOf(site, 'site.online')
  let last = 0
  for (const { node } of site.machines) {
    const entries = await site.api.timeline(node)
    const task = entries.findLast(({ type }) => type === 'task.opened')?.task
    const of = (type: string) => entries.filter((entry) => entry.task === task && entry.type === type)
    const steps = of('step.finished').map(({ step }) => step)
    if (steps.join() !== STEPS || of('task.done').length !== 1)
      throw new Error(`${node} was reported as ${steps.join()}, done ${of('task.done').length} times`)
    last = Math.max(last, Date.parse(of('task.done')[0]!.at))
  }
  return (last - Date.parse(online!.at)) / 1000
}

async function toState(site: SimSite, from: string, verb: string, to: string): Promise<void> {
  for (const { node } of site.machines) {
    if (from === 'enroll')
      await site.api.patchNode(node, { automated_clean: false, instance_info: site.instanceInfo() })
    await site.api.provision(node, verb)
  }
  await until(to, async () => (await statesOf(site)).every((state) => state === to))
}

async function statesOf({ api }: SimSite): Promise<string[]> {
  const { nodes } = (await api.call('GET', '/nodes?fields=provision_state,last_error')) as {
    nodes: { provision_state: string; last_error: string | null }[]
  }
  for (const { last_error: error } of nodes) if (error !== null) throw new Error(error)
  return nodes.map(({ provision_state: state }) => state)
}

async function eventsOf({ api }: SimSite, type: string): Promise<{ at: string }[]> {
  return ((await api.call('GET', `/events?type=${type}`)) as { events: { at: string }[] }).events
}

/** A member of the ring that serves another driver; answers its end. */
async function second(
  { api, id }: SimSite,
  cloudUrl: string,
  url: string,
  dataDir: string,
): Promise<() => Promise<void>> {
  const { token } = (await api.call('POST', `/sites/${id}/enrol-tokens`, {})) as { token: string }
  await enrol({ url: cloudUrl, token, dataDir, hostname: 'second' })
  const { config } = resolveConfig({ file: JSON.stringify({ dataDir, boot: false, drivers: ['fake-hardware'], url }) })
  const conductor = await startConductor({ config, log: silent })
  await until('the second conductor', async () => conductor.isConnected())
  return () => conductor.close()
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + TIMEOUT_MS
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`no ${what} in ${TIMEOUT_MS / 1000} s`)
    await sleep(50)
  }
}
