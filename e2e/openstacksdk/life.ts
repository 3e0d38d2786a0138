// A machine's life as openstacksdk leads it: every verb that the SDK knows.
import { expect } from 'vitest'
import { follow } from '../fake-node.ts'
import type { Story } from '../story.ts'
import type { Sdk } from './sdk.ts'

const WAITING = { wait: true, timeout: 60 }
const WORKED_ON = new Set(['cleaning', 'clean wait', 'deploying', 'wait call-back', 'inspect wait'])
const IMAGE = 'http://images/a.raw'

export async function life({ api, reach }: Story, { baremetal, configdrive, raises }: Sdk): Promise<void> {
  const name = 'life'
  const made = await baremetal('create_node', [], {
    name,
    driver: 'fake-hardware',
    provision_state: 'manageable',
    resource_class: 'gold',
    extra: { rack: 7 },
  })
  expect(made).toMatchObject({ name, provision_state: 'manageable', power_state: 'power off', resource_class: 'gold' })
  const { uuid, machine, did, path: states } = follow(api, made.id)
  const path = async () => (await states()).filter((state) => !WORKED_ON.has(String(state)))
  expect(await path()).toEqual(['verifying', 'manageable'])
  await baremetal('create_port', [], { node_id: uuid, address: '52:54:00:00:07:01' })
  const verb = (target: string, more: object = WAITING) =>
    baremetal('set_node_provision_state', [name, target], { ...more })

  expect(await verb('inspect')).toMatchObject({ properties: { cpu_arch: 'x86_64', cpus: 8 }, boot_mode: 'uefi' })
  expect([await path(), did()]).toEqual([['inspecting', 'inspecting', 'manageable'], ['inspected']])
  const settings = [{ name: 'SriovGlobalEnable', value: 'Enabled' }]
  const clean_steps = [{ interface: 'bios', step: 'apply_configuration', args: { settings } }]
  expect(await verb('clean', { ...WAITING, clean_steps })).toMatchObject({ provision_state: 'manageable' })
  expect(did()).toContain('bios SriovGlobalEnable=Enabled')

  await verb('provide', {})
  await reach('available', uuid)
  expect(await baremetal('update_node', [name], { instance_info: { image_source: IMAGE } })).toMatchObject({
    instance_info: { image_source: IMAGE },
  })
  did()
  const meta_data = { uuid, name: 'one' }
  const config_drive = await configdrive('build', [meta_data], {
    user_data: '#!/bin/sh\n',
    network_data: { links: [] },
  })
  const deploy_steps = [{ interface: 'deploy', step: 'burnin_cpu', args: {}, priority: 90 }]
  const deployed = await verb('active', { ...WAITING, config_drive, deploy_steps })
  expect(deployed).toMatchObject({ provision_state: 'active', power_state: 'power on', last_error: null })
  expect(did()).toEqual([
    ...['boot device pxe', 'power on', 'cpu burnt in', `image ${IMAGE}`, 'config drive'],
    ...['boot device disk', 'power off', 'power on'],
  ])
  expect(await path()).toEqual(['manageable', 'available', 'active'])
  expect(await baremetal('wait_for_nodes_provision_state', [[name, uuid], 'active'])).toMatchObject([
    { name },
    { name },
  ])

  expect(await verb('rescue', { ...WAITING, rescue_password: 'swordfish' })).toMatchObject({
    provision_state: 'rescue',
  })
  expect(machine.rescued).toBe(true)
  await verb('unrescue', {})
  await reach('active', uuid)
  expect([machine.rescued, machine.power]).toEqual([false, 'power on'])
  did()
  await verb('rebuild', { config_drive: { meta_data } })
  await reach('active', uuid)
  expect(did()).toEqual(expect.arrayContaining([`image ${IMAGE}`, 'config drive']))

  expect(await verb('deleted')).toMatchObject({ provision_state: 'available', instance_info: {} })
  expect([machine.disk, machine.power]).toEqual([undefined, 'power off'])
  await verb('manage', {})
  await reach('manageable', uuid)
  did()
  await verb('adopt', {})
  await reach('active', uuid)
  expect((await path()).slice(-2)).toEqual(['adopting', 'active'])
  expect(did()).toEqual([])

  await verb('deleted', {})
  await reach('available', uuid)
  await failing(name, { baremetal, raises })
  await verb('deleted', {})
  await reach('available', uuid)
  await baremetal('delete_node', [name])
  await expect(api.node(uuid)).rejects.toMatchObject({ status: 404 })
}

/** What fails is an exception for who waits, and an entry in a list for who asked for one. */
async function failing(name: string, { baremetal, raises }: Pick<Sdk, 'baremetal' | 'raises'>): Promise<void> {
  await baremetal('patch_node', [name, [{ op: 'add', path: '/driver_info/fake_fail', value: { 'deploy.write_image': 'disk.io' } }]]) // prettier-ignore
  const said = await raises('baremetal', 'set_node_provision_state', [name, 'active'], WAITING)
  expect(said).toMatchObject({ raised: 'ResourceFailure', said: expect.stringContaining('deploy.write_image failed') })
  const waited = { timeout: 60, fail: false }
  const { success, failure, timeout } = await baremetal('wait_for_nodes_provision_state', [[name], 'active'], waited)
  expect([success, failure, timeout]).toMatchObject([[], [{ name, provision_state: 'deploy failed' }], []])
}
