// Every deploy interface of fake hardware, from available to active and back: what each does to the machine, and what it refuses.
import { expect, test } from 'vitest'
import { fakeMachine } from '../site-conductor/drivers/fake/machine.ts'
import { startStory, type Story } from './story.ts'

const IMAGE = { image_source: 'http://images/a.raw', image_checksum: 'a'.repeat(64) }
const CONTAINER = { image_source: 'oci://images/os:1' }
const NETBOOT = { kernel: 'http://images/k', ramdisk: 'http://images/i' }
const INSTALLER = { ...IMAGE, ...NETBOOT, stage2: 'http://images/stage2' }
const BOOTED = ['boot device pxe', 'power on']
const TO_DISK = ['boot device disk', 'power off', 'power on']

const fake = (context: Parameters<typeof startStory>[0]) =>
  startStory(context, { machines: 0, conductorConfig: { boot: false, drivers: ['fake-hardware'] } })

async function available({ api, reach }: Story, fields: object): Promise<string> {
  const made = await api.call('POST', '/nodes', { driver: 'fake-hardware', automated_clean: false, ...fields })
  const { uuid } = made as { uuid: string }
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)
  await api.provision(uuid, 'provide')
  await reach('available', uuid)
  return uuid
}

test.for([
  ['fake', {}, [...BOOTED, 'image an image', ...TO_DISK]],
  ['direct', IMAGE, [...BOOTED, `image ${IMAGE.image_source}`, ...TO_DISK]],
  ['ramdisk', NETBOOT, ['instance http://images/k', ...BOOTED]],
  ['bootc', CONTAINER, [...BOOTED, `container ${CONTAINER.image_source}`, ...TO_DISK]],
  [
    'anaconda',
    INSTALLER,
    ['installer http://images/k', ...BOOTED, `installed ${IMAGE.image_source}`, 'boot device disk'],
  ],
  ['noop', {}, []],
] as const)('%s', async ([deploy_interface, instance_info, does], context) => {
  await using story = await fake(context)
  const { api, reach } = story
  const node = await available(story, { deploy_interface, instance_info })
  await api.provision(node, 'active')
  await reach('active', node)
  expect(fakeMachine(node).log).toEqual(does)
  await api.provision(node, 'deleted')
  await reach('available', node)
  expect(fakeMachine(node).power).toBe('power off')
})

test('autodetect is ramdisk for an instance that is a kernel, bootc for a container, and direct for an image', async (context) => {
  await using story = await fake(context)
  const { api, reach } = story
  const node = await available(story, { deploy_interface: 'autodetect' })
  for (const [instance_info, used, first] of [
    [NETBOOT, 'ramdisk', 'instance http://images/k'],
    [CONTAINER, 'bootc', 'boot device pxe'],
    [IMAGE, 'direct', 'boot device pxe'],
  ] as const) {
    await api.patchNode(node, { instance_info })
    const from = fakeMachine(node).log.length
    await api.provision(node, 'active')
    expect((await reach('active', node))['deploy_interface']).toBe(used)
    expect(fakeMachine(node).log[from]).toBe(first)
    await api.provision(node, 'deleted')
    expect((await reach('available', node))['deploy_interface']).toBe('autodetect')
  }
})

test.for([
  [
    'rebuild',
    async ({ api, reach }, node) => {
      await api.provision(node, 'active')
      await reach('active', node)
      await api.patchNode(node, { instance_info: IMAGE })
      await api.provision(node, 'rebuild')
    },
  ],
  [
    'active after a failed deployment',
    async ({ api, fail }, node) => {
      await api.patchNode(node, { driver_info: { fake_fail: { 'boot.prepare_instance': 'bmc.unreachable' } } })
      await api.provision(node, 'active')
      await fail('deploy failed', node)
      await api.patchNode(node, { driver_info: {}, instance_info: IMAGE })
      await api.provision(node, 'active')
    },
  ],
  [
    'active after a failed adoption',
    async ({ api, reach, fail }, node) => {
      await api.provision(node, 'manage')
      await reach('manageable', node)
      await api.patchNode(node, { driver_info: { fake_fail: { 'power.verify': 'bmc.unreachable' } } })
      await api.provision(node, 'adopt')
      await fail('adopt failed', node)
      await api.provision(node, 'manage')
      await api.provision(node, 'provide')
      await reach('available', node)
      await api.patchNode(node, { driver_info: {}, instance_info: IMAGE })
      await api.provision(node, 'active')
    },
  ],
] as const satisfies [string, (story: Story, node: string) => Promise<void>][])(
  'autodetect judges an image by what deploys images, also where a kernel was there before: %s',
  async ([, way], context) => {
    await using story = await fake(context)
    const node = await available(story, { deploy_interface: 'autodetect', instance_info: NETBOOT })
    await way(story, node)
    expect((await story.reach('active', node))['deploy_interface']).toBe('direct')
    expect(fakeMachine(node).log).toContain(`image ${IMAGE.image_source}`)
  },
)

test('after a rescue that failed a machine boots its instance over the network, whatever has been prepared since', async (context) => {
  await using story = await fake(context)
  const { api, reach, fail, until } = story
  const node = await available(story, { deploy_interface: 'autodetect', instance_info: NETBOOT })
  await api.provision(node, 'active')
  await reach('active', node)
  await api.patchNode(node, {
    instance_info: IMAGE,
    driver_info: { fake_fail: { 'rescue.rescue': 'bmc.unreachable' } },
  })
  const from = fakeMachine(node).log.length
  await api.provision(node, 'rescue', { rescue_password: 'secret' })
  await fail('rescue failed', node)
  await until('end of the undoing', async () => (await api.node(node))['reservation'] === null)
  expect(fakeMachine(node).log.slice(from).slice(-3)).toEqual([
    'power off',
    'instance http://images/k',
    'boot device pxe',
  ])
})

test('custom-agent does a step that its ramdisk has, and refuses one that it does not have before anything is done', async (context) => {
  await using story = await fake(context)
  const { api, reach, fail } = story
  const driver_info = { fake_agent_steps: ['write_mine'] }
  const node = await available(story, { deploy_interface: 'custom-agent', driver_info })
  const asked = (step: string) => ({ deploy_steps: [{ interface: 'deploy', step, priority: 85, args: {} }] })
  await api.provision(node, 'active', asked('write_theirs'))
  expect((await fail('deploy failed', node)).last_error).toContain('does not have the deploy steps write_theirs')
  const from = fakeMachine(node).log.length
  await api.provision(node, 'active', asked('write_mine'))
  await reach('active', node)
  expect(fakeMachine(node).log.slice(from)).toEqual([...BOOTED, 'agent write_mine', ...TO_DISK])
})

test('what is wrong with an instance is refused as by real machines', async (context) => {
  await using story = await fake(context)
  const { api } = story
  for (const [deploy_interface, instance_info, why] of [
    ['direct', { image_source: 'http://images/a.raw' }, 'no digest'],
    ['ramdisk', { kernel: 'http://images/k' }, 'no ramdisk'],
    ['autodetect', {}, 'image_source is missing'],
  ] as const) {
    const node = await available(story, { deploy_interface, instance_info })
    await expect(api.provision(node, 'active')).rejects.toThrow(why)
    expect(fakeMachine(node).log).toEqual([])
  }
})

test.for([
  ['external', ['instance volume vol-1', ...BOOTED], ['power off']],
  ['fake', [...BOOTED, 'volumes attached', 'image an image', ...TO_DISK], ['power off', 'volumes detached']],
] as const)('a node with a volume and storage interface %s', async ([storage_interface, does, undone], context) => {
  await using story = await fake(context)
  const { api, reach } = story
  const properties = { capabilities: 'iscsi_boot:True' }
  const node = await available(story, { deploy_interface: 'fake', storage_interface, properties })
  await api.call('POST', '/volume/targets', {
    ...{ node_uuid: node, volume_type: 'iscsi', volume_id: 'vol-1', boot_index: 0 },
    properties: { target_iqn: 'iqn.2026-01.org.example:vol-1', target_portal: '10.0.0.9', target_lun: 0 },
  })
  await api.provision(node, 'active')
  await reach('active', node)
  const { log } = fakeMachine(node)
  expect(log).toEqual(does)
  await api.provision(node, 'deleted')
  await reach('available', node)
  expect(log.slice(does.length, does.length + undone.length)).toEqual(undone)
})
