// Cleaning by hand that erases whole disks, from the request to the disk; how each was erased is on the timeline.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { isZero } from '../agent/disk/aligned.ts'
import { startStory } from './story.ts'

test('a disk is overwritten all over, and a chosen step may follow itself', async (context) => {
  await using story = await startStory(context, { diskBytes: 64 * 2 ** 20 })
  const { api, machine, node } = story
  await api.provision(node, 'manage')
  await story.reach('manageable')
  const step = (name: string) => ({ interface: 'deploy', step: name })
  await api.provision(node, 'clean', {
    clean_steps: [step('erase_devices'), step('erase_pstore'), step('erase_devices')],
  })
  await story.reach('manageable')
  const result = (of: string) =>
    story.until(`${of}.done`, async () => {
      const told = (await api.timeline(node)).find(({ type }) => type === `${of}.done`)
      return told?.body['result']
    })
  expect(await result('erase_devices')).toBe('erase_devices: 1 disks erased: sda overwritten (it cannot erase itself)')
  expect(await result('erase_pstore')).toBe('erase_pstore: this machine keeps no such records')
  expect(isZero(await readFile(machine.disk.path))).toBe(true)
  expect(machine.console().match(/clean.execute_clean_step started/g)).toHaveLength(3)
})

test('what is cleaned between tenants follows the conductor’s priorities', async (context) => {
  const stepPriorities = ['clean.deploy.erase_devices=0', 'clean.deploy.erase_devices_express=50']
  await using story = await startStory(context, { conductorConfig: { stepPriorities } })
  await story.prepare()
  const steps = (await story.api.timeline(story.node)).flatMap(({ type, step }) =>
    type === 'step.finished' ? [step] : [],
  )
  expect(steps.filter((step) => step?.startsWith('deploy.erase'))).toEqual([
    'deploy.erase_devices_metadata',
    'deploy.erase_devices_express',
  ])
})
