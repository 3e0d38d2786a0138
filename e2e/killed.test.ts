// Processes that die in the middle of a deployment and come back: it finishes, nothing is done twice, nothing is lost.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { startStory, type Story } from './story.ts'

const MIB = 2 ** 20

/** A deployment that stands still in the middle of the write, with most of the image on the disk. */
async function inMidWrite({ api, node, site, until }: Story): Promise<{ release(): void }> {
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  const hold = site.images.hold('sim.raw', 13 * MIB)
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'survivor' } } })
  await hold.reached
  // From here on the command is on record. (A conductor that dies between a command and its record sends it again when it has ended by then:
  // the image is written twice, which changes nothing.)
  await until('progress of the write', async () =>
    (await api.timeline(node)).some(({ type }) => type === 'write_image'),
  )
  return hold
}

async function finished(story: Story, powerOnsBefore: number): Promise<void> {
  const { machine, site, api, node } = story
  expect(await story.reach('active')).toMatchObject({ last_error: null, power_state: 'power on' })
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP host=survivor'))
  expect(machine.offToOn() - powerOnsBefore, 'off to on: the ramdisk and the instance').toBe(2)
  expect(machine.bmc.log.of('Chassis Control').map(({ detail }) => detail)).not.toContain('cycle')
  expect(site.images.downloads('sim.raw'), 'the image is not fetched again').toBe(1)
  const steps = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  expect(steps.filter((step) => step === 'deploy.write_image')).toHaveLength(1)
}

const killedInMidWrite = (driver: 'ipmi' | 'redfish') => async (context: TestContext) => {
  await using story = await startStory(context, { conductor: 'process', imageBytes: 16 * MIB, driver })
  const { machine, site, api, node } = story
  await story.prepare()
  const before = machine.offToOn()
  const hold = await inMidWrite(story)
  await site.conductor.kill()
  expect(await api.node(node)).toMatchObject({ provision_state: 'deploying', last_error: null })
  await site.conductor.start()
  await story.until('resumption', async () =>
    (await api.timeline(node)).some(({ type }) => type === 'write_image.resumed'),
  )
  hold.release()
  await finished(story, before)
}

for (const driver of ['ipmi', 'redfish'] as const)
  test.concurrent(
    `${driver}: a conductor killed in the middle of the write finishes the deployment when it is back`,
    killedInMidWrite(driver),
  )

test.concurrent('a conductor that is away while the agent finishes the write', async (context) => {
  await using story = await startStory(context, { conductor: 'process', imageBytes: 16 * MIB })
  const { machine, site } = story
  await story.prepare()
  const before = machine.offToOn()
  const hold = await inMidWrite(story)
  await site.conductor.kill()
  hold.release()
  await story.until('end of the write', () => machine.console().includes('prepare_image succeeded'))
  await site.conductor.start()
  await finished(story, before)
})

test.concurrent('a conductor that is stopped in an orderly way leaves the deployment to its next start', async (context) => {
  await using story = await startStory(context, { conductor: 'process', imageBytes: 16 * MIB })
  const { machine, site } = story
  await story.prepare()
  const before = machine.offToOn()
  const hold = await inMidWrite(story)
  await site.conductor.close()
  await site.conductor.start()
  hold.release()
  await finished(story, before)
})

// Before the script is there, firmware is by itself, and gives a network boot up at the first failure; from then on the script tries again.
test.concurrent('a conductor killed while the machine loads its ramdisk lets the same boot go on', async (context) => {
  await using story = await startStory(context, { conductor: 'process', ramdiskBytes: 32 * MIB })
  const { machine, site, api, node } = story
  await story.prepare()
  const before = machine.offToOn()
  const seen = machine.console().length
  const journal = join(story.folder, 'site', 'conductor', 'journal')
  const scripts = () => readFileSync(journal, 'utf8').split('"boot_script_fetched":true').length - 1
  const ofCleaning = scripts()
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'survivor' } } })
  await story.until('loading', () => machine.console().includes('loading the deploy ramdisk', seen))
  // Killed before it is on record that the machine has its script, the conductor would boot it again: it cannot know.
  await story.until('script on record', () => scripts() > ofCleaning)
  await site.conductor.kill()
  await site.conductor.start()
  await finished(story, before)
})

test.concurrent('a machine that found no conductor when it booted over the network is booted again when that is back', async (context) => {
  await using story = await startStory(context, { conductor: 'process' })
  const { machine, site, api, node } = story
  await story.prepare()
  const before = machine.offToOn()
  machine.options.cable = 'pulled'
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'survivor' } } })
  await story.until('boot without a network', () => machine.console().includes('no bootable device'))
  await site.conductor.kill()
  machine.options.cable = 'plugged'
  await site.conductor.start()
  expect(await story.reach('active')).toMatchObject({ last_error: null, power_state: 'power on' })
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP host=survivor'))
  expect(machine.offToOn() - before, 'off to on: no network, the ramdisk and the instance').toBe(3)
  const again = (await api.timeline(node)).filter(({ type }) => type === 'boot.again')
  expect(again.map(({ body }) => body['why'])).toEqual(['the machine might have found no conductor'])
})

test.concurrent('a cloud killed in the middle of a deployment loses nothing', async (context) => {
  await using story = await startStory(context, { cloud: 'process', imageBytes: 16 * MIB })
  const { machine, cloud, api, node } = story
  await story.prepare()
  const before = machine.offToOn()
  const hold = await inMidWrite(story)
  const known = (await api.timeline(node)).filter(({ kind }) => kind === 'event')
  await cloud.kill()
  hold.release()
  await story.until('end of the write', () => machine.console().includes('prepare_image succeeded'))
  await cloud.start()
  await finished(story, before)
  const ids = new Set((await api.timeline(node)).map(({ id }) => id))
  expect(known.filter(({ id }) => !ids.has(id))).toEqual([])
})
