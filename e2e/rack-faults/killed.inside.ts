// The only conductor of a site, killed in the middle of a write and started again. A rack of its own: every machine feels it.
import assert from 'node:assert/strict'
import { tellAll } from './tell.ts'

await tellAll({
  'a conductor killed in the middle of the write': {
    machines: [{ name: 'killed', firmware: 'bios', disks: [{ sizeGiB: 8 }] }],
    async tell(site, story) {
      const { name } = story.machine
      const image = site.publish(name)
      const [conductor] = site.conductors
      await story.prepare()
      const hold = site.images.hold(name, site.middle)
      const deployed = story.deployWell(image)
      await story.inMidWrite()
      await conductor!.end('SIGKILL')
      assert.equal((await story.api.node(story.node)).provision_state, 'deploying')
      await conductor!.start()
      await story.until('resumption', async () => (await story.notes('write_image.resumed')).length > 0)
      hold.release()
      await deployed
      assert.equal(story.powerOns, 2)
      assert.equal(site.images.downloads(name), 1, 'the image is not fetched again')
      const steps = (await story.notes('step.finished')).filter(({ step }) => step === 'deploy.write_image')
      assert.equal(steps.length, 1)
    },
  },
})
