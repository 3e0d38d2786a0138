// Two conductors of one site while people deploy: one is drained, its nodes go over one by one, and nothing that runs is broken off.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

const COUNT = 8
const FAKE = { boot: false, drivers: ['fake-hardware'] }

interface Ring {
  readonly pending: number
  readonly imbalance: number
  readonly members: readonly { readonly hostname: string; readonly nodes: number; readonly draining: boolean }[]
}

test.concurrent('a drained conductor finishes its tasks and gives its nodes to the other, which drives them', async (context) => {
  await using story = await startStory(context, { machines: 0, conductorConfig: FAKE })
  const { api, reach, site, until } = story
  const [first] = ((await api.call('GET', '/conductors')) as { conductors: { hostname: string }[] }).conductors
  const ring = async () => (await api.call('GET', '/sites/default/ring')) as Ring
  const nodes: string[] = []
  for (let i = 0; i < COUNT; i++) {
    const driver_info = { fake_delay_ms: 20 }
    const made = await api.call('POST', '/nodes', {
      name: `n${i}`,
      driver: 'fake-hardware',
      driver_info,
      automated_clean: false,
    })
    nodes.push((made as { uuid: string }).uuid)
  }
  await site.join(FAKE)
  await until('half of the nodes are with each', async () => {
    const { pending, members } = await ring()
    return pending === 0 && members.every((member) => member.nodes === COUNT / 2)
  })
  for (const node of nodes) await api.provision(node, 'manage')
  for (const node of nodes) await reach('manageable', node)
  for (const node of nodes) await api.provision(node, 'provide')
  for (const node of nodes) await reach('available', node)
  for (const node of nodes) await api.provision(node, 'active')
  await api.call('POST', `/conductors/${first!.hostname}/drain`)
  for (const node of nodes) await reach('active', node)
  await until('the drained one has none', async () =>
    (await ring()).members.every((member) => member.nodes === (member.draining ? 0 : COUNT)),
  )
  for (const node of nodes) {
    const timeline = await api.timeline(node)
    expect(timeline.filter(({ type }) => type === 'task.failed')).toEqual([])
    const started = timeline.filter(({ type }) => type === 'step.started').map(({ step }) => step)
    const finished = timeline.filter(({ type }) => type === 'step.finished').map(({ step }) => step)
    expect(started, 'no step twice').toEqual(finished)
  }
  for (const node of nodes) await api.provision(node, 'deleted')
  for (const node of nodes) await reach('available', node)
  await api.call('POST', `/conductors/${first!.hostname}/undrain`)
  await until('half of the nodes are back', async () => {
    const { pending, imbalance } = await ring()
    return pending === 0 && imbalance === 0
  })
})
