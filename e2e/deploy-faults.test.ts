// A deployment that cannot work: the node rests in `deploy failed`, unlocked, with the cause and the next action; put right, it deploys.
import { expect, test } from 'vitest'
import type { PublishedImage } from '../sim/image-server.ts'
import { startStory, type Story } from './story.ts'

/** Deploys `image`, which fails: the error. */
async function deployInVain({ api, node, site, fail, machine }: Story, image: PublishedImage): Promise<string> {
  await api.patchNode(node, { instance_info: site.instanceInfo(image) })
  await api.provision(node, 'active')
  const { last_error: error, reservation, target_provision_state: target } = await fail('deploy failed')
  expect(reservation).toBeNull()
  expect(target).toBe('active')
  // Not for ever in its ramdisk, nor on its way there: off, and set to its disk.
  expect(await api.node(node)).toMatchObject({ power_state: 'power off' })
  expect(machine.transitions.at(-1)?.kind).toBe('power off')
  const device = await api.call('GET', `/nodes/${node}/management/boot_device`)
  expect(device).toEqual({ boot_device: 'disk', persistent: true })
  return error
}

async function deploy({ api, node, site, machine, reach, until }: Story): Promise<void> {
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  expect(await reach('active')).toMatchObject({ last_error: null, power_state: 'power on' })
  await until('operating system', () => machine.console().includes('FERRULE-OS-UP'))
}

test.concurrent('an image with another digest than was said does not boot', async (context) => {
  await using story = await startStory(context)
  const { site, machine } = story
  await story.prepare()
  const error = await deployInVain(story, { ...site.image, sha256: 'ab'.repeat(32) })
  expect(error).toContain('deploy.write_image')
  expect(error).toContain('digest')
  expect(error).toMatch(/Next: correct image_os_hash_value/)
  expect(machine.console()).not.toContain('FERRULE-OS-UP')
  await deploy(story)
})

test.concurrent('an image that is not there', async (context) => {
  await using story = await startStory(context)
  const { site } = story
  await story.prepare()
  const error = await deployInVain(story, { ...site.image, url: `${site.images.url}/gone.raw` })
  expect(error).toContain('404')
  expect(error).toMatch(/Next: correct instance_info.image_source/)
  await deploy(story)
})

test.concurrent('an image that is larger than the disk', async (context) => {
  await using story = await startStory(context, { diskBytes: 4 * 2 ** 30 })
  const { site } = story
  await story.prepare()
  const error = await deployInVain(story, site.images.announce('large.raw', 5 * 2 ** 30))
  expect(error).toContain(String(5 * 2 ** 30))
  expect(error).toContain(String(4 * 2 ** 30))
  expect(error).toMatch(/Next: use a smaller image or a larger root disk/)
  await deploy(story)
})

test.concurrent('a machine whose disk is smaller than any root disk', async (context) => {
  await using story = await startStory(context, { diskBytes: 2 ** 30 })
  const { site } = story
  await story.prepare()
  const error = await deployInVain(story, site.image)
  expect(error).toContain('no writable disk of at least 4 GiB')
  expect(error).toMatch(/Next: correct the root_device hints/)
})

test.concurrent('a machine that does not boot over the network', async (context) => {
  await using story = await startStory(context)
  const { api, site, machine } = story
  const callbacks = (value: object) =>
    api.call('PATCH', '/sites/default', [{ op: 'replace', path: '/callback_timeouts_s', value }])
  await callbacks({ deploy: 3 })
  await story.prepare()
  machine.options.cable = 'pulled'
  const error = await deployInVain(story, site.image)
  expect(error).toContain('no agent called within 3 s')
  expect(error).toMatch(/nothing of its boot was seen meanwhile.*Next: check its network cable/)
  machine.options.cable = 'plugged'
  await callbacks({})
  await deploy(story)
})
