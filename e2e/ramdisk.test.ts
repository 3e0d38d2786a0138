// An instance that is a kernel and a ramdisk of its operator (deploy interface ramdisk): booted over the network at every start, by whichever conductor
// has the node, until it is torn down; nothing is ever written, and no agent is booted for it.
import { expect, test } from 'vitest'
import { makeImage } from '../sim/image.ts'
import { buildIso } from '../site-conductor/config-drive/iso9660.ts'
import { startStory, type Story } from './story.ts'

const KERNEL_BYTES = 2 * 2 ** 20

/** What the operator publishes, as instance_info. */
function instanceOf({ site }: Story) {
  const publish = (name: string) => site.images.publish(name, makeImage(KERNEL_BYTES)).url
  return { kernel: publish('vmlinuz'), ramdisk: publish('initrd'), ramdisk_kernel_arguments: 'role=storage quiet' }
}

/** The node with its instance, deployed, by the deploy interface that its own chooses for such an instance; automated cleaning would boot an agent, and what it boots is not the question here. */
async function deployed(story: Story): Promise<void> {
  const { api, node, reach, until, machine } = story
  await api.patchNode(node, { automated_clean: false, instance_info: instanceOf(story) })
  await story.prepare()
  await api.provision(node, 'active')
  await reach('active')
  await until('instance', () => machine.transitions.at(-1)?.kind === 'os up')
}

/** Power off and on; answers what the machine did since. */
async function rebooted({ api, node, machine, until }: Story): Promise<string[]> {
  const before = machine.transitions.length
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'rebooting' })
  await until('start', () => machine.transitions.slice(before).some(({ kind }) => /os up|nothing/.test(kind)))
  await until('end of the power task', async () => (await api.node(node)).target_power_state === null)
  return machine.transitions.slice(before).map(({ kind }) => kind)
}

const NETWORK = ['power off', 'power on', 'network boot', 'os up']

test.for(['ipmi', 'redfish'] as const)(
  'an instance is booted over the network at every start, until it is torn down (%s)',
  async (driver, context) => {
    await using story = await startStory(context, { driver })
    const { api, node, site, machine, reach, until } = story
    await deployed(story)
    expect(machine.transitions.map(({ kind }) => kind)).toEqual(['power on', 'network boot', 'os up'])
    expect((await api.node(node))['deploy_interface']).toBe('ramdisk')
    const [up] = machine.transitions.slice(-1)
    expect(up?.detail).toContain(`kernel=${site.images.url}/vmlinuz root=/dev/ram0 text role=storage quiet`)
    const steps = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
    expect(steps.slice(-4)).toEqual([
      ...['power.power_off', 'boot.prepare_instance', 'management.set_boot_device', 'power.power_on'],
    ])
    // The next instance is prepared; nothing has been done about it.
    await api.patchNode(node, { instance_info: { image_source: `${site.images.url}/a.raw` } })
    expect(await rebooted(story)).toEqual(NETWORK)
    await until('line on the timeline', async () =>
      (await api.timeline(node)).some(
        ({ type, body }) => type === 'boot.ipxe-script' && body['outcome'] === 'complete',
      ),
    )

    await api.provision(node, 'deleted')
    expect((await reach('available'))['deploy_interface']).toBe('autodetect')
    const seen = machine.transitions.length
    await api.call('PUT', `/nodes/${node}/management/boot_device`, { boot_device: 'pxe', persistent: false })
    await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
    await until('firmware', () => machine.transitions.at(-1)?.kind === 'nothing to boot')
    expect(machine.transitions.slice(seen).map(({ kind }) => kind)).toEqual([
      ...['power on', 'network boot', 'nothing to boot'],
    ])
  },
)

test('a conductor that restarted, and one that took over, boot the instance as well', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, until } = story
  await deployed(story)
  const first = (await api.node(node))['conductor']
  await site.conductor.close()
  await site.conductor.start()
  const driven = async () => {
    const { conductor } = await api.node(node)
    return await api.call('GET', `/nodes/${node}/management/boot_device`).then(
      () => conductor,
      () => undefined,
    )
  }
  await until('the conductor', driven)
  expect(await rebooted(story)).toEqual(NETWORK)
  await site.join()
  await site.conductor.close()
  await until('another conductor', async () => ((await driven()) ?? first) !== first)
  expect(await rebooted(story)).toEqual(NETWORK)
})

test('an instance that cannot be booted so is refused before anything is done', async (context) => {
  await using story = await startStory(context)
  const { api, node, machine } = story
  await api.patchNode(node, { automated_clean: false, deploy_interface: 'ramdisk' })
  await story.prepare()
  const { kernel, ramdisk } = instanceOf(story)
  for (const [instance_info, why, more] of [
    [{ kernel }, 'instance_info has no ramdisk', {}],
    [{ kernel: 'https://images.example/vmlinuz', ramdisk }, 'not a plain http URL', {}],
    [{ kernel, ramdisk, ramdisk_kernel_arguments: 'a;b' }, 'a semicolon or hash', {}],
    [{ kernel, ramdisk }, 'boot interface pxe cannot boot an instance', { boot_interface: 'pxe' }],
  ] as const) {
    await api.patchNode(node, { instance_info, ...more })
    await expect(api.provision(node, 'active')).rejects.toThrow(why)
  }
  expect(machine.transitions).toEqual([])
})

test('an instance that is a volume of an operator is shown to the machine by its BMC, until it is torn down', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, node, site, machine, reach, until } = story
  const iso = buildIso([{ path: 'readme', bytes: Buffer.from('boot me') }], { label: 'OPERATOR', time: new Date(0) })
  const boot_iso = site.images.publish('boot.iso', { bytes: Buffer.from(iso), sha256: '' }).url
  const fields = { automated_clean: false, boot_interface: 'redfish-virtual-media', instance_info: { boot_iso } }
  await api.patchNode(node, fields)
  await story.prepare()
  await api.provision(node, 'active')
  expect((await reach('active'))['deploy_interface']).toBe('ramdisk')
  await until('instance', () => machine.transitions.at(-1)?.kind === 'os up')
  const MEDIUM = ['power on', 'medium boot', 'os up']
  expect(machine.transitions.map(({ kind }) => kind)).toEqual(MEDIUM)
  expect(machine.transitions.at(-1)?.detail).toBe(`FERRULE-MEDIUM-UP OPERATOR from ${boot_iso}`)
  expect(await rebooted(story)).toEqual(['power off', ...MEDIUM])
  await site.conductor.close()
  await site.conductor.start()
  await until('the conductor', () =>
    api.call('GET', `/nodes/${node}/management/boot_device`).then(
      () => true,
      () => false,
    ),
  )
  expect(await rebooted(story)).toEqual(['power off', ...MEDIUM])

  await api.patchNode(node, { instance_info: {} })
  await api.provision(node, 'deleted')
  await reach('available')
  const drive = machine.redfish!.machine.media.find(({ mediaTypes }) => mediaTypes.includes('CD'))
  expect(drive).toMatchObject({ image: null })
  const seen = machine.transitions.length
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
  await until('firmware', () => machine.transitions.at(-1)?.kind === 'nothing to boot')
  expect(machine.transitions.slice(seen).map(({ kind }) => kind)).toEqual(['power on', 'nothing to boot'])
})

test('with UEFI’s HTTP boot an instance is booted by that', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  await story.api.patchNode(story.node, { boot_interface: 'http-ipxe' })
  await deployed(story)
  const kinds = ['power on', 'http boot', 'network boot', 'os up']
  expect(story.machine.transitions.map(({ kind }) => kind)).toEqual(kinds)
  expect(await rebooted(story)).toEqual(['power off', ...kinds])
})
