// What a machine boots when nothing is to be deployed to it any more: never the ramdisk, whatever its firmware and its BMC say.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

test('a deployed machine that boots over the network is sent to its disk, also after its conductor restarted', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, reach, until } = story
  await story.prepare()
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  await reach('active')
  await until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  const reboot = async () => {
    const before = machine.transitions.length
    await api.call('PUT', `/nodes/${node}/management/boot_device`, { boot_device: 'pxe', persistent: false })
    await api.call('PUT', `/nodes/${node}/states/power`, { target: 'rebooting' })
    await until('start', () => machine.transitions.slice(before).some(({ kind }) => kind === 'os up'))
    expect(machine.transitions.slice(before).map(({ kind }) => kind)).toEqual([
      'power off',
      'power on',
      'network boot',
      'disk boot',
      'os up',
    ])
  }
  await reboot()
  expect(machine.console()).toContain('Ferrule: nothing to deploy, booting from disk')
  await until('line on the timeline', async () =>
    (await api.timeline(node)).some(({ type }) => type === 'boot.local-boot'),
  )
  await site.conductor.close()
  await site.conductor.start()
  await until('power', async () => {
    const { reservation } = await api.node(node)
    return (
      reservation === null && (await api.call('GET', `/nodes/${node}/management/boot_device`).catch(() => undefined))
    )
  })
  const lines = machine.console().split('nothing to deploy').length
  await reboot()
  expect(machine.console().split('nothing to deploy')).toHaveLength(lines + 1)
})

test('a machine of a failed deployment that is told to boot over the network gets no ramdisk', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, until, fail } = story
  await story.prepare()
  await api.patchNode(node, { instance_info: site.instanceInfo({ ...site.image, sha256: 'ab'.repeat(32) }) })
  await api.provision(node, 'active')
  await fail('deploy failed')
  const ramdisks = machine.transitions.filter(({ kind }) => kind === 'ramdisk').length
  const seen = machine.transitions.length
  await api.call('PUT', `/nodes/${node}/management/boot_device`, { boot_device: 'pxe', persistent: false })
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
  await until('firmware', () => machine.transitions.at(-1)?.kind === 'nothing to boot')
  expect(machine.transitions.slice(seen).map(({ kind }) => kind)).toEqual([
    'power on',
    'network boot',
    'nothing to boot',
  ])
  expect(machine.transitions.filter(({ kind }) => kind === 'ramdisk')).toHaveLength(ramdisks)
  expect(machine.console()).toContain('Ferrule: nothing to deploy, booting from disk')
})

test('an aborted deployment switches the machine off', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, until, fail } = story
  await story.prepare()
  machine.options.cable = 'pulled'
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  await until('network boot', () => machine.transitions.at(-1)?.kind === 'nothing to boot')
  await until('wait', async () => (await api.node(node)).provision_state === 'wait call-back')
  await api.provision(node, 'abort')
  expect((await fail('deploy failed')).last_error).toContain('aborted')
  expect(machine.transitions.at(-1)?.kind).toBe('power off')
})
