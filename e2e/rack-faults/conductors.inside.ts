// Two conductors of one site on one LAN, each on a host of its own. Each answers its own machines only; when one is killed in the middle of a
// write, the other takes its machine over and finishes.
import assert from 'node:assert/strict'
import { PATIENT } from './machine-story.ts'
import { tellAll } from './tell.ts'

const NAMES = ['one', 'two']
const GIB8 = [{ sizeGiB: 8 }]

await tellAll(
  {
    'two conductors': {
      machines: [
        { name: 'left', firmware: 'bios', disks: GIB8 },
        { name: 'right', firmware: 'bios', disks: GIB8 },
      ],
      async tell(site, ...stories) {
        await Promise.all(stories.map((story) => story.prepare(PATIENT)))
        const owners = await Promise.all(
          stories.map(async ({ api, node }) => String((await api.node(node))['conductor'])),
        )
        assert.equal(new Set(owners).size, 2, `a node each: ${owners.join(', ')}`)
        const images = stories.map(({ machine }) => site.publish(machine.name))
        const holds = stories.map(({ machine }) => site.images.hold(machine.name, site.middle))
        const deployed = Promise.all(stories.map((story, index) => story.deployWell(images[index]!)))
        await Promise.all([deployed, tellMiddle()])

        async function tellMiddle(): Promise<void> {
          await Promise.all(stories.map((story) => story.inMidWrite()))
          // Each machine was brought up by its own conductor: the agent says where it looks.
          const conductors = stories.map((story) => /lookup at https:\/\/(\S+):/.exec(story.lines.join('\n'))?.[1])
          assert.deepEqual(
            conductors,
            owners.map((owner) => (owner === NAMES[1] ? '10.77.0.3' : '10.77.0.1')),
          )
          const lost = owners.indexOf(NAMES[1]!)
          await site.conductors[1]!.end('SIGKILL')
          const orphan = stories[lost]!
          await orphan.until(
            'another owner',
            async () => (await orphan.api.node(orphan.node))['conductor'] !== NAMES[1],
          )
          await orphan.until('resumption', async () => (await orphan.notes('write_image.resumed')).length > 0)
          for (const hold of holds) hold.release()
        }

        for (const story of stories) {
          assert.equal(story.powerOns, 2, `${story.machine.name}: the ramdisk and the instance, and nothing twice`)
          assert.equal(site.images.downloads(story.machine.name), 1)
        }
        // Alone it goes on with both.
        await Promise.all(
          stories.map(async (story, index) => {
            await story.api.provision(story.node, 'rebuild')
            await story.until('second system', () => story.count(/FERRULE-OS-UP/) >= 2)
            await story.reach('active')
            assert.equal(site.images.downloads(images[index]!.url.split('/').at(-1)!), 2)
          }),
        )
      },
    },
  },
  { conductors: NAMES },
)
