// A machine without a BMC: a person switches it on, and its agent, as long as one runs, does the rest.
import { expect, test } from 'vitest'
import { type Story, type StoryOptions, startStory } from './story.ts'

const PXE = { valid: true, persistent: true, device: 1, efi: true }
const options: StoryOptions = {
  conductorConfig: { drivers: ['manual-management'] },
  createNodes: false,
}

async function createNode({ api, site, machine, reach }: Story, more: object = {}): Promise<string> {
  const { uuid } = (await api.call('POST', '/nodes', {
    driver: 'manual-management',
    conductor_group: site.name,
    properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:uefi' },
    ...more,
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: machine.options.mac })
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)
  return uuid
}

const asks = async ({ api }: Story, node: string) =>
  (await api.timeline(node)).filter(({ type }) => type === 'power.by_hand').map(({ body }) => body['wanted'])

/** Does what the timeline asks for: the machine starts from its network. */
async function switchOn(story: Story, node: string): Promise<void> {
  await story.until('a call for a person', async () =>
    (await asks(story, node)).some((wanted) => wanted === 'power on' || wanted === 'reset'),
  )
  const { chassis } = story.machine.bmc
  chassis.setBoot(PXE)
  chassis.control('on')
}

test.concurrent('the agent switches its machine off, and nobody is asked to', async (context) => {
  await using story = await startStory(context, options)
  const node = await createNode(story)
  expect(await story.api.node(node)).toMatchObject({ power_interface: 'agent' })
  await story.api.provision(node, 'provide')
  await switchOn(story, node)
  expect(await story.reach('available', node)).toMatchObject({ power_state: 'power off' })
  expect(story.machine.transitions.at(-1)).toMatchObject({ kind: 'power off', detail: 'ramdisk' })
  expect((await asks(story, node)).at(-1)).toBe('power on')
})

test.concurrent('a machine that is kept on is restarted by the agent that wrote its disk', async (context) => {
  await using story = await startStory(context, options)
  const node = await createNode(story, { disable_power_off: true, driver_info: { fast_track: true } })
  await story.api.provision(node, 'provide')
  await switchOn(story, node)
  await story.reach('available', node)
  const before = await asks(story, node)
  await story.api.patchNode(node, { instance_info: story.site.instanceInfo() })
  await story.api.provision(node, 'active')
  await story.reach('active', node)
  await story.until('operating system', () => story.machine.transitions.at(-1)?.kind === 'os up')
  expect(story.machine.transitions.map(({ kind }) => kind)).not.toContain('power off')
  expect(story.machine.offToOn()).toBe(1)
  expect(await asks(story, node)).toEqual(before)
})
