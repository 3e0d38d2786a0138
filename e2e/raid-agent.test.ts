// Software RAID by the agent: made in a cleaning, left alone by the next one, deployed to, and taken apart.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

const system = { size_gb: 4, raid_level: '1', controller: 'software', volume_name: 'system', is_root_volume: true }
const scratch = { size_gb: 'MAX', raid_level: '0', controller: 'software', volume_name: 'scratch' }

test('two disks become a mirror, which outlives cleaning and carries the instance', async (context) => {
  await using story = await startStory(context, { moreDisks: 1, diskBytes: 16 * 2 ** 30 })
  const { api, site, machine, node } = story
  expect(await api.node(node)).toMatchObject({ raid_interface: 'no-raid' })
  await api.patchNode(node, { raid_interface: 'agent' })
  await api.provision(node, 'manage')
  await story.reach('manageable')
  await api.call('PUT', `/nodes/${node}/states/raid`, { logical_disks: [system, scratch] })
  const clean = async (...steps: string[]) => {
    const clean_steps = steps.map((name) => ({ interface: name.split('.')[0], step: name.split('.')[1] }))
    await api.provision(node, 'clean', { clean_steps })
  }
  // What is erased in the same cleaning knows it already.
  await clean('raid.create_configuration', 'deploy.erase_devices_metadata')
  expect(await story.reach('manageable')).toMatchObject({
    raid_config: {
      logical_disks: [
        { ...system, uuid: expect.any(String) as string },
        { ...scratch, uuid: expect.any(String) as string },
      ],
      last_updated: expect.stringMatching(/^20/) as string,
    },
  })
  await clean('raid.create_configuration')
  expect((await story.fail('clean failed')).last_error).toContain('there is software RAID already')
  await api.call('DELETE', `/nodes/${node}/maintenance`)

  await api.provision(node, 'manage')
  await story.reach('manageable')
  await story.prepare()
  const erased = await story.until('what was erased', async () =>
    (await api.timeline(node)).find(({ type }) => type === 'erase_devices_metadata.done'),
  )
  expect(erased.body['result']).toMatch(/4 disks erased: md0, md1, sda beside system and scratch, sdb beside/)

  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  await story.reach('active')
  await story.until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(machine.console()).toMatch(/root disk is \S+\/md0/)

  await api.provision(node, 'deleted')
  await story.reach('available')
  await api.provision(node, 'manage')
  await story.reach('manageable')
  await clean('raid.delete_configuration')
  expect(await story.reach('manageable')).toMatchObject({ raid_config: {} })
})
