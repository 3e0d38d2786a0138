// The line between site and cloud is cut in the middle of deployments. A lone conductor finishes them in the dark and reports once; one of
// two waits, while the agents go on writing.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PLANS } from '../cloud/plans.ts'
import { ApiError } from '../sim/api.ts'
import { resolveConfig } from '../site-conductor/config.ts'
import { startConductor } from '../site-conductor/conductor.ts'
import { enrol } from '../site-conductor/cli/enrol.ts'
import { silent } from '../site-conductor/log.ts'
import { startStory, type Story } from './story.ts'

const MIB = 2 ** 20
const LEASE_MS = 3000
const STEPS = PLANS.deploy.map((step) => `${step.interface}.${step.step}`)

/** Every machine stands still in the middle of its write. */
async function allInMidWrite({ api, site, until, reach }: Story) {
  const nodes = site.machines.map(({ node }) => node)
  await Promise.all(
    nodes.map(async (node) => {
      await api.patchNode(node, { automated_clean: false, instance_info: site.instanceInfo() })
      await api.provision(node, 'manage')
      await reach('manageable', node)
      await api.provision(node, 'provide')
      await reach('available', node)
    }),
  )
  const before = site.machines.map(({ machine }) => machine.offToOn())
  const hold = site.images.hold('sim.raw', 13 * MIB)
  for (const [i, node] of nodes.entries())
    await api.provision(node, 'active', { configdrive: { meta_data: { hostname: `dark-${i}` } } })
  for (const node of nodes)
    await until('progress of the write', async () =>
      (await api.timeline(node)).some(({ type }) => type === 'write_image'),
    )
  return { nodes, before, hold }
}

const siteOf = async ({ api, site }: Story) =>
  (await api.call('GET', `/sites/${site.id}`)) as { offline_since: string | null }
const staleOf = async ({ api }: Story, node: string) =>
  ((await api.call('GET', `/nodes/${node}?fields=stale_since`)) as { stale_since: string | null }).stale_since
const eventsOf = async ({ api }: Story, type: string) =>
  ((await api.call('GET', `/events?type=${type}`)) as { events: unknown[] }).events

/** Each step of the plan was reported finished, once and in order, and so was the task. */
async function reportedOnce({ api }: Story, node: string): Promise<void> {
  const entries = await api.timeline(node)
  const { task } = entries.findLast(({ type }) => type === 'task.opened')!
  const of = (type: string) => entries.filter((entry) => entry.task === task && entry.type === type)
  expect(of('step.finished').map(({ step }) => step)).toEqual(STEPS)
  expect(of('task.done')).toHaveLength(1)
}

const isUp = (console: string, i: number) => console.includes(`FERRULE-OS-UP host=dark-${i}`)

test.concurrent('a lone conductor finishes five deployments during a cut, and reports each once afterwards', async (context) => {
  await using story = await startStory(context, {
    wan: true,
    leaseMs: LEASE_MS,
    machines: 5,
    conductor: 'process',
    imageBytes: 16 * MIB,
  })
  const { api, site, until, reach } = story
  const { nodes, before, hold } = await allInMidWrite(story)
  const versions = await Promise.all(nodes.map(async (node) => (await api.node(node))['updated_at']))
  story.wan!.cut()
  const since = await until('end of the lease', async () => (await siteOf(story)).offline_since ?? undefined)
  for (const node of nodes) expect(await staleOf(story, node)).toBe(since)
  const refusal = await api
    .call('PUT', `/nodes/${nodes[0]}/states/power`, { target: 'power off' })
    .catch((error: unknown) => error)
  expect(refusal, 'the node is reserved by its task').toBeInstanceOf(ApiError)
  const validation = await api.call('GET', `/nodes/${nodes[0]}/validate`).catch((error: ApiError) => error)
  expect(validation).toMatchObject({
    status: 503,
    body: {
      code: 'site.no_conductor',
      detail: expect.stringContaining(`offline since ${since}`),
      hint: expect.stringMatching(/uplink/),
    },
  })

  hold.release()
  for (const [i, { machine }] of site.machines.entries())
    await until(`operating system of machine ${i} during the cut`, () => isUp(machine.console(), i))
  for (const [i, node] of nodes.entries()) {
    expect(await api.node(node)).toMatchObject({
      provision_state: 'deploying',
      last_error: null,
      maintenance: false,
      updated_at: versions[i],
    })
  }
  expect(await eventsOf(story, 'site.offline')).toHaveLength(1)

  story.wan!.restore()
  for (const node of nodes) {
    expect(await reach('active', node)).toMatchObject({ power_state: 'power on', last_error: null })
    await reportedOnce(story, node)
    expect(await staleOf(story, node)).toBeNull()
  }
  for (const [i, { machine }] of site.machines.entries()) {
    expect(machine.offToOn() - before[i]!, 'off to on: the ramdisk and the instance').toBe(2)
    expect(machine.bmc.log.of('Chassis Control').map(({ detail }) => detail)).not.toContain('cycle')
  }
  expect(site.images.downloads('sim.raw'), 'no image is fetched again').toBe(5)
  expect(await siteOf(story)).toMatchObject({ offline_since: null })
  expect(await eventsOf(story, 'site.online')).toHaveLength(1)
})

test.concurrent('a deployment that has only just begun is booted, written and started without the cloud', async (context) => {
  await using story = await startStory(context, { wan: true, leaseMs: LEASE_MS, conductor: 'process' })
  const { api, node, site, machine, until, reach, wan } = story
  await story.prepare()
  const before = machine.offToOn()
  const bootBytes = machine.bootBytes()
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'dark-0' } } })
  await until('first step', async () =>
    (await api.timeline(node)).some(({ type, body }) => type === 'step.started' && body['of'] === STEPS.length),
  )
  wan!.cut()
  await until('operating system during the cut', () => isUp(machine.console(), 0))
  const told = (await api.timeline(node)).filter(({ type }) => type === 'step.finished' || type === 'task.done')
  expect(told.filter(({ step }) => step === 'deploy.write_image')).toEqual([])
  expect(machine.bootBytes(), 'it was booted over the network').toBeGreaterThan(bootBytes + 256 * 1024)
  wan!.restore()
  await reach('active')
  await reportedOnce(story, node)
  expect(machine.offToOn() - before).toBe(2)
})

test.concurrent('where another conductor could take over, a deployment waits for the line while its agent writes', async (context) => {
  await using story = await startStory(context, {
    wan: true,
    leaseMs: LEASE_MS,
    conductor: 'process',
    imageBytes: 16 * MIB,
  })
  const { api, site, until, reach, machine, node, wan } = story
  await using second = await secondConductor(story)
  await until('a second conductor', () => second.isConnected())
  const { before, hold } = await allInMidWrite(story)
  wan!.cut()
  await until('end of the lease', async () => (await siteOf(story)).offline_since ?? undefined)
  await until('end of its right to go on', () => story.log.some((line) => line.includes('"task left"')))
  hold.release()
  await until('end of the write', () => machine.console().includes('prepare_image succeeded'))
  expect(isUp(machine.console(), 0), 'nobody may switch the machine off and on').toBe(false)
  wan!.restore()
  expect(await reach('active', node)).toMatchObject({ power_state: 'power on', last_error: null })
  await until('operating system', () => isUp(machine.console(), 0))
  await reportedOnce(story, node)
  expect(machine.offToOn() - before[0]!).toBe(2)
  expect(site.images.downloads('sim.raw')).toBe(1)
  expect(await api.node(node)).toMatchObject({ provision_state: 'active' })
})

/** A member of the ring that serves another driver: that it lives is what counts. */
async function secondConductor({ api, site, wan, cloud, folder }: Story) {
  const dataDir = join(folder, 'second')
  const { token } = (await api.call('POST', `/sites/${site.id}/enrol-tokens`, {})) as { token: string }
  await enrol({ url: cloud.url, token, dataDir, hostname: 'second' })
  const file = JSON.stringify({ dataDir, boot: false, drivers: ['fake-hardware'], url: wan!.url })
  const conductor = await startConductor({ config: resolveConfig({ file }).config, log: silent })
  return { isConnected: () => conductor.isConnected(), [Symbol.asyncDispose]: () => conductor.close() }
}
