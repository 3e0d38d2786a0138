// An instance that an installer installs by its kickstart file (deploy interface anaconda), on simulated machines that run its scripts in a real shell: what
// the machine is told, what the node says of it, and who goes on when a conductor is gone.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeImage } from '../sim/image.ts'
import { startStory, type Story } from './story.ts'

const KERNEL_BYTES = 2 * 2 ** 20

function publish({ site }: Story, name: string, bytes = KERNEL_BYTES) {
  return site.images.publish(name, makeImage(bytes))
}

/** What an operator says of an installer and of what it installs. */
function instanceOf(story: Story, more: Record<string, unknown> = {}) {
  const { image, images } = story.site
  return {
    kernel: publish(story, 'vmlinuz').url,
    ramdisk: publish(story, 'initrd.img').url,
    stage2: `${images.url}/stage2`,
    image_source: image.url,
    image_os_hash_algo: 'sha256',
    image_os_hash_value: image.sha256,
    ...more,
  }
}

async function ready(story: Story, more: Record<string, unknown> = {}, fields: Record<string, unknown> = {}) {
  const { api, node } = story
  const instance_info = instanceOf(story, more)
  await api.patchNode(node, { automated_clean: false, deploy_interface: 'anaconda', instance_info, ...fields })
  await story.prepare()
}

const kinds = ({ machine }: Story, from = 0) => machine.transitions.slice(from).map(({ kind }) => kind)
const INSTALLED = ['power on', 'network boot', 'installer', 'disk boot', 'os up']
const reportsOf = async (story: Story) => (await lines(story, 'installer.')).map(({ type }) => type)
const lines = async ({ api, node }: Story, prefix: string) =>
  (await api.timeline(node)).filter(({ type }) => type.startsWith(prefix))

test.for(['ipmi', 'redfish'] as const)(
  'an installer is booted, tells when it begins and ends, and the machine starts what it installed (%s)',
  async (driver, context) => {
    await using story = await startStory(context, { driver })
    const { api, node, reach, until, machine } = story
    await ready(story, { configdrive: { meta_data: { role: "it's $(reboot)" }, user_data: '%end\n#cloud-config\n' } })
    expect(await api.call('PUT', `/nodes/${node}/states/provision?dry_run=true`, { target: 'active' })).toMatchObject({
      wipes: 'all',
    })
    await api.provision(node, 'active')
    await until('wait', async () => (await api.node(node)).provision_state === 'wait call-back')
    await reach('active')
    await until('system', () => kinds(story).includes('os up'))
    expect(kinds(story)).toEqual(INSTALLED)
    await until('its reports', async () => (await reportsOf(story)).length === 2)
    expect(await reportsOf(story)).toEqual(['installer.start', 'installer.end'])
    const steps = (await lines(story, 'step.finished')).map(({ step }) => step)
    expect(steps.slice(-8)).toEqual([
      ...['power.power_off', 'boot.prepare_installer', 'management.set_boot_device', 'power.power_on'],
      ...['deploy.wait_installer', 'boot.clean_up_ramdisk', 'deploy.prepare_instance_boot', 'power.power_on'],
    ])
    const seed = join(machine.options.folder, 'sysimage/var/lib/cloud/seed/config_drive/openstack/latest')
    expect(JSON.parse(await readFile(join(seed, 'meta_data.json'), 'utf8'))).toMatchObject({
      role: "it's $(reboot)",
      uuid: node,
    })
    expect(await readFile(join(seed, 'user_data'), 'utf8')).toBe('%end\n#cloud-config\n')

    const seen = machine.transitions.length
    await api.call('PUT', `/nodes/${node}/management/boot_device`, { boot_device: 'pxe', persistent: false })
    await api.call('PUT', `/nodes/${node}/states/power`, { target: 'rebooting' })
    await until('system', () => kinds(story, seen).includes('os up'))
    expect(kinds(story, seen), 'and is never installed again').not.toContain('installer')
    const before = machine.transitions.length
    await api.provision(node, 'rebuild')
    await until('another installation', () => kinds(story, before).includes('os up'))
    await reach('active')
    expect(kinds(story, before), 'a rebuild is one').toEqual(['power off', ...INSTALLED])
    await api.provision(node, 'deleted')
    await reach('available')
  },
)

test('the files that a digest names are fetched by the conductor, and the template is the operator’s own', async (context) => {
  await using story = await startStory(context)
  const { api, node, reach, until, site } = story
  const template = Buffer.from(
    'text\npoweroff\nliveimg --url={{ ks_options.liveimg_url }}\n%post --nochroot\necho of {{ ks_options.node }} > $ANA_INSTALL_PATH/mine\n%end\n{{ ks_options.reports }}\n',
  )
  const sha256 = createHash('sha256').update(template).digest('hex')
  const own = site.images.publish('own.ks', { bytes: template, sha256 })
  const [kernel, ramdisk] = [publish(story, 'vmlinuz'), publish(story, 'initrd.img')]
  await ready(story, {
    ...{ kernel_checksum: kernel.sha256, ramdisk_checksum: ramdisk.sha256 },
    ...{ ks_template: own.url, ks_template_checksum: sha256 },
  })
  await api.provision(node, 'active')
  await reach('active')
  await until('system', () => kinds(story).includes('os up'))
  expect(kinds(story)).toEqual(['power on', 'network boot', 'installer', 'power off', 'power on', 'disk boot', 'os up'])
  const mine = await readFile(join(story.machine.options.folder, 'sysimage/mine'), 'utf8')
  expect(mine).toBe(`of ${node}\n`)
  expect((await lines(story, 'boot.kernel')).length, 'from this conductor').toBeGreaterThan(0)
})

test('an installer that fails says so, and its machine is switched off', async (context) => {
  await using story = await startStory(context)
  const { api, node } = story
  await ready(story, { image_os_hash_value: 'f'.repeat(64) })
  await api.provision(node, 'active')
  const { last_error: error } = await story.fail('deploy failed')
  expect(error).toContain('the installer has failed')
  expect(kinds(story)).toEqual(['power on', 'network boot', 'installer', 'power off'])
})

test('what cannot be installed is refused before anything is done', async (context) => {
  await using story = await startStory(context)
  const { api, node, machine } = story
  await ready(story)
  for (const [more, why, fields] of [
    [{ kernel: undefined }, 'instance_info has no kernel', {}],
    [{ stage2: undefined }, 'instance_info has no stage2', {}],
    [{ image_source: undefined }, 'instance_info has no image_source', {}],
    [{ image_os_hash_value: undefined }, 'no SHA-256 of the image', {}],
    [{ image_source: 'http://a/b"; reboot' }, 'without quotes, blanks', {}],
    [{ stage2: 'http://a/b inst.ks=http://evil/' }, 'without quotes, blanks', {}],
    [{ kernel: 'https://images.example/vmlinuz' }, 'not a plain http URL', {}],
    [{ ks_template: 'http://images.example/a.ks' }, 'nothing says what it must be', {}],
    [{}, 'nothing says what they must be', { boot_interface: 'pxe' }],
  ] as const) {
    await api.patchNode(node, { instance_info: instanceOf(story, more), ...fields })
    await expect(api.provision(node, 'active'), why).rejects.toThrow(why)
  }
  expect(machine.transitions).toEqual([])
})

/** An installer that stands still in the middle of the image, with its orders on record. */
async function inMidInstall(story: Story): Promise<{ release(): void }> {
  const { api, node, site, until } = story
  await ready(story)
  const hold = site.images.hold('sim.raw', 2 ** 20)
  await api.provision(node, 'active')
  await hold.reached
  await until('its first report', async () => (await reportsOf(story)).includes('installer.start'))
  return hold
}

const downloads = ({ site }: Story) => site.images.downloads('sim.raw')

test('a conductor that is killed while the installer works, and is away when that ends, goes on with the deployment', async (context) => {
  await using story = await startStory(context, { conductor: 'process' })
  const { site, reach, until, machine } = story
  const hold = await inMidInstall(story)
  await site.conductor.kill()
  hold.release()
  await until('the end of the work', () => machine.console().includes('bytes installed'))
  await site.conductor.start()
  await reach('active')
  await until('system', () => kinds(story).includes('os up'))
  expect(kinds(story)).toEqual(INSTALLED)
  expect(downloads(story)).toBe(1)
})

test('a conductor that takes over begins the installation anew: the installer would never tell it anything', async (context) => {
  await using story = await startStory(context, { patienceMs: 60_000, leaseMs: 3_000 })
  const { site, reach, until } = story
  const hold = await inMidInstall(story)
  await site.join()
  await site.conductor.close()
  hold.release()
  await reach('active')
  await until('system', () => kinds(story).includes('os up'))
  expect(kinds(story).filter((kind) => kind === 'installer')).toHaveLength(2)
  expect((await lines(story, 'boot.again')).map(({ body }) => body['why'])).toEqual([
    'another conductor has taken over',
  ])
})

test('a machine that tries the network first, for good, is installed once', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, reach, until } = story
  const driver_info = { ...site.driverInfo(machine), force_persistent_boot_device: 'Always' }
  await ready(story, {}, { driver_info })
  await api.provision(node, 'active')
  await reach('active')
  await until('system', () => kinds(story).includes('os up'))
  expect(kinds(story)).toEqual([...INSTALLED.slice(0, 3), 'network boot', ...INSTALLED.slice(3)])
})

test('a deployment is aborted while the installer works, and the machine is switched off', async (context) => {
  await using story = await startStory(context)
  const { api, node, reach, until, machine } = story
  const hold = await inMidInstall(story)
  await api.provision(node, 'deleted')
  await until('power off', () => kinds(story).at(-1) === 'power off')
  hold.release()
  await reach('available')
  expect(machine.console()).not.toContain('bytes installed')
})
