// The cloud, killed while two machines are in the middle of their writes, and started again on the same data. One machine stands still meanwhile,
// the other one is finished by the site without the cloud. Both are reported once, and nothing that was known is lost.
import assert from 'node:assert/strict'
import { PLANS } from '../../cloud/plans.ts'
import { PATIENT, type MachineStory } from './machine-story.ts'
import type { FaultSite } from './site.ts'
import { tellAll } from './tell.ts'

const STEPS = PLANS.deploy.map((step) => `${step.interface}.${step.step}`)

const machine = (name: string) => ({ name, firmware: 'bios', disks: [{ sizeGiB: 8 }] }) as const

await tellAll(
  {
    'a killed cloud': {
      machines: [machine('writing'), machine('finishing')],
      async tell(site, ...stories) {
        const [writing, finishing] = stories as [MachineStory, MachineStory]
        await Promise.all(stories.map((story) => story.prepare(PATIENT)))
        const holds = stories.map((story) => site.images.hold(story.machine.name, site.middle))
        await Promise.all(stories.map((story) => story.deploy(site.publish(story.machine.name))))
        await Promise.all(stories.map((story) => story.inMidWrite()))
        const known = await Promise.all(stories.map(events))

        await site.cloud.kill()
        holds[1]!.release()
        await finishing.until('deployed system without the cloud', () => finishing.count(/FERRULE-OS-UP/) > 0)
        assert.equal(writing.count(/prepare_image succeeded/), 0)
        await assert.rejects(writing.api.node(writing.node), 'the cloud is gone')

        await site.cloud.start()
        assert.equal((await writing.api.node(writing.node)).provision_state, 'deploying')
        await finishing.reach('active')
        assert.equal((await writing.api.node(writing.node)).provision_state, 'deploying')
        holds[0]!.release()
        await writing.reach('active')
        await writing.until('deployed system', () => writing.count(/FERRULE-OS-UP/) > 0)
        await Promise.all(stories.map((story, index) => wentOnce(site, story, known[index]!)))
      },
    },
  },
  { cloud: 'process' },
)

async function events(story: MachineStory) {
  return (await story.api.timeline(story.node)).filter(({ kind }) => kind === 'event')
}

async function wentOnce(site: FaultSite, story: MachineStory, known: Awaited<ReturnType<typeof events>>) {
  const { name } = story.machine
  assert.equal(story.powerOns, 2, `${name}: off to on, the ramdisk and the instance`)
  assert.equal(site.images.downloads(name), 1, `${name}: the image is not fetched again`)
  assert.equal(story.count(/ferrule-init: .* up, /), 1, `${name}: one ramdisk`)
  const all = await events(story)
  const { task } = all.findLast(({ type }) => type === 'task.opened')!
  const of = (type: string) => all.filter((entry) => entry.task === task && entry.type === type)
  assert.deepEqual(
    of('step.finished').map(({ step }) => step),
    STEPS,
    name,
  )
  assert.equal(of('task.done').length, 1, name)
  const ids = all.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length, `${name}: an event is told twice`)
  assert.ok(known.length > 0)
  assert.deepEqual(
    known.filter(({ id }) => !ids.includes(id)),
    [],
    `${name}: forgotten events`,
  )
}
