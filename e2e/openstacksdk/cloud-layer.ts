// The bare metal methods of an openstacksdk connection itself, which Ansible's modules and older programs call.
import { expect } from 'vitest'
import { follow } from '../fake-node.ts'
import type { Story } from '../story.ts'
import type { Sdk } from './sdk.ts'

const [MAC, OTHER_MAC] = ['52:54:00:00:07:04', '52:54:00:00:07:05']
const IMAGE = 'http://images/b.raw'

export async function cloudLayer({ api, until, reach }: Story, { cloud, raises }: Sdk): Promise<void> {
  const name = 'machine'
  const nics = [{ mac: MAC }, { mac: OTHER_MAC }]
  const made = await cloud('register_machine', [nics], { wait: true, timeout: 60, name, driver: 'fake-hardware' })
  expect(made).toMatchObject({ name, provision_state: 'available' })
  const { uuid, machine, did } = follow(api, made.id)

  const addresses = (ports: { address: string }[]) => ports.map(({ address }) => address).sort()
  expect(addresses(await cloud('list_nics'))).toEqual([MAC, OTHER_MAC])
  expect(addresses(await cloud('list_nics_for_machine', [uuid]))).toEqual([MAC, OTHER_MAC])
  expect(await cloud('get_nic_by_mac', [MAC])).toMatchObject({ address: MAC, node_id: uuid })
  expect(await cloud('get_nic_by_mac', ['52:54:00:00:07:ff'])).toBeNull()
  expect(await cloud('list_machines')).toMatchObject([{ id: uuid }])
  expect(await cloud('get_machine', [name])).toMatchObject({ id: uuid })
  expect(await cloud('get_machine', ['absent'])).toBeNull()
  expect(await cloud('get_machine_by_mac', [OTHER_MAC])).toMatchObject({ id: uuid })

  // Through manageable and back.
  const inspected = await cloud('inspect_machine', [name], { wait: true, timeout: 60 })
  expect(inspected).toMatchObject({ provision_state: 'available', properties: { memory_mb: 32_768 } })
  expect(did()).toEqual(expect.arrayContaining(['inspected', 'metadata erased']))

  const change = { op: 'add', path: '/extra/rack', value: 7 }
  expect(await cloud('patch_machine', [name, [change]])).toMatchObject({ extra: { rack: 7 } })
  const instance_info = { image_source: IMAGE, configdrive: 'x' }
  const { changes } = await cloud('update_machine', [name], { instance_info })
  expect(changes.sort()).toEqual(['/instance_info/configdrive', '/instance_info/image_source'])
  expect(await cloud('update_machine', [name], { name })).toMatchObject({ changes: null })
  await cloud('purge_node_instance_info', [name])
  expect((await api.node(uuid))['instance_info']).toEqual({})
  await cloud('set_node_instance_info', [name, [{ op: 'add', path: '/instance_info/image_source', value: IMAGE }]])
  await cloud('validate_machine', [name])
  await cloud('validate_node', [name])

  did()
  await cloud('activate_node', [name], { wait: true, timeout: 60 })
  expect(await api.node(uuid)).toMatchObject({ provision_state: 'active', power_state: 'power on' })
  expect([did()[2], machine.disk]).toEqual([`image ${IMAGE}`, IMAGE])

  const power = async (method: string, wanted: string, does: string[]) => {
    await cloud(method, [name])
    await until(method, async () => (await api.node(uuid))['target_power_state'] === null)
    expect([(await api.node(uuid)).power_state, did()]).toEqual([wanted, does])
  }
  await power('set_machine_power_off', 'power off', ['power off'])
  await power('set_machine_power_on', 'power on', ['power on'])
  await power('set_machine_power_reboot', 'power on', ['power off', 'power on'])
  await cloud('wait_for_baremetal_node_lock', [{ $node: name }])

  await cloud('set_machine_maintenance_state', [name, true], { reason: 'broken fan' })
  expect(await api.node(uuid)).toMatchObject({ maintenance: true, maintenance_reason: 'broken fan' })
  await cloud('remove_machine_from_maintenance', [name])
  await cloud('set_machine_maintenance_state', [name, false])
  expect(await api.node(uuid)).toMatchObject({ maintenance: false, maintenance_reason: null })

  const early = await raises('cloud', 'unregister_machine', [nics, name])
  expect(early).toMatchObject({ raised: 'SDKException', said: expect.stringContaining("state 'active'") })
  await cloud('deactivate_node', [name])
  await reach('available', uuid)
  expect([machine.disk, machine.power]).toEqual([undefined, 'power off'])
  expect(await cloud('node_set_provision_state', [name, 'manage'], { wait: true, timeout: 60 })).toMatchObject({ provision_state: 'manageable' }) // prettier-ignore
  await cloud('unregister_machine', [nics, name])
  await expect(api.node(uuid)).rejects.toMatchObject({ status: 404 })
  expect(await cloud('list_nics')).toEqual([])
}
