// Metal3's baremetal-operator, as metal3_*.go has it, takes a machine behind a Redfish BMC through its life: the real conductor, an agent in the machine's
// ramdisk, packets on loopback. Judges: the BMC's log, the machine's console and its timeline.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest'
import { buildIso } from '../../site-conductor/config-drive/iso9660.ts'
import type { RedfishLog } from '../../sim/bmc/redfish/log.ts'
import { startStory } from '../story.ts'
import { type Compiled, compile, startGopher } from './gophercloud.ts'
import { type Host, Metal3 } from './metal3.ts'

let compiled: Compiled
/** Ramdisk of the operator's DEPLOY_KERNEL_URL and DEPLOY_RAMDISK_URL, on the conductor. */
let ramdisk: string
beforeAll(async () => {
  compiled = await compile()
  ramdisk = await mkdtemp(join(tmpdir(), 'ferrule-metal3-'))
  for (const name of ['kernel', 'initrd']) await writeFile(join(ramdisk, name), Buffer.alloc(20_000, name))
}, 120_000)
afterAll(async () => {
  await compiled?.remove()
  await rm(ramdisk, { recursive: true, force: true })
})

const UID = '1d5b6a3c-5d57-4f0c-8f43-0f6f4c1f7a11'

/** What the BMC did not want; that a session is gone which a fence has ended is as it should be. */
const refused = (log: RedfishLog) => log.refused().filter(({ what }) => !/Session/.test(what))

/** `boot_interface` is what the scheme of the BMC's address stands for: redfish://, redfish-virtualmedia://. */
async function start(context: TestContext, boot_interface: string, more: Record<string, string> = {}) {
  const story = await startStory(context, { driver: 'redfish', createNodes: false, conductorConfig: { fileUrlFolders: [ramdisk] } }) // prettier-ignore
  const { machine, cloud } = story
  const gopher = await startGopher(compiled, { endpoint: `${cloud.url}/v1/`, user: 'bmo', password: cloud.token })
  const bmc = machine.redfish!
  const host: Host = {
    Namespace: 'metal3',
    Name: 'server-1',
    UID,
    MAC: machine.options.mac,
    Driver: 'redfish',
    Interfaces: {
      boot_interface,
      raid_interface: 'redfish',
      firmware_interface: 'redfish',
      inspect_interface: 'redfish',
      ...more,
    },
    DriverInfo: {
      redfish_address: bmc.url,
      redfish_username: 'admin',
      redfish_password: machine.options.bmcPassword,
      redfish_system_id: '/redfish/v1/Systems/1',
      redfish_verify_ca: false,
    },
    BootMode: 'UEFI',
    Arch: 'x86_64',
    DeployImage: {
      deploy_kernel: `file://${ramdisk}/kernel`,
      deploy_ramdisk: `file://${ramdisk}/initrd`,
      deploy_iso: null,
      kernel_append_params: null,
    },
    AutomatedClean: true,
  }
  const metal3 = new Metal3(gopher, host)
  await gopher.call('metal3.ready')
  const node = () => story.api.node(host.ID!)
  const stop = async () => {
    await gopher.stop()
    await story[Symbol.asyncDispose]()
  }
  return { story, gopher, metal3, host, node, bmc, machine, [Symbol.asyncDispose]: stop }
}

it('a Redfish machine lives its whole life with Metal3', { timeout: 180_000 }, async (context) => {
  await using site = await start(context, 'ipxe')
  const { metal3, gopher, host, node, story, machine, bmc } = site
  await metal3.done('register')
  expect(await node()).toMatchObject({ provision_state: 'manageable', power_state: 'power off', automated_clean: true })

  const { details } = await metal3.done('inspect')
  expect(details).toMatchObject({ inventory: { system_vendor: { serial_number: expect.stringMatching(/./) }, interfaces: [{ mac_address: host.MAC }] } }) // prettier-ignore
  const settings = await gopher.call('metal3.settings', host.ID)
  expect(settings).toContainEqual(expect.objectContaining({ name: 'ProcTurboMode', attribute_type: 'Enumeration', allowable_values: expect.arrayContaining(['Enabled']) })) // prettier-ignore
  expect(await gopher.call('metal3.firmware', host.ID)).toContainEqual(expect.objectContaining({ component: 'bmc', current_version: '2.10.0' })) // prettier-ignore
  bmc.log.entries.splice(0)
  await metal3.prepare('prepare', {
    RAIDInterface: 'redfish',
    LogicalDisks: [{ raid_level: '1', volume_name: 'root', is_root_volume: true }],
    Settings: [{ name: 'ProcTurboMode', value: 'Disabled' }],
  })
  expect(bmc.machine.bios()['ProcTurboMode']).toBe('Disabled')
  const told = bmc.log.entries.filter(({ status }) => status < 300).map(({ what }) => what)
  expect(told.filter((what) => /Volume|Bios/.test(what))).toEqual(['VolumeCollection', 'PATCH BiosSettings'].map((what) => expect.stringContaining(what))) // prettier-ignore

  const { image, images } = story.site
  const sums = images.publish('SHA256SUMS', { bytes: Buffer.from(`${image.sha256}  ${image.url.split('/').at(-1)}\n`), sha256: '' }) // prettier-ignore
  await metal3.done('provision', () => ({
    Image: { URL: image.url, Checksum: sums.url, ChecksumType: 'sha256', Format: 'raw' },
    ConfigDrive: { meta_data: { name: 'server-1', hostname: 'server-1' }, user_data: '#cloud-config\n' },
  }))
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP host=server-1'))
  expect(await node()).toMatchObject({ provision_state: 'active', instance_uuid: UID, power_state: 'power on' })

  const resets = () => bmc.log.of('ComputerSystem.Reset').map(({ detail }) => detail)
  await metal3.done('powerOff', () => ({ Soft: true }))
  await metal3.done('powerOn')
  expect(resets().slice(-2)).toEqual(['GracefulShutdown', 'On'])
  await metal3.prepare('service', { Settings: [{ name: 'ProcTurboMode', value: 'Enabled' }] })
  expect(bmc.machine.bios()['ProcTurboMode']).toBe('Enabled')

  await metal3.done('deprovision')
  expect(await node()).toMatchObject({ provision_state: 'available', power_state: 'power off', instance_info: {} })
  const timeline = await story.api.timeline(host.ID!)
  const states = timeline.filter(({ type }) => type === 'node.provision_state').map(({ body }) => body['to'])
  for (const state of ['inspecting', 'cleaning', 'wait call-back', 'servicing', 'active', 'deleting'])
    expect(states, `${state} was passed`).toContain(state)
  expect(refused(bmc.log)).toEqual([])
  await metal3.done('delete')
  await expect(node()).rejects.toThrow('404')
})

it('a Redfish machine boots a live ISO from virtual media, and tells Metal3 of its events', async (context) => {
  await using site = await start(context, 'redfish-virtual-media')
  const { metal3, gopher, host, node, story, machine, bmc } = site
  await metal3.done('register')
  expect(await gopher.call('metal3.busyHosts')).toEqual([])

  // gophercloud sends a body with GET and DELETE.
  const Body = { Destination: 'https://events.test/hook', Context: 'metal3', HttpHeaders: [{ 'X-A': 'b' }] }
  const { Id } = await gopher.call<{ Id: string }>('metal3.subscribe', { ID: host.ID, Body })
  const about = { ID: host.ID, URL: Id }
  expect(await gopher.call('metal3.subscription', about)).toMatchObject({ Id, Destination: Body.Destination })
  const all = await gopher.call<{ Members: Record<string, string>[]; Count: number }>('metal3.subscriptions', host.ID)
  expect([all.Members.length, all.Members[0]!['@odata.id']]).toEqual([1, expect.stringContaining(Id)])
  await gopher.call('metal3.unsubscribe', about)
  expect(await metal3.refused(gopher.call('metal3.subscription', about))).toMatchObject({ status: expect.any(Number) })

  const iso = buildIso([{ path: 'readme', bytes: Buffer.from('boot me') }], { label: 'LIVE', time: new Date(0) })
  const live = { URL: story.site.images.publish('live.iso', { bytes: Buffer.from(iso), sha256: '' }).url, Format: 'live-iso' } // prettier-ignore
  await metal3.done('provision', () => ({ Image: live }))
  await story.until('instance', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(machine.transitions.at(-1)?.detail).toContain(live.URL)
  expect(await node()).toMatchObject({ deploy_interface: 'ramdisk', instance_info: { boot_iso: live.URL }, provision_state: 'active' }) // prettier-ignore
  await metal3.done('deprovision')
  await metal3.done('delete')
  expect(refused(bmc.log)).toEqual([])
})

it('an inspection by agent that Metal3 aborts is begun again', async (context) => {
  await using site = await start(context, 'ipxe', { inspect_interface: 'agent' })
  const { metal3, host, node, story, machine } = site
  await metal3.done('register')
  machine.options.cable = 'pulled'
  expect(await metal3.turn('inspect')).toMatchObject({ started: true, dirty: true })
  await story.until('inspect wait', async () => (await node()).provision_state === 'inspect wait')
  expect(await metal3.turn('inspect')).toMatchObject({ started: false, dirty: true, delay: 15 })
  expect(await metal3.turn('inspect', { ForceReboot: true })).toMatchObject({ started: true, dirty: true })
  expect((await story.fail('inspect failed', host.ID)).last_error, 'the operator looks for the word').toContain(
    'aborted',
  )
  machine.options.cable = 'plugged'
  const { details } = await metal3.done('inspect')
  expect(details).toMatchObject({
    inventory: {
      cpu: { architecture: 'x86_64', frequency: expect.any(String) },
      disks: [{ size: expect.any(Number), by_path: expect.any(String) }],
      boot: { current_boot_mode: 'uefi' },
    },
    plugin_data: {
      root_disk: { size: expect.any(Number) },
      macs: expect.arrayContaining([host.MAC]),
      all_interfaces: { eth0: { mac_address: host.MAC, pxe_enabled: true } },
      valid_interfaces: { eth0: { mac_address: host.MAC } },
    },
  })
})
