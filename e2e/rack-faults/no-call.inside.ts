// Machines whose agent never calls: one without a network cable, one that loses it while it loads its ramdisk. Each deployment fails in bounded time
// with a fault that says how far the machine came; with the cable in, and the patience that sites have by default, it works.
import assert from 'node:assert/strict'
import type { MachineStory } from './machine-story.ts'
import { tellAll } from './tell.ts'

/** From power-on; a machine comes to its ramdisk in less than half of it on a busy rack. */
const SHORT_PATIENCE_S = 120
const DEFAULT_PATIENCE_S = 1800

const machine = (name: string) => ({ name, firmware: 'bios', disks: [{ sizeGiB: 8 }] }) as const

await tellAll({
  'an agent that never calls': {
    machines: [machine('no-cable'), machine('loses-cable')],
    async tell(site, ...stories) {
      const [noCable, losesCable] = stories as [MachineStory, MachineStory]
      await wait(noCable, SHORT_PATIENCE_S)
      await Promise.all(stories.map((story) => story.prepare()))
      const images = stories.map((story) => site.publish(story.machine.name))
      noCable.machine.machine.link(false)
      await Promise.all(stories.map((story, index) => story.deploy(images[index]!)))
      await losesCable.until('loading of the ramdisk', async () => (await losesCable.notes('boot.ramdisk')).length > 0)
      losesCable.machine.machine.link(false)
      const [nothing, loaded] = (await Promise.all(stories.map((story) => story.fail('deploy failed')))) as [
        string,
        string,
      ]
      for (const error of [nothing, loaded]) {
        assert.match(error, /deploy\.wait_agent/)
        assert.match(error, new RegExp(`no agent called within ${SHORT_PATIENCE_S} s`))
      }
      assert.match(nothing, /nothing of its boot was seen[^]*Next: check its network cable/)
      assert.match(loaded, /the last boot stage was ramdisk \(\d+ of \d+ bytes[^]*Next: see its serial console/)
      assert.deepEqual(await bootStages(noCable), [])
      for (const story of stories) {
        await story.isUndone()
        assert.equal(story.powerOns, 1, `${story.machine.name} came on for its ramdisk`)
        assert.equal(site.images.downloads(story.machine.name), 0)
        assert.deepEqual(await story.notes('agent.call'), [])
      }

      await wait(noCable, DEFAULT_PATIENCE_S)
      for (const story of stories) story.machine.machine.link(true)
      await Promise.all(stories.map((story, index) => story.deployWell(images[index]!)))
      for (const story of stories) assert.equal(story.powerOns, 3, 'and once more, and into the instance')
    },
  },
})

/** So long deployments of the site wait for agents from now on. */
async function wait({ api }: MachineStory, seconds: number): Promise<void> {
  const { sites } = (await api.call('GET', '/sites')) as { sites: { uuid: string }[] }
  const value = { deploy: seconds }
  await api.call('PATCH', `/sites/${sites[0]!.uuid}`, [{ op: 'replace', path: '/callback_timeouts_s', value }])
}

async function bootStages(story: MachineStory): Promise<string[]> {
  const entries = await story.api.timeline(story.node)
  return entries.map(({ type }) => type).filter((type) => type.startsWith('boot.'))
}
