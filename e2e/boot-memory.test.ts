// A BMC that keeps no boot device (ipmi_force_boot_device): what was set to stay is on the node, outlives the conductor, and each start is told it.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

test('the boot device that was set to stay is set again at each start, by the next conductor and by a deployment, too', async (context) => {
  await using story = await startStory(context)
  const { api, machine, node, reach, site, until } = story
  const { bmc } = machine
  const flags = () =>
    bmc.log.entries
      .filter(({ command, detail }) => /Control|boot device/.test(`${command} ${detail}`))
      .map(({ detail }) => detail.replace(' efi', ''))
  const bootDevice = `/nodes/${node}/management/boot_device`
  const power = async (target: string) => {
    await api.call('PUT', `/nodes/${node}/states/power`, { target })
    await until(target, async () => {
      const { power_state: state, target_power_state: wanted } = await api.node(node)
      return wanted === null && state === target
    })
  }
  await api.patchNode(node, { 'driver_info/ipmi_force_boot_device': true })
  await api.provision(node, 'manage')
  await reach('manageable')

  await api.call('PUT', bootDevice, { boot_device: 'cdrom', persistent: true })
  expect((await api.node(node))['driver_internal_info']).toMatchObject({ persistent_boot_device: 'cdrom' })
  await site.conductor.kill()
  await site.conductor.start()
  const seen = () => api.call('GET', bootDevice).catch(() => undefined)
  expect(await until('an answer', seen)).toEqual({ boot_device: 'cdrom', persistent: true })
  let before = flags().length
  await power('power on')
  await power('power off')
  expect(flags().slice(before)).toEqual(['boot device 5', 'on', 'off'])

  await api.call('PUT', bootDevice, { boot_device: 'bios', persistent: false })
  before = flags().length
  await power('power on')
  await power('power off')
  await power('power on')
  await power('power off')
  expect(flags().slice(before)).toEqual(['on', 'off', 'boot device 5', 'on', 'off'])

  await api.provision(node, 'provide')
  await reach('available')
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  await reach('active')
  expect((await api.node(node))['driver_internal_info']).toMatchObject({
    persistent_boot_device: 'disk',
    is_next_boot_persistent: true,
  })
  before = flags().length
  await power('power off')
  await power('power on')
  expect(flags().slice(before)).toEqual(['off', 'boot device 2', 'on'])

  await api.provision(node, 'deleted')
  const { driver_internal_info: left } = await reach('available')
  expect(left).toMatchObject({ persistent_boot_device: 'disk' })
})
