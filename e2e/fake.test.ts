// A hundred nodes of fake hardware at once, each from enroll to active, with every step on its own timeline.
import { expect, test } from 'vitest'
import { PLANS } from '../cloud/plans.ts'
import { startStory } from './story.ts'

const COUNT = 100

test('a hundred nodes are enrolled, cleaned and deployed at once', async (context) => {
  await using story = await startStory(context, {
    machines: 0,
    conductorConfig: { boot: false, drivers: ['fake-hardware'] },
  })
  const { api, reach } = story
  const nodes = await Promise.all(
    Array.from({ length: COUNT }, async (_, i) => {
      const made = await api.call('POST', '/nodes', { name: `fake-${i}`, driver: 'fake-hardware' })
      return (made as { uuid: string }).uuid
    }),
  )
  await Promise.all(
    nodes.map(async (node) => {
      await api.provision(node, 'manage')
      await reach('manageable', node)
      await api.provision(node, 'provide')
      await reach('available', node)
      await api.patchNode(node, { instance_info: { image_source: `http://images/${node}.raw` } })
      await api.provision(node, 'active')
      await reach('active', node)
    }),
  )
  const expected = [...PLANS.verify, ...PLANS.clean, ...PLANS.deploy].map((step) => `${step.interface}.${step.step}`)
  for (const node of nodes) {
    const timeline = await api.timeline(node)
    for (const kind of ['started', 'finished'])
      expect(timeline.filter(({ type }) => type === `step.${kind}`).map(({ step }) => step)).toEqual(expected)
    const states = timeline.filter(({ type }) => type === 'node.provision_state').map(({ body }) => body['to'])
    expect(states).toEqual([
      ...['verifying', 'manageable', 'cleaning', 'clean wait', 'cleaning', 'clean wait', 'cleaning', 'available'],
      ...['deploying', 'wait call-back', 'deploying', 'active'],
    ])
    expect(await api.node(node)).toMatchObject({ provision_state: 'active', power_state: 'power on', last_error: null })
  }
})

test('a failed deployment of fake hardware ends with the machine off, and its timeline says so', async (context) => {
  await using story = await startStory(context, {
    machines: 0,
    conductorConfig: { boot: false, drivers: ['fake-hardware'] },
  })
  const { api, reach, fail } = story
  const failing = { fake_fail: { 'deploy.write_image': 'disk.io' } }
  const made = await api.call('POST', '/nodes', { name: 'bad', driver: 'fake-hardware', driver_info: failing })
  const { uuid } = made as { uuid: string }
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)
  await api.provision(uuid, 'provide')
  await reach('available', uuid)
  await api.provision(uuid, 'active')
  expect(await fail('deploy failed', uuid)).toMatchObject({ power_state: 'power off' })
  const finished = (await api.timeline(uuid)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  expect(finished.slice(-3)).toEqual(PLANS.undo.map((step) => `${step.interface}.${step.step}`))
})
