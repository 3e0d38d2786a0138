// What a deployment needs besides its machine, failing: image servers that stall or have the wrong thing, BMCs that fall silent or refuse.
// What passes is ridden out; what stays is a fault that names it.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MachineStory } from './machine-story.ts'
import { tellAll } from './tell.ts'

const GIB8 = [{ sizeGiB: 8 }]
/** Given up after two tries of so many seconds without enough bytes; far more than a busy rack needs for them. */
const SHORT_PATIENCE = {
  driver_info: { kernel_append_params: '%default% ferrule.image-stall=15 ferrule.image-tries=2' },
}
/** Shorter than the conductor's retransmissions to a BMC, which go on for 15 s. */
const SHORT_SILENCE_MS = 5_000

async function isRefused(
  story: MachineStory,
  image: Parameters<MachineStory['deploy']>[0],
  what: RegExp,
): Promise<void> {
  await story.deploy(image)
  const error = await story.fail('deploy failed')
  assert.match(error, /deploy\.write_image/)
  assert.match(error, what)
  await story.isUndone()
}

await tellAll({
  'an image server that stalls': {
    machines: [{ name: 'stalls', firmware: 'bios', disks: GIB8 }],
    async tell(site, story) {
      await story.prepare(SHORT_PATIENCE)
      // For good: a fault, in bounded time.
      const stalled = site.publish('stalled')
      site.images.stall('stalled', site.middle)
      await isRefused(story, stalled, /the source stalled: 0 bytes in 15000 ms at byte \d+[^]*Next: check image_source/)
      story.isBlank()
      // Once: the agent asks for the rest and goes on.
      const once = site.publish('once')
      const hold = site.images.hold('once', site.middle)
      await story.deployWell(once)
      hold.release()
      assert.equal(site.images.downloads('once'), 2, 'the second request was for the rest')
      assert.ok(story.count(/the source stalled/) > 0)
    },
  },
  'image servers with something else': {
    machines: [{ name: 'wrong-image', firmware: 'bios', disks: GIB8 }],
    async tell(site, story) {
      await story.prepare(SHORT_PATIENCE)
      const good = site.publish('good')
      await isRefused(
        story,
        { ...good, url: `${site.images.url}/gone` },
        /404[^]*Next: correct instance_info\.image_source/,
      )
      await isRefused(
        story,
        site.images.announce('large', 9 * 2 ** 30),
        /9663676416[^]*8589934592[^]*Next: use a smaller image/,
      )
      await isRefused(story, { ...good, sha256: 'ab'.repeat(32) }, /digest[^]*Next: correct image_os_hash_value/)
      story.isBlank()
      await story.deployWell(good)
    },
  },
  'a BMC that falls silent': {
    machines: [{ name: 'silent-bmc', firmware: 'bios', disks: GIB8 }],
    async tell(site, story) {
      const { bmc, name } = story.machine
      const image = site.publish(name)
      await story.enroll()
      bmc.silence(true)
      await story.api.provision(story.node, 'manage')
      assert.match(await story.fail('enroll'), new RegExp(`BMC ${bmc.address}[^]*Next: check ipmi_address`))
      bmc.silence(false)
      await story.api.patchNode(story.node, { 'driver_info/ipmi_password': 'not the one' })
      await story.api.provision(story.node, 'manage')
      const refused = await story.fail('enroll')
      assert.match(refused, /Next: correct ipmi_username and ipmi_password/)
      assert.doesNotMatch(refused, /not the one/)
      await story.api.patchNode(story.node, { 'driver_info/ipmi_password': bmc.password })
      await story.prepare()
      // Between the boot device and the power, for good.
      const told = story.told()
      await story.deploy(image)
      await told
      bmc.silence(true)
      const error = await story.fail('deploy failed')
      assert.match(error, new RegExp(`BMC ${bmc.address}`))
      assert.match(error, /Next: check ipmi_address[^]*Afterwards the machine could not be switched off/)
      assert.equal(story.powerOns, 0)
      bmc.silence(false)
      // The same for a moment: nobody notices.
      const before = story.powerOns
      const [toldAgain, deployed] = [story.told(), story.deployWell(image)]
      await toldAgain
      bmc.silence(true)
      await sleep(SHORT_SILENCE_MS)
      bmc.silence(false)
      await deployed
      assert.equal(story.powerOns - before, 2, 'off to on: the ramdisk and the instance')
    },
  },
})
