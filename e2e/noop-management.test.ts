// A machine whose boot order is its firmware's (management interface noop): the API answers as Ironic, and its BMC is not told what to boot.
import { expect, test, type TestContext } from 'vitest'
import { startStory } from './story.ts'

const bootDevicesOf = (driver: 'ipmi' | 'redfish') => async (context: TestContext) => {
  await using story = await startStory(context, { driver })
  const { api, machine, node } = story
  await api.patchNode(node, { management_interface: 'noop' })
  const place = `/nodes/${node}/management/boot_device`
  expect(await api.call('GET', `${place}/supported`)).toEqual({ supported_boot_devices: ['pxe', 'disk'] })
  await api.call('PUT', place, { boot_device: 'disk', persistent: true })
  expect(await api.call('GET', place)).toEqual({ boot_device: 'pxe', persistent: true })
  await expect(api.call('PUT', place, { boot_device: 'cdrom' })).rejects.toMatchObject({ status: 400 })
  await expect(api.call('PUT', `/nodes/${node}/management/inject_nmi`, {})).rejects.toMatchObject({ status: 400 })
  expect(await api.call('GET', `/nodes/${node}/validate`)).toMatchObject({ management: { result: true } })
  expect(machine.bmc.log.of('Set System Boot Options')).toEqual([])
  expect(machine.redfish?.log.entries.filter(({ method }) => method === 'PATCH') ?? []).toEqual([])
  await api.patchNode(node, { management_interface: driver === 'ipmi' ? 'ipmitool' : 'redfish' })
  await api.call('PUT', place, { boot_device: 'disk', persistent: true })
  expect(await api.call('GET', place)).toEqual({ boot_device: 'disk', persistent: true })
}

for (const driver of ['ipmi', 'redfish'] as const)
  test(`${driver} with management noop: boot devices of the API`, bootDevicesOf(driver))
