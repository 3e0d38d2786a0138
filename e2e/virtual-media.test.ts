// The boot interface redfish-virtual-media: the machine loads its ramdisk from a volume that its BMC shows it, not from the network; and those of UEFI's
// HTTP boot. Judges: what the BMC was told, what the machine booted, the timeline.
import { expect, test } from 'vitest'
import { startStory, type Story } from './story.ts'

const MEDIA = { boot_interface: 'redfish-virtual-media' }

const told = (story: Story) =>
  story.machine
    .redfish!.log.entries.filter(({ what, path }) => !what.startsWith('GET') && !path.includes('/Sessions'))
    .map(({ what, detail }) => `${what} ${detail.replace(/\/[\w-]{20,}\//, '/…/')}`)

test.concurrent('a machine is deployed from virtual media', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, site, node, machine } = story
  await api.patchNode(node, { ...MEDIA, instance_info: site.instanceInfo() })
  await story.prepare()
  expect(await api.call('GET', `/nodes/${node}/validate`)).toMatchObject({ boot: { result: true } })
  const before = told(story).length
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'web-1' } } })
  await story.reach('active')
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP host=web-1'))

  expect(machine.transitions.map(({ kind }) => kind)).not.toContain('network boot')
  // Whether its ramdisk or its BMC switches it off is a matter of moments.
  const off = 'ComputerSystem.Reset ForceOff'
  expect(
    told(story)
      .slice(before)
      .filter((each) => each !== off),
  ).toEqual([
    expect.stringMatching(/^VirtualMedia\.InsertMedia Cd http:\/\/[\d.]+:8088\/…\/boot\.iso$/),
    'PATCH ComputerSystem Target=Cd Enabled=Once',
    'ComputerSystem.Reset On',
    'PATCH ComputerSystem Target=Hdd Enabled=Continuous',
    'VirtualMedia.EjectMedia Cd',
    'ComputerSystem.Reset On',
  ])
  const stages = (await api.timeline(node)).map(({ type, step }) => `${type} ${step ?? ''}`)
  expect(stages.join('\n')).toContain('boot.medium')
  expect(stages.join('\n'), 'the token was on the medium').not.toContain('agent.lookup')
})

const BOOTS = [
  ['redfish-https', 'a volume, from where the BMC says', true],
  ['http', 'a volume, from where DHCP says', true],
  ['http-ipxe', 'an iPXE', false],
] as const

for (const [boot_interface, what, isVolume] of BOOTS)
  test.concurrent(`${boot_interface}: UEFI’s HTTP boot loads ${what}`, async (context) => {
    await using story = await startStory(context, { driver: 'redfish' })
    const { api, site, node, machine } = story
    await api.patchNode(node, { boot_interface, automated_clean: false, instance_info: site.instanceInfo() })
    await story.prepare()
    await api.provision(node, 'active')
    await story.reach('active')
    await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP'))
    const kinds = machine.transitions.map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind.endsWith(' boot'))).toEqual([
      'http boot',
      ...(isVolume ? [] : ['network boot']),
      'disk boot',
    ])
    const isSaid = boot_interface === 'redfish-https'
    const { httpBootUri } = machine.redfish!.machine
    expect(httpBootUri, 'the next HTTP boot is DHCP’s again').toBe('')
    const targets = told(story).filter((each) => each.startsWith('PATCH'))
    expect(targets).toEqual([
      isSaid
        ? expect.stringMatching(/Target=UefiHttp Enabled=Once HttpBootUri=http:\/\/[\d.]+:8088\/…\/boot\.iso$/)
        : 'PATCH ComputerSystem Target=UefiHttp Enabled=Once',
      'PATCH ComputerSystem Target=Hdd Enabled=Continuous',
      ...(isSaid ? [expect.stringContaining('HttpBootUri=null')] : []),
    ])
    await api.patchNode(node, { properties: { capabilities: 'boot_mode:bios' } })
    const valid = (await api.call('GET', `/nodes/${node}/validate`)) as Record<
      string,
      { result: boolean; reason?: string }
    >
    expect(valid['boot']).toMatchObject({ result: false, reason: expect.stringContaining('UEFI firmware') })
  })

/** Begins a deployment whose machine is at `kind`, with its conductor in a process of its own. */
async function deploying(story: Story, kind: string): Promise<void> {
  const { api, site, node, machine } = story
  await api.patchNode(node, { ...MEDIA, automated_clean: false, instance_info: site.instanceInfo() })
  await story.prepare()
  await api.provision(node, 'active')
  await story.until(kind, () => machine.transitions.some((each) => each.kind === kind))
}

const inserted = ({ machine }: Story) => machine.redfish!.log.of('VirtualMedia.InsertMedia').map(({ detail }) => detail)

test.concurrent('a conductor that is killed while the BMC reads has the machine boot again, from another volume', async (context) => {
  await using story = await startStory(context, { driver: 'redfish', conductor: 'process' })
  const { site, machine, node, api } = story
  await deploying(story, 'medium boot')
  await site.conductor.kill()
  await site.conductor.start()
  expect(await story.reach('active')).toMatchObject({ last_error: null })
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP'))
  const again = (await api.timeline(node)).filter(({ type }) => type === 'boot.again')
  expect(again.map(({ body }) => body)).toMatchObject([{ why: expect.stringContaining('read to its end') }])
  expect(new Set(inserted(story)).size, 'each boot has a token of its own').toBe(2)
  expect(machine.redfish!.machine.media[0]!.image).toBeNull()
})

test.concurrent('another conductor takes over: it makes the volume again, and serves it itself', async (context) => {
  await using story = await startStory(context, {
    driver: 'redfish',
    conductor: 'process',
    leaseMs: 2_000,
    patienceMs: 60_000,
  })
  const { api, node, site, machine } = story
  const both = [site.conductor, await site.join({}, 'process')]
  await deploying(story, 'medium boot')
  const { reservation } = await api.node(node)
  await both.find(({ hostname }) => hostname === reservation)!.kill()
  expect(await story.reach('active')).toMatchObject({ last_error: null })
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP'))
  const hosts = inserted(story).map((detail) => new URL(detail.split(' ')[1]!).host)
  expect(new Set(hosts).size, hosts.join()).toBe(2)
})

test.concurrent('a deployment that fails leaves no medium in the drive', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, site, node, machine } = story
  const info = { ...site.instanceInfo(), image_os_hash_value: '0'.repeat(64) }
  await api.patchNode(node, { ...MEDIA, automated_clean: false, instance_info: info })
  await story.prepare()
  await api.provision(node, 'active')
  const failed = await story.fail('deploy failed')
  expect(failed.last_error).toContain('sha256')
  await story.until('undone', async () => (await api.node(node)).power_state === 'power off')
  expect(inserted(story)).toHaveLength(1)
  expect(machine.redfish!.machine.media[0]!.image).toBeNull()
})
