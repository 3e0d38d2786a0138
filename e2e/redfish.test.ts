// A machine behind a Redfish BMC, from enrolment to a running system and back; the BMC's own log is the judge of what it was told.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

test('a machine with a Redfish BMC is enrolled, cleaned, deployed and given back', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, site, machine, node } = story
  const bmc = machine.redfish!
  const resets = () => bmc.log.of('ComputerSystem.Reset').map(({ detail }) => detail)

  await api.provision(node, 'manage')
  expect(await story.reach('manageable')).toMatchObject({
    driver: 'redfish',
    power_state: 'power off',
    driver_internal_info: { fence: 'session' },
  })
  await api.provision(node, 'provide')
  await story.reach('available')
  expect(machine.offToOn(), 'one boot for the cleaning').toBe(1)

  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'web-1' } } })
  expect(await story.reach('active')).toMatchObject({ power_state: 'power on' })
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP host=web-1'))
  expect(machine.offToOn(), 'two more for the deployment').toBe(3)
  expect(machine.bmc.log.of('Chassis Control'), 'nothing went by IPMI').toEqual([])

  await api.provision(node, 'deleted')
  expect(await story.reach('available')).toMatchObject({ power_state: 'power off', instance_info: {} })
  expect(new Set(resets())).toEqual(new Set(['On', 'ForceOff']))
  const told = bmc.log.entries.filter(({ what }) => !/Session/.test(what))
  expect(told.filter(({ status }) => status >= 300)).toEqual([])
  expect(told.map(({ session }) => session)).not.toContain('basic')
})
