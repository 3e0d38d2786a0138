// The Terraform provider for Ironic, as terraform_*.go has it: its resources are created, read, changed and destroyed at the development server, without a
// token and with the provider's own version. Judges: nodes and timelines.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Api } from '../../sim/api.ts'
import { type Server, startDevServer } from '../dev-server.ts'
import { type Compiled, compile, type Gopher, startGopher } from './gophercloud.ts'

let server: Server
let compiled: Compiled
let gopher: Gopher
let api: Api
beforeAll(async () => {
  compiled = await compile()
  server = await startDevServer()
  gopher = await startGopher(compiled, { endpoint: `${server.url}/v1`, microversion: '1.52' })
  api = new Api(server.url, '')
}, 120_000)
afterAll(async () => {
  await gopher?.stop()
  await server?.stop()
  await compiled?.remove()
})

const terraform = (what: string, args: unknown) => gopher.call(`terraform.${what}`, args)
const finished = async (node: string) =>
  (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
const INSTANCE = { image_source: 'http://images/a.raw', image_os_hash_algo: 'sha256', image_os_hash_value: 'ab'.repeat(32), root_gb: '25' } // prettier-ignore
// Version 1.52 has no object for a config drive: it is an image, gzipped and in base64.
const ISO = Buffer.from('an image').toString('base64')
// Terraform's maps have texts only.
const BLOCK = {
  driver: 'fake-hardware',
  properties: { local_gb: '50', cpu_arch: 'x86_64' },
  driver_info: { fake_password: 'hunter2' },
  extra: { a: '1' },
  boot_interface: 'fake',
  deploy_interface: 'fake',
  raid_interface: 'fake',
}

it('a node is created with its ports, cleaned, inspected, made available and switched on, then changed and destroyed', async () => {
  const Ports = ['52:54:00:00:01:01', '52:54:00:00:01:02'].map((address, i) => ({ address, pxe_enabled: i === 0 }))
  const node = await terraform('createNode', {
    Create: { ...BLOCK, name: 'openshift-master-0', resource_class: 'baremetal' },
    RootDevice: { name: '/dev/vda' },
    Ports,
    Clean: true,
    Inspect: true,
    Available: true,
    RAID: [{ raid_level: '1', size_gb: 50 }],
    CleanSteps: [
      { interface: 'raid', step: 'delete_configuration' },
      { interface: 'raid', step: 'create_configuration' },
    ],
    TargetPowerState: 'power on',
    PowerStateTimeout: 30,
  })
  expect(node).toMatchObject({
    name: 'openshift-master-0',
    provision_state: 'available',
    power_state: 'power on',
    driver_info: { fake_password: '******' },
    properties: { local_gb: 479, root_device: { name: '/dev/vda' } },
    raid_config: { logical_disks: [{ raid_level: '1', size_gb: 50 }] },
  })
  const steps = await finished(node.uuid)
  const order = ['power.verify', 'raid.create_configuration', 'inspect.inspect_hardware', 'power.power_on']
  expect(order.map((step) => steps.lastIndexOf(step))).toEqual(order.map((step) => steps.lastIndexOf(step)).toSorted((a, b) => a - b)) // prettier-ignore
  expect(steps).toEqual(expect.arrayContaining(order))
  expect(await api.call('GET', `/nodes/${node.uuid}/ports?detail=true`)).toMatchObject({ ports: Ports })

  const changed = await terraform('updateNode', {
    ID: node.uuid,
    Changed: { resource_class: 'gold', owner: 'me', name: 'openshift-master-1' },
    Create: { properties: { local_gb: '60' } },
    RootDevice: { serial: 'x' },
    TargetPowerState: 'power off',
  })
  expect(changed).toMatchObject({ resource_class: 'gold', owner: 'me', power_state: 'power off', properties: { local_gb: '60', root_device: { serial: 'x' } } }) // prettier-ignore
  await terraform('deleteNode', node.uuid)
  await expect(api.node(node.uuid)).rejects.toThrow('404')
})

it('an allocation finds its node, the node is deployed, and all is destroyed again', async () => {
  const { uuid } = await terraform('createNode', { Create: { ...BLOCK, resource_class: 'worker' }, Available: true })
  // The provider knows no "clean wait" on the way down: where it is used, nothing is cleaned then.
  await api.patchNode(uuid, { automated_clean: false })
  const allocation = await terraform('createAllocation', { name: 'worker-0', resource_class: 'worker', candidate_nodes: [uuid] }) // prettier-ignore
  expect(allocation).toMatchObject({ state: 'active', node_uuid: uuid, last_error: '' })
  expect(await terraform('deploy', { Node: uuid, InstanceInfo: INSTANCE, ISO })).toMatchObject({
    provision_state: 'active',
    last_error: '',
    instance_uuid: allocation.uuid,
    instance_info: { ...INSTANCE, configdrive: '******' },
  })
  expect(await finished(uuid)).toEqual(expect.arrayContaining(['deploy.write_image', 'deploy.write_configdrive']))
  await expect(terraform('deleteAllocation', allocation.uuid)).rejects.toMatchObject({ class: 'ErrDefault409' })
  await terraform('deleteDeployment', uuid)
  expect(await api.node(uuid)).toMatchObject({ provision_state: 'available', instance_info: {} })
  await terraform('deleteAllocation', allocation.uuid)
  await terraform('deleteAllocation', allocation.uuid)
  await terraform('deleteNode', uuid)
})

it('what cannot be is told in words: an allocation without a node, a deployment that fails', async () => {
  await expect(terraform('createAllocation', { resource_class: 'nobody-has-it' })).rejects.toThrow(/error creating resource: .*nobody-has-it/) // prettier-ignore
  expect(await api.call('GET', '/allocations')).toMatchObject({ allocations: [] })
  const fails = { 'deploy.write_image': 'image.unreachable' }
  const { uuid } = await terraform('createNode', { Create: { ...BLOCK, driver_info: { fake_fail: fails } } })
  await api.patchNode(uuid, { automated_clean: false })
  await expect(terraform('deploy', { Node: uuid, InstanceInfo: INSTANCE, ISO })).rejects.toThrow(/cannot go from "deploy failed" to "active", last error was ".*deploy\.write_image/) // prettier-ignore
  expect((await api.timeline(uuid)).filter(({ type, step }) => type === 'step.started' && step === 'deploy.write_image')).toHaveLength(4) // prettier-ignore
  await expect.poll(async () => (await api.node(uuid)).reservation, { timeout: 10_000 }).toBeNull()
  await api.patchNode(uuid, { 'driver_info/fake_fail': {} })
  // With 1.56 and later the object is sent.
  await gopher.call('connect', { Endpoint: `${server.url}/v1`, Microversion: '1.69' })
  const port = { node_uuid: uuid, address: '52:54:00:00:01:03', pxe_enabled: true, physical_network: 'p1' }
  expect(await terraform('createPort', port)).toMatchObject({ ...port, is_smartnic: false, portgroup_uuid: '' })
  const ConfigDrive = { user_data: '{"ignition": {"version": "3.2.0"}}', meta_data: { name: 'worker-1' } }
  expect(await terraform('deploy', { Node: uuid, InstanceInfo: INSTANCE, ConfigDrive })).toMatchObject({ provision_state: 'active' }) // prettier-ignore
  await terraform('deleteNode', uuid)
})
