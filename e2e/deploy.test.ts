// The story that everything else exists for: a machine that nobody knows becomes a machine that runs what was asked for, and is given back.
import { expect, test } from 'vitest'
import { PLANS } from '../cloud/plans.ts'
import { startStory } from './story.ts'

test('a machine is enrolled, cleaned, deployed with a config drive and given back', async (context) => {
  await using story = await startStory(context)
  const { api, site, machine, node } = story

  await api.provision(node, 'manage')
  expect(await story.reach('manageable')).toMatchObject({ power_state: 'power off' })
  await api.provision(node, 'provide')
  await story.reach('available')
  expect(machine.offToOn(), 'one boot for the cleaning').toBe(1)

  await api.patchNode(node, { instance_info: site.instanceInfo() })
  const { length: before } = await api.timeline(node)
  const configdrive = { meta_data: { hostname: 'web-1' }, user_data: '#!/bin/sh\necho hello' }
  const hold = site.images.hold('sim.raw', 5 * 2 ** 20)
  await api.provision(node, 'active', { configdrive })
  const progress = await story.until('progress of the write', async () =>
    (await api.timeline(node)).find(({ type }) => type === 'write_image'),
  )
  // The agent counts whole chunks of 4 MiB.
  expect(progress).toMatchObject({ kind: 'note', bytes: 4 * 2 ** 20, body: { total: site.image.bytes, percent: 50 } })
  hold.release()
  expect(await story.reach('active')).toMatchObject({ power_state: 'power on' })
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP'))

  expect(machine.console()).toContain(`FERRULE-OS-UP host=web-1 uuid=${node} firmware=efi config=/dev/sda2`)
  expect(machine.console()).toContain('user_data: echo hello')
  expect(machine.offToOn(), 'two more for the deployment').toBe(3)
  expect(machine.bmc.log.of('Chassis Control').map(({ detail }) => detail)).not.toContain('cycle')

  // Sorted by time, so what came in between is where it happened.
  const timeline = (await api.timeline(node)).slice(before)
  const at = timeline.map((entry) => Date.parse(entry.at))
  expect(at).toEqual(at.toSorted((a, b) => a - b))
  expect(at.every(Number.isFinite)).toBe(true)
  const finished = timeline.filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  expect(finished).toEqual(PLANS.deploy.map((step) => `${step.interface}.${step.step}`))
  for (const stage of ['dhcp-offer', 'dhcp-ack', 'ipxe-script', 'kernel', 'ramdisk'])
    expect(timeline.map(({ type }) => type)).toContain(`boot.${stage}`)
  const loaded = timeline.filter(
    ({ type, body }) => /^boot\.(kernel|ramdisk)$/.test(type) && body['outcome'] === 'complete',
  )
  expect(loaded.map(({ bytes }) => bytes)).toEqual([256 * 1024, 256 * 1024])
  expect(timeline.map(({ type }) => type)).toContain('agent.call')

  await api.provision(node, 'deleted')
  const given = await story.reach('available')
  expect(given).toMatchObject({ power_state: 'power off', instance_info: {}, instance_uuid: null })
  expect(machine.offToOn(), 'and one for the cleaning after it').toBe(4)
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
  await story.until('firmware', () => machine.transitions.at(-1)?.kind === 'nothing to boot')
})
