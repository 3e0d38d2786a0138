// An instance on a volume of a storage system (storage interface external): booted by iSCSI at every start, by whichever conductor has the node, until it is
// torn down; the machine's own disk is never written, and no agent is booted for it.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startStory, type Story } from './story.ts'

const IQN = 'iqn.2026-01.org.example:vol-1'
const ME = 'iqn.2026-01.org.example:sim-1'
const CHAP = { username: 'sim-1', password: 'not ${mac} # a word' }

/** The node is available, and its volume is there: with CHAP, for its machine alone. Automated cleaning would boot an agent. */
async function prepared(story: Story, password = CHAP.password): Promise<void> {
  const { api, node, site } = story
  const { storage } = site
  storage.volumes.push({ iqn: IQN, lun: 10, system: 'debian on vol-1', chap: CHAP, initiator: ME })
  await api.patchNode(node, {
    automated_clean: false,
    storage_interface: 'external',
    properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:uefi,iscsi_boot:True' },
  })
  await api.call('POST', '/volume/connectors', { node_uuid: node, type: 'iqn', connector_id: ME })
  await api.call('POST', '/volume/targets', {
    ...{ node_uuid: node, volume_type: 'iscsi', volume_id: 'vol-1', boot_index: 0 },
    properties: {
      ...{ target_iqn: IQN, target_portal: `${storage.host}:${storage.port}`, target_lun: 10 },
      ...{ auth_method: 'CHAP', auth_username: CHAP.username, auth_password: password },
    },
  })
  await story.prepare()
}

async function deployed(story: Story): Promise<void> {
  await prepared(story)
  await story.api.provision(story.node, 'active')
  await story.reach('active')
  await isUp(story)
}

const kinds = ({ machine }: Story, since = 0) => machine.transitions.slice(since).map(({ kind }) => kind)
const isUp = (story: Story, since = 0) =>
  story.until('instance', () => story.machine.transitions.slice(since).at(-1)?.kind === 'os up')
const diskOf = async ({ machine }: Story) =>
  createHash('sha256')
    .update(await readFile(machine.disk.path))
    .digest('hex')

/** Power off and on; answers what the machine did since. */
async function rebooted(story: Story): Promise<string[]> {
  const { api, node, machine, until } = story
  const before = machine.transitions.length
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'rebooting' })
  await isUp(story, before)
  await until('end of the power task', async () => (await api.node(node)).target_power_state === null)
  return kinds(story, before)
}

const VOLUME = ['power off', 'power on', 'network boot', 'volume boot', 'os up']

test.for(['ipmi', 'redfish'] as const)(
  'an instance is booted from its volume at every start, until it is torn down, and nothing is written (%s)',
  async (driver, context) => {
    await using story = await startStory(context, { driver, diskBytes: 2 ** 22 })
    const { api, node, site, machine, reach, until } = story
    const blank = await diskOf(story)
    await deployed(story)
    expect(kinds(story)).toEqual(VOLUME.slice(1))
    expect(machine.transitions.at(-1)!.detail).toBe('FERRULE-VOLUME-UP debian on vol-1')
    expect(site.storage.logins).toEqual([{ initiator: ME, iqn: IQN }])
    expect((await api.node(node))['driver_internal_info']).toMatchObject({
      boot_from_volume: expect.any(String) as string,
    })
    const steps = (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
    expect(steps.slice(-4)).toEqual([
      ...['power.power_off', 'boot.prepare_instance', 'management.set_boot_device', 'power.power_on'],
    ])
    expect(await rebooted(story)).toEqual(VOLUME)

    const seen = machine.transitions.length
    await api.provision(node, 'rebuild')
    await reach('active')
    await isUp(story, seen)
    expect(kinds(story, seen)).toEqual(VOLUME)

    await api.provision(node, 'deleted')
    await reach('available')
    const gone = machine.transitions.length
    await api.call('PUT', `/nodes/${node}/management/boot_device`, { boot_device: 'pxe', persistent: false })
    await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
    await until('firmware', () => machine.transitions.at(-1)?.kind === 'nothing to boot')
    expect(kinds(story, gone)).toEqual(['power on', 'network boot', 'nothing to boot'])
    expect(await diskOf(story)).toBe(blank)
  },
)

test('a rescue boots its ramdisk, and behind it the machine is on its volume again', async (context) => {
  await using story = await startStory(context)
  const { api, node, reach, machine } = story
  await api.patchNode(node, { rescue_interface: 'agent' })
  await deployed(story)
  await api.provision(node, 'rescue', { rescue_password: 'let me in' })
  await reach('rescue')
  expect(kinds(story).slice(-3)).toEqual(['power on', 'network boot', 'ramdisk'])
  const before = machine.transitions.length
  await api.provision(node, 'unrescue')
  await reach('active')
  await isUp(story, before)
  expect(kinds(story, before)).toEqual(VOLUME)
})

test('a conductor that restarted, and one that took over, boot it as well', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, until } = story
  await deployed(story)
  const first = (await api.node(node))['conductor']
  await site.conductor.close()
  await site.conductor.start()
  const driven = async () => {
    const { conductor } = await api.node(node)
    const ask = api.call('GET', `/nodes/${node}/management/boot_device`)
    return await ask.then(
      () => conductor,
      () => undefined,
    )
  }
  await until('the conductor', driven)
  expect(await rebooted(story)).toEqual(VOLUME)
  await site.join()
  await site.conductor.close()
  await until('another conductor', async () => ((await driven()) ?? first) !== first)
  expect(await rebooted(story)).toEqual(VOLUME)
})

test('a storage system that is away is waited for, and the machine boots when it is back', async (context) => {
  await using story = await startStory(context, { patienceMs: 60_000 })
  const { api, node, site, machine, reach, until } = story
  await prepared(story)
  site.storage.isAway = true
  await api.provision(node, 'active')
  await reach('active')
  await until('attempt', () => machine.console().includes('Connection timed out'))
  expect(kinds(story)).toEqual(['power on', 'network boot'])
  site.storage.isAway = false
  await isUp(story)
  expect(kinds(story).slice(-2)).toEqual(['volume boot', 'os up'])
})

test('with a wrong secret the machine is let in nowhere; corrected while it is off, it boots', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, machine, reach, until } = story
  await prepared(story, 'wrong')
  await api.provision(node, 'active')
  await reach('active')
  await until('refusal', () => machine.console().includes('Operation not permitted'))
  expect(site.storage.logins).toEqual([])
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power off' })
  await until('power off', async () => (await api.node(node)).power_state === 'power off')
  const { targets } = (await api.call('GET', `/nodes/${node}/volume/targets`)) as { targets: { uuid: string }[] }
  const value = CHAP.password
  await api.call('PATCH', `/volume/targets/${targets[0]!.uuid}`, [
    { op: 'replace', path: '/properties/auth_password', value },
  ])
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
  await isUp(story)
  expect(kinds(story).slice(-2)).toEqual(['volume boot', 'os up'])
  for (const text of [story.log.join('\n'), JSON.stringify(await api.timeline(node))]) expect(text).not.toContain(value)
})

test('a node that cannot boot its volume is refused before anything is done, and validate says all that is missing', async (context) => {
  await using story = await startStory(context)
  const { api, node, machine } = story
  await prepared(story)
  const properties = { capabilities: 'boot_mode:uefi' }
  await api.patchNode(node, { properties, boot_interface: 'pxe' })
  const why = /iscsi_boot:True.*boot interface pxe boots no volumes: set boot_interface to ipxe or http-ipxe/
  await expect(api.provision(node, 'active')).rejects.toThrow(why)
  expect(await api.call('GET', `/nodes/${node}/validate`)).toMatchObject({
    storage: { result: false, reason: expect.stringMatching(why) as string },
    deploy: { result: true },
  })
  expect(machine.transitions).toEqual([])
})
