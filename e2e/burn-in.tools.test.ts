// Burn-ins from the request to the real stress-ng and fio, which the agent runs once it has fetched their layer from the conductor. Bounds are tiny.
import { createHash } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { noise } from '../agent/testing.ts'
import { startStory, type Story } from './story.ts'

const LAYER = noise(300_000, 7)
const step = (name: string) => ({ interface: 'deploy', step: name })
const MIB = 2 ** 20

/** Where its conductor looks for layers. */
const layersOf = ({ folder }: Pick<Story, 'folder'>) => join(folder, 'site/conductor/files/layers')

async function managed(story: Story, layer: Uint8Array | undefined, info: Record<string, unknown>): Promise<Story> {
  const { api, node } = story
  await mkdir(layersOf(story), { recursive: true })
  if (layer) await writeFile(join(layersOf(story), 'burnin.cpio.zst'), layer)
  for (const [name, value] of Object.entries(info)) await api.patchNode(node, { [`driver_info/${name}`]: value })
  await api.provision(node, 'manage')
  await story.reach('manageable')
  return story
}
const done = async ({ api, node }: Story) =>
  (await api.timeline(node)).flatMap(({ type, body }) =>
    type.startsWith('burnin') && type.endsWith('.done') ? [String(body['result'])] : [],
  )

test(
  'CPU, memory and disk are burnt in, one after another, and the layer is fetched for it',
  { timeout: 120_000 },
  async (context) => {
    await using story = await startStory(context, { diskBytes: 16 * MIB, patienceMs: 90_000 })
    await managed(story, LAYER, {
      ...{ agent_burnin_cpu_timeout: 1, agent_burnin_cpu_cpu: 1, agent_burnin_vm_timeout: 1, agent_burnin_vm_vm: 1 },
      ...{ 'agent_burnin_vm_vm-bytes': '32m', agent_burnin_fio_disk_loops: 1 },
    })
    const { api, node, machine } = story
    const clean_steps = [step('burnin_cpu'), step('burnin_memory'), step('burnin_disk')]
    await api.provision(node, 'clean', { clean_steps })
    await story.reach('manageable')
    const results = await story.until('all results', async () =>
      (await done(story)).length === 3 ? done(story) : undefined,
    )
    expect(results).toEqual([
      expect.stringMatching(/^burnin_cpu: \d+ operations in [\d.]+ s$/),
      expect.stringMatching(/^burnin_memory: \d+ operations in [\d.]+ s$/),
      expect.stringMatching(/^burnin_disk: \S+disk \d+ bytes written, \d+ read$/),
    ])
    const digest = createHash('sha256').update(LAYER).digest('hex')
    expect(machine.console()).toContain(`layer burnin ${digest}`)
  },
)

test(
  'a disk that loses what was written fails the cleaning, and fio says where',
  { timeout: 120_000 },
  async (context) => {
    await using story = await startStory(context, { diskBytes: 16 * MIB, patienceMs: 90_000 })
    await managed(story, LAYER, { agent_burnin_fio_disk_loops: 1000, agent_burnin_fio_disk_runtime: 5 })
    const { api, node, machine } = story
    await api.provision(node, 'clean', { clean_steps: [step('burnin_disk')] })
    const failed = story.fail('clean failed')
    const disk = await open(machine.disk.path, 'r+')
    const ended = failed.then(
      () => true,
      () => true,
    )
    // Some block of it goes bad all the time.
    for (let at = 0; !(await Promise.race([ended, sleep(5, false)])); at = (at + 52) % 3_000) {
      await disk.write(noise(4096, at + 1), 0, 4096, at * 4096)
    }
    await disk.close()
    const { last_error: why } = await failed
    expect(why).toContain('fio has found faults on')
    expect(why).toMatch(/verify: bad \w+ header .* offset=\d+/)
  },
)

test('two machines send each other what the network takes, one way and back', { timeout: 120_000 }, async (context) => {
  await using story = await startStory(context, { machines: 2, patienceMs: 90_000 })
  const [one, two] = story.site.machines.map(({ node }) => node) as [string, string]
  await managed(story, LAYER, {})
  await story.api.provision(two, 'manage')
  await story.reach('manageable', two)
  for (const [node, role] of [
    [one, 'writer'],
    [two, 'reader'],
  ] as const)
    await story.api.patchNode(node, {
      'driver_info/agent_burnin_fio_network_runtime': 1,
      'driver_info/agent_burnin_fio_network_config': { role, partner: '127.0.0.1' },
    })
  for (const node of [two, one]) await story.api.provision(node, 'clean', { clean_steps: [step('burnin_network')] })
  for (const node of [one, two]) await story.reach('manageable', node)
  const said = await done(story)
  expect(said).toEqual([
    expect.stringMatching(
      /^burnin_network: writer with 127\.0\.0\.1: [1-9]\d+ bytes; reader with 127\.0\.0\.1: [1-9]\d+ bytes$/,
    ),
  ])
})

test(
  'a conductor without the layer, a field that is none and a GPU without its program are said',
  { timeout: 120_000 },
  async (context) => {
    await using story = await startStory(context, {})
    await managed(story, undefined, { agent_burnin_gpu_install_dir: '/nonexistent' })
    const { api, node } = story
    const failing = async (name: string) => {
      await api.provision(node, 'clean', { clean_steps: [step(name)] })
      const { last_error: why } = await story.fail('clean failed')
      await api.call('DELETE', `/nodes/${node}/maintenance`)
      await api.provision(node, 'manage')
      await story.reach('manageable')
      return why
    }
    expect(await failing('burnin_cpu')).toContain('the conductor has no layer burnin: build it with')
    await writeFile(join(layersOf(story), 'burnin.cpio.zst'), LAYER)
    await api.patchNode(node, { 'driver_info/agent_burnin_cpu_timeout': 'a while' })
    expect(await failing('burnin_cpu')).toContain('agent_burnin_cpu_timeout')
    await api.patchNode(node, { 'driver_info/agent_burnin_cpu_timeout': 60 })
    expect(await failing('burnin_gpu')).toContain('gpu-burn is in no package of Debian')
    expect(await failing('burnin_network')).toContain('agent_burnin_fio_network_config')
  },
)
