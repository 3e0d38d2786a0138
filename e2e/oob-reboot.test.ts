// Who switches a machine off at the end of the agent's work (driver_info.deploy_forces_oob_reboot).
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

test.for([
  ['its agent is asked to, before its BMC makes sure, when nothing is said', undefined, true],
  ['its BMC alone is asked to, when that is wanted', true, false],
] as const)('%s', async ([, forces, asksAgent], context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, reach, until } = story
  const more = forces === undefined ? {} : { 'driver_info/deploy_forces_oob_reboot': forces }
  await api.patchNode(node, { automated_clean: false, instance_info: site.instanceInfo(), ...more })
  await story.prepare()
  await api.provision(node, 'active')
  await reach('active')
  await until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(machine.console()).toContain('standby.sync')
  expect(machine.console().includes('standby.power_off')).toBe(asksAgent)
})

test('what cannot be is refused before anything is done, and keeps nobody from switching the power', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, until } = story
  const driver_info = { ...site.driverInfo(machine), deploy_forces_oob_reboot: 'perhaps' }
  await api.patchNode(node, { automated_clean: false, instance_info: site.instanceInfo(), driver_info })
  await story.prepare()
  await expect(api.provision(node, 'active')).rejects.toThrow('deploy_forces_oob_reboot')
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
  await until('power', async () => (await api.node(node)).power_state === 'power on')
})
