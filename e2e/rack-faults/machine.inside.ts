// Machines that fail in the middle of the write. Each deployment fails with a fault that names what happened, the machine ends off, set to its
// disk, with nothing bootable on it; deployed again, it works.
import assert from 'node:assert/strict'
import type { MachineStory } from './machine-story.ts'
import { readImage, type FaultSite, type Prepared } from './site.ts'
import { tellAll } from './tell.ts'

const { image } = JSON.parse(process.argv[2] ?? '{}') as Prepared
const { middle, bytes } = readImage(image)
const MIB = 2 ** 20
const GIB8 = [{ sizeGiB: 8 }]

/** Holds the write in its middle, lets `happen`, and answers the fault. */
async function inMidWrite(site: FaultSite, story: MachineStory, happen: () => void): Promise<string> {
  const { name } = story.machine
  const published = site.publish(name)
  await story.prepare()
  const hold = site.images.hold(name, middle)
  await story.deploy(published)
  await story.inMidWrite()
  await story.until('part of the image on the disk', () =>
    story.holds(bytes.subarray(middle - MIB, middle), middle - MIB),
  )
  happen()
  const error = await story.fail('deploy failed')
  hold.release()
  assert.match(error, /deploy\.write_image/)
  await story.isUndone()
  story.isBlank()
  return error
}

await tellAll({
  'power cut': {
    machines: [{ name: 'power-cut', firmware: 'bios', disks: GIB8 }],
    async tell(site, story) {
      const error = await inMidWrite(site, story, () => story.machine.machine.off('power cut'))
      assert.match(error, /the machine has lost its power/)
      assert.match(error, /Next: /)
      await story.deployWell(site.publish(story.machine.name))
    },
  },
  reset: {
    machines: [{ name: 'reset', firmware: 'bios', disks: GIB8 }],
    async tell(site, story) {
      const error = await inMidWrite(site, story, () => story.machine.machine.reset('front panel'))
      assert.match(error, /the machine has started again/)
      const resetAtMs = story.machine.powerLog.find(({ event }) => event === 'reset')!.atMs
      const again = (await story.notes('boot.ipxe-script')).filter(({ at }) => Date.parse(at) >= resetAtMs)
      assert.ok(again.length > 0, 'its disk is blank, so that it came by the network again')
      assert.equal(story.count(/standby\.prepare_image started/), 1, 'no second agent was told anything')
      await story.deployWell(site.publish(story.machine.name))
    },
  },
  'disk error': {
    machines: [{ name: 'disk-error', firmware: 'bios', disks: [{ sizeGiB: 8, badByte: middle }] }],
    async tell(site, story) {
      await story.prepare()
      const published = site.publish(story.machine.name)
      await story.deploy(published)
      const error = await story.fail('deploy failed')
      const [, path, at] = /DiskWriteError: cannot write (\S+) at byte (\d+): EIO/.exec(error) ?? []
      assert.equal(path, '/dev/vda', error)
      assert.ok(Number(at) <= middle && middle < Number(at) + 16 * 2 ** 20, `${at} is not near ${middle}: ${error}`)
      assert.match(error, /Next: replace the disk/)
      assert.ok(story.count(/I\/O error, dev vda, sector/) > 0, 'the kernel saw it')
      await story.isUndone()
      story.isBlank()
      story.machine.machine.replaceDisks()
      await story.deployWell(published)
    },
  },
})
