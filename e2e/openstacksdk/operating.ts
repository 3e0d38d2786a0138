// What openstacksdk does with a node between its changes of state.
import { expect } from 'vitest'
import { follow } from '../fake-node.ts'
import type { Story } from '../story.ts'
import type { Sdk } from './sdk.ts'

export async function operating({ api, until }: Story, { baremetal }: Sdk): Promise<void> {
  const name = 'operating'
  const { id } = await baremetal('create_node', [], { name, driver: 'fake-hardware', provision_state: 'enroll' })
  const { uuid, machine, did } = follow(api, id)
  await baremetal('create_port', [], { node_id: uuid, address: '52:54:00:00:07:02' })
  const settled = () => until('a settled node', async () => (await api.node(uuid)).reservation === null)
  const told = async () => (await api.timeline(uuid)).map(({ type, step }) => step ?? type)

  // Power: who waits sees it done, and who does not sees it later.
  await baremetal('set_node_power_state', [name, 'power on'], { wait: true, timeout: 30 })
  expect([did(), await told()]).toEqual([['power on'], expect.arrayContaining(['power.power_on'])])
  for (const [target, power, does] of [
    ['rebooting', 'power on', ['power off', 'power on']],
    ['soft rebooting', 'power on', ['power off', 'power on']],
    ['soft power off', 'power off', ['power off']],
    ['power on', 'power on', ['power on']],
    ['power off', 'power off', ['power off']],
  ] as const) {
    await baremetal('set_node_power_state', [name, target])
    await until(target, async () => (await api.node(uuid))['target_power_state'] === null)
    await baremetal('wait_for_node_power_state', [name, power], { timeout: 30 })
    expect([target, did()]).toEqual([target, does])
  }

  await settled()
  await baremetal('set_node_boot_device', [name, 'cdrom'], { persistent: true })
  expect(machine.bootDevice).toEqual({ boot_device: 'cdrom', persistent: true })
  await baremetal('set_node_boot_mode', [name, 'bios'])
  await settled()
  await baremetal('set_node_secure_boot', [name, true])
  await settled()
  expect([machine.bootMode, machine.secureBoot]).toEqual(['bios', true])
  expect(await baremetal('get_node', [name])).toMatchObject({ boot_mode: 'bios', is_secure_boot: true })

  expect(await baremetal('set_node_maintenance', [name, 'broken fan'])).toMatchObject({ is_maintenance: true, maintenance_reason: 'broken fan' }) // prettier-ignore
  expect(await baremetal('unset_node_maintenance', [name])).toMatchObject({ is_maintenance: false })
  const fields = { is_maintenance: true, maintenance_reason: 'moved', description: 'moved' }
  expect(await baremetal('update_node', [name], fields)).toMatchObject({ is_maintenance: true, maintenance_reason: 'moved' }) // prettier-ignore
  expect(await baremetal('update_node', [{ $node: name }], { is_maintenance: false })).toMatchObject({ is_maintenance: false }) // prettier-ignore
  expect((await told()).filter((type) => type === 'node.maintenance')).toHaveLength(4)

  await baremetal('set_node_traits', [name, ['CUSTOM_A', 'CUSTOM_B']])
  await baremetal('add_node_trait', [name, 'HW_CPU_X86_AVX'])
  expect(await baremetal('remove_node_trait', [name, 'CUSTOM_A'])).toBe(true)
  expect((await baremetal('get_node', [name])).traits.sort()).toEqual(['CUSTOM_B', 'HW_CPU_X86_AVX'])

  const vif = crypto.randomUUID()
  await baremetal('attach_vif_to_node', [name, vif])
  expect(await baremetal('list_node_vifs', [name])).toEqual([vif])
  expect([await detach(), await detach(), await baremetal('list_node_vifs', [name])]).toEqual([true, false, []])
  function detach() {
    return baremetal('detach_vif_from_node', [name, vif])
  }

  const valid = { result: true, reason: null }
  expect(await baremetal('validate_node', [name])).toMatchObject({ power: valid, deploy: valid, boot: valid })
  expect(await baremetal('list_node_vendor_passthru', [name])).toMatchObject({ second_method: { async: true } })
  const call = (method: string, bar: string) => baremetal('call_node_vendor_passthru', [name, 'POST', method, { bar }])
  expect(await call('third_method_sync', 'meow')).toEqual({ status: 200, body: true })
  expect(await call('second_method', 'kazoo')).toEqual({ status: 202, body: null })
  await settled()
  expect(did()).toEqual([
    ...['boot device cdrom', 'boot mode bios', 'secure boot on'],
    ...['vendor third_method_sync', 'vendor second_method'],
  ])

  // One who looked while the node was locked waits until it is not.
  await baremetal('patch_node', [name, [{ op: 'add', path: '/driver_info/fake_delay_ms', value: 500 }]])
  await baremetal('set_node_power_state', [name, 'power on'])
  const waited = baremetal('wait_for_node_reservation', [{ $node: name }], { timeout: 30 })
  expect(await waited).toMatchObject({ reservation: null, power_state: 'power on' })
  await baremetal('delete_node', [name])
}
