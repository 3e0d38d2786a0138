// The only conductor of a site, killed while three machines are at different points of their deployments, and started again: one in the middle
// of the write, one that finishes the write meanwhile, one that is loading its ramdisk. All finish, and nothing is done twice.
import assert from 'node:assert/strict'
import { PATIENT, type MachineStory } from './machine-story.ts'
import type { FaultSite } from './site.ts'
import { tellAll } from './tell.ts'

const machine = (name: string) => ({ name, firmware: 'bios', disks: [{ sizeGiB: 8 }] }) as const

await tellAll({
  'a killed conductor': {
    machines: [machine('writing'), machine('finishing'), machine('loading')],
    async tell(site, ...stories) {
      const [writing, finishing, loading] = stories as [MachineStory, MachineStory, MachineStory]
      await Promise.all(stories.map((story) => story.prepare(PATIENT)))
      const images = stories.map(({ machine: { name } }) => site.publish(name))
      const holds = [writing, finishing].map((story) => site.images.hold(story.machine.name, site.middle))
      const deployed = Promise.all([
        writing.deployWell(images[0]!),
        finishing.deployWell(images[1]!),
        killInTheMiddle().then(() => loading.reach('active')),
      ])

      async function killInTheMiddle(): Promise<void> {
        await Promise.all([writing.inMidWrite(), finishing.inMidWrite()])
        await loading.deploy(images[2]!)
        await loading.until('beginning of the ramdisk', async () => (await loading.notes('boot.ramdisk')).length > 0)
        assert.equal(loading.count(/ferrule-init: /), 0)
        await site.conductors[0]!.end('SIGKILL')
        assert.equal((await writing.api.node(writing.node)).provision_state, 'deploying')
        holds[1]!.release()
        await finishing.until('end of the write', () => finishing.count(/prepare_image succeeded/) > 0)
        await site.conductors[0]!.start()
        for (const story of [writing, finishing])
          await story.until('resumption', async () => (await story.notes('write_image.resumed')).length > 0)
        holds[0]!.release()
      }

      await deployed
      await loading.until('deployed system', () => loading.count(/FERRULE-OS-UP/) > 0)
      await Promise.all(stories.map((story) => wentOnce(site, story)))
    },
  },
})

async function wentOnce(site: FaultSite, story: MachineStory): Promise<void> {
  const { name } = story.machine
  assert.equal(story.powerOns, 2, `${name}: off to on, the ramdisk and the instance`)
  assert.equal(site.images.downloads(name), 1, `${name}: the image is not fetched again`)
  assert.equal(story.count(/ferrule-init: .* up, /), 1, `${name}: one ramdisk`)
  const steps = (await story.notes('step.finished')).filter(({ step }) => step === 'deploy.write_image')
  assert.equal(steps.length, 1, name)
}
