// A node that names its own kernel and ramdisk (driver_info), by URL: the conductor fetches them once, and its machine loads them by network or volume.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

const KERNEL_BYTES = 12_345
const RAMDISK_BYTES = 54_321

for (const boot_interface of ['ipxe', 'redfish-virtual-media'])
  test.concurrent(`${boot_interface}: a node boots the kernel and the ramdisk that it names`, async (context) => {
    await using story = await startStory(context, { driver: 'redfish' })
    const { api, site, node, machine } = story
    const published = (name: string, size: number) => {
      const bytes = Buffer.alloc(size, name)
      return site.images.publish(name, { bytes, sha256: createHash('sha256').update(bytes).digest('hex') } as never)
    }
    const [kernel, ramdisk] = [published('own-kernel', KERNEL_BYTES), published('own-ramdisk', RAMDISK_BYTES)]
    const set = (more: Record<string, string>) =>
      api.patchNode(
        node,
        Object.fromEntries(Object.entries(more).map(([name, value]) => [`driver_info/${name}`, value])),
      )
    await api.patchNode(node, { boot_interface, instance_info: site.instanceInfo() })
    await set({ deploy_kernel: kernel.url, deploy_kernel_checksum: kernel.sha256, deploy_ramdisk: ramdisk.url })
    const boot = async () => ((await api.call('GET', `/nodes/${node}/validate`)) as Record<string, unknown>)['boot']
    expect(await boot()).toMatchObject({ result: false, reason: expect.stringContaining('deploy_ramdisk') })
    await set({ deploy_ramdisk_checksum: ramdisk.sha256 })
    expect(await boot()).toMatchObject({ result: true })

    await story.prepare()
    await api.provision(node, 'active')
    await story.reach('active')
    expect(site.images.downloads('own-kernel'), 'two boots').toBe(1)
    const totals = (await api.timeline(node))
      .filter(({ type, body }) => /^boot\.(kernel|ramdisk)$/.test(type) && body['outcome'] === 'complete')
      .map(({ type, body }) => [type, body['totalBytes']])
    const network = [
      ['boot.kernel', KERNEL_BYTES],
      ['boot.ramdisk', RAMDISK_BYTES],
    ]
    const isVolume = boot_interface !== 'ipxe'
    expect(totals).toEqual(isVolume ? [] : [...network, ...network])
    const loaded = machine.console().match(/GRUB: .*/g) ?? []
    const volume = [`GRUB: /kernel, ${KERNEL_BYTES} bytes`, `GRUB: /ramdisk, ${RAMDISK_BYTES} bytes`]
    expect(loaded).toEqual(isVolume ? [...volume, ...volume] : [])
  })

test('a ramdisk that has another digest fails the deployment, and its error names it', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, site, node } = story
  const { url } = site.image
  const info = {
    deploy_kernel: url,
    deploy_kernel_checksum: site.image.sha256,
    deploy_ramdisk: url,
    deploy_ramdisk_checksum: '0'.repeat(64),
  }
  const driver_info = Object.fromEntries(Object.entries(info).map(([name, value]) => [`driver_info/${name}`, value]))
  await api.patchNode(node, { ...driver_info, automated_clean: false, instance_info: site.instanceInfo() })
  await story.prepare()
  await api.provision(node, 'active')
  expect((await story.fail('deploy failed')).last_error).toMatch(
    /boot\.prepare_ramdisk.*deploy_ramdisk: the image has another sha256/,
  )
})
