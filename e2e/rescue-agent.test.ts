// Rescue by the ramdisk: it stays up for a person with the password of the verb, nobody commands its agent any more, and afterwards the disk boots again.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sha512Crypt } from '../site-conductor/drivers/agent/sha512-crypt.ts'
import type { SimMachine } from '../sim/machine.ts'
import { startStory } from './story.ts'

/** Of the user rescue, as the ramdisk's /etc/shadow has it. */
async function shadowOf({ options }: SimMachine): Promise<string> {
  const text = await readFile(join(options.folder, 'root/etc/shadow'), 'utf8')
  return /^rescue:([^:]+):/m.exec(text)?.[1] ?? ''
}

test('an instance is rescued with a password, and goes on from its disk afterwards', async (context) => {
  await using story = await startStory(context)
  const { api, site, machine, node } = story
  await story.prepare()
  expect(await api.node(node)).toMatchObject({ rescue_interface: 'no-rescue' })
  await api.patchNode(node, { rescue_interface: 'agent', instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  await story.reach('active')
  await story.until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')

  await api.provision(node, 'rescue', { rescue_password: 'open sesame' })
  const rescued = await story.reach('rescue')
  expect(rescued).toMatchObject({ power_state: 'power on' })
  expect(JSON.stringify(rescued)).not.toContain('open sesame')
  expect(machine.transitions.at(-1)?.kind).toBe('ramdisk')
  const hash = await shadowOf(machine)
  expect(hash).toBe(sha512Crypt('open sesame', hash.split('$')[2]!))
  await story.until('end of the agent', () => machine.console().includes('agent left'))
  expect(machine.console()).not.toContain('open sesame')

  await api.provision(node, 'unrescue')
  expect(await story.reach('active')).toMatchObject({ power_state: 'power on' })
  await story.until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
})
