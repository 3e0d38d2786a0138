// Deploy interface custom-agent: the operator's ramdisk has a deploy step of its own that writes, and a deploy template puts it into the list.
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineCommand } from '../agent/command.ts'
import { writeImageArgs, writeImageStep } from '../agent/steps/write-image.ts'
import { startStory, type Story } from './story.ts'

const written: unknown[] = []
const writeMine = {
  ...defineCommand({
    name: 'deploy.write_mine',
    about: "Writes the image in the operator's own way.",
    kind: 'async',
    params: writeImageArgs.extend({ flavour: z.string() }),
    async run(context, { flavour, ...image }) {
      written.push(flavour)
      return writeImageStep.run(context, image)
    },
  }),
  priorities: { deploy: 0 },
} as const

async function prepared(story: Story, step: string): Promise<void> {
  const { api, node, site } = story
  await api.call('POST', '/deploy_templates', {
    name: 'CUSTOM_MINE',
    steps: [{ interface: 'deploy', step, args: { flavour: 'mine' }, priority: 85 }],
  })
  await api.call('PUT', `/nodes/${node}/traits/CUSTOM_MINE`)
  await api.patchNode(node, { automated_clean: false, deploy_interface: 'custom-agent' })
  await story.prepare()
  await api.patchNode(node, { instance_info: { ...site.instanceInfo(), traits: ['CUSTOM_MINE'] } })
}

test('a step of the operator’s ramdisk writes, with the image and the config drive of the instance', async (context) => {
  await using story = await startStory(context, { agentCommands: [writeMine] })
  const { api, node, machine, reach, until } = story
  await prepared(story, 'write_mine')
  const configdrive = { meta_data: { hostname: 'mine' }, user_data: 'hello' }
  await api.provision(node, 'active', { configdrive })
  await reach('active')
  await until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(machine.transitions.at(-1)?.detail).toContain('host=mine')
  expect(written).toEqual(['mine'])
  const steps = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
  expect(steps.filter((step) => step?.startsWith('deploy.'))).toEqual([
    ...['deploy.wait_agent', 'deploy.write_mine', 'deploy.prepare_instance_boot', 'deploy.tear_down_agent'],
  ])
})

test('a ramdisk that does not have the step fails the deployment before anything is written', async (context) => {
  await using story = await startStory(context, { agentCommands: [writeMine] })
  const { api, node, machine, fail, site } = story
  await prepared(story, 'write_theirs')
  await api.provision(node, 'active')
  const { last_error: why } = await fail('deploy failed')
  expect(why).toContain('the agent does not have the deploy steps write_theirs')
  expect(why).toContain('write_mine')
  expect(site.images.downloads('sim.raw')).toBe(0)
  expect(machine.transitions.at(-1)?.kind).toBe('power off')
})
