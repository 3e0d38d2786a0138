// A BMC that cannot be used: the node stays where it was, unlocked, and says what is wrong and what to do; put right, it goes on.
import { expect, test } from 'vitest'
import { startStory, type Story } from './story.ts'

/** Tries to manage the node, which fails: the error, with the node back in `enroll`. */
async function manageInVain({ api, node, fail }: Story): Promise<string> {
  await api.provision(node, 'manage')
  const { last_error: error, reservation } = await fail('enroll')
  expect(reservation).toBeNull()
  return error
}

async function manage({ api, node, reach }: Story): Promise<void> {
  await api.provision(node, 'manage')
  expect(await reach('manageable')).toMatchObject({ last_error: null, power_state: 'power off' })
}

test.concurrent('a wrong BMC password', async (context) => {
  await using story = await startStory(context)
  const { api, node, machine, site } = story
  await api.patchNode(node, { driver_info: { ...site.driverInfo(machine), ipmi_password: 'not the one' } })
  const error = await manageInVain(story)
  expect(error).toContain(`BMC ${machine.bmc.address}`)
  expect(error).toMatch(/Next: .*ipmi_username and ipmi_password in driver_info/)
  expect(error).not.toContain('not the one')
  await api.patchNode(node, { 'driver_info/ipmi_password': machine.options.bmcPassword })
  await manage(story)
})

test.concurrent('a BMC that does not answer', async (context) => {
  await using story = await startStory(context)
  const { machine } = story
  machine.bmc.network.silent = true
  const error = await manageInVain(story)
  expect(error).toContain(`BMC ${machine.bmc.address}`)
  expect(error).toMatch(/Next: .*ipmi_address, cabling/)
  machine.bmc.network.silent = false
  await manage(story)
})

test.concurrent('driver_info without the address of the BMC', async (context) => {
  await using story = await startStory(context)
  const { api, node, machine, site } = story
  await api.patchNode(node, { driver_info: { ipmi_username: 'admin' } })
  const error = await manageInVain(story)
  expect(error).toContain('ipmi_address')
  expect(error).toMatch(/Next: PATCH driver_info/)
  await api.patchNode(node, { driver_info: site.driverInfo(machine) })
  await manage(story)
})
