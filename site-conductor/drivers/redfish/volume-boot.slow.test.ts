// What a BMC is told so that its machine boots from a volume, and what firmware of different vendors makes of it.
import { afterEach, expect, test } from 'vitest'
import type { MediaQuirks } from '../../../sim/bmc/redfish/media.ts'
import type { Grant } from '../../../shared/protocol.ts'
import type { BootTicket } from '../../boot/ticket.ts'
import { type FakeContext, fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import type { SiteBoot } from '../../site.ts'
import driver from '../redfish.ts'
import { implementation, refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()
const contexts: FakeContext[] = []
const tickets = new Map<string, BootTicket>()
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()))
  tickets.clear()
})

const MAC = '52:54:00:00:00:01'
const boot: SiteBoot = {
  door: {
    admit: (ticket) => void tickets.set(ticket.node, ticket),
    admitInstance: () => {},
    dhcpOptions: () => [],
    withdraw: (node) => void tickets.delete(node),
    serveFile: () => expect.unreachable('no file is served'),
    withdrawFile: () => {},
  },
  ramdisk: { kernel: '/kernel', initrd: '/initrd' },
  files: { get: async ({ name }) => `/${name}` },
  isos: { get: async ({ kernel }) => ({ path: `/isos${kernel}.iso`, configAtByte: 4096 }) },
  httpUrlFor: (host) => `http://conductor-for-${host}:8088`,
  kernelArguments: 'console=ttyS0',
  httpUrl: 'http://10.0.0.1:8088',
  caPem: '',
  agentApiUrl: 'https://10.0.0.1:6384',
  caSha256: 'c'.repeat(64),
}

async function made(
  info: object = {},
  kept: Record<string, unknown> = {},
  site: Partial<SiteBoot> = {},
  more: Partial<Grant> = {},
): Promise<FakeContext> {
  const driverInfo = { redfish_address: rig.bmc.url, redfish_username: 'admin', redfish_password: 'secret', ...info }
  const ports = [{ uuid: 'p', address: MAC, pxeEnabled: true }]
  const context = await fakeContext(driver, {
    node: fakeGrant('n', { driver: 'redfish', driverInfo, ports, ...more }),
    boot: { ...boot, ...site },
    context: kept,
  })
  contexts.push(context)
  return context
}

const { steps, fenced, resume } = driver.interfaces.boot!['redfish-virtual-media']!
const prepare = (context: FakeContext) => steps!['prepare_ramdisk']!(context)
const cleanUp = (context: FakeContext) => steps!['clean_up_ramdisk']!(context)
const drive = () => rig.bmc.machine.media[0]!
const told = () => rig.bmc.log.entries.filter(({ what }) => what.includes('VirtualMedia.') || what.startsWith('PATCH'))

test('the volume carries the arguments of this boot and the token of its agent, under a path that nobody can guess', async () => {
  const context = await made({ kernel_append_params: '%default% debug' })
  await prepare(context)
  const { medium, ramdisk, token, macs } = tickets.get('n')!
  expect([ramdisk, macs, medium!.path, medium!.patch!.atByte]).toEqual([undefined, [MAC], '/isos/kernel.iso', 4096])
  const agentToken = await context.site.open('n', 'task.agent_token', String(context.kept['agent_token']))
  const line = Buffer.from(medium!.patch!.bytes)
    .toString()
    .split('\n')
    .find((each) => each.startsWith('linux '))!
  expect(line.replaceAll("'", '').split(' ')).toEqual([
    'linux',
    '/kernel',
    `ipa-api-url=${boot.agentApiUrl}`,
    `ferrule.ca=sha256:${boot.caSha256}`,
    'ferrule.node=n',
    'boot_method=vmedia',
    `ipa-agent-token=${agentToken}`,
    `BOOTIF=${MAC}`,
    'console=ttyS0',
    'debug',
  ])
  expect(token).toMatch(/^[\w-]{24}$/)
  expect(drive().image).toBe(`http://conductor-for-127.0.0.1:8088/${token}/boot.iso`)
  expect(JSON.stringify(context.kept), 'both are sealed').not.toMatch(new RegExp(`${token}|${agentToken}`))
  expect(await context.site.agents.showToken('n', '10.0.0.50'), 'a lookup shows it to nobody').toBeUndefined()

  const planned = await fakeContextWith(context, { boot_device: 'pxe', persistent: false })
  await implementation('management').steps!['set_boot_device']!(planned)
  expect(rig.bmc.machine.chassis.boot()).toMatchObject({ valid: true, device: 5, persistent: false })

  await cleanUp(context)
  expect([tickets.size, drive().image]).toEqual([0, null])
})

const fakeContextWith = async ({ kept, ...context }: FakeContext, args: Record<string, unknown>) => ({
  ...context,
  kept,
  task: { ...context.task, context: kept },
  args,
})

test('the address that DHCP would give is on the volume, where it is known which card it is for', async () => {
  const address = { ip: '10.0.0.50', prefixLength: 24, router: '10.0.0.1', dns: ['10.0.0.53', '10.0.0.54'] }
  const card = (mac: string) => ({ uuid: mac, address: mac, pxeEnabled: true })
  const onVolume = async (gives: boolean, macs: string[]) => {
    const context = await made({}, {}, { givesAddresses: gives }, { address, ports: macs.map(card) })
    await prepare(context)
    return Buffer.from(tickets.get('n')!.medium!.patch!.bytes)
      .toString()
      .match(/BOOTIF=[^']+|ferrule\.(address|router|dns)=[^']+/g)
  }
  expect(await onVolume(true, [MAC])).toEqual([
    `BOOTIF=${MAC}`,
    'ferrule.address=10.0.0.50/24',
    'ferrule.router=10.0.0.1',
    'ferrule.dns=10.0.0.53,10.0.0.54',
  ])
  expect(await onVolume(false, [MAC]), 'another DHCP server gives addresses').toEqual([`BOOTIF=${MAC}`])
  expect(await onVolume(true, [MAC, '52:54:00:00:00:02'])).toBeNull()
})

test('a volume of the node’s own is served as it is, and its agent asks for the token', async () => {
  const context = await made({ deploy_iso: 'https://images.example/deploy.iso', deploy_iso_checksum: 'a'.repeat(64) })
  await prepare(context)
  expect(tickets.get('n')!.medium).toEqual({ path: '/deploy_iso', overHttp: false })
  const agentToken = await context.site.open('n', 'task.agent_token', String(context.kept['agent_token']))
  expect(await context.site.agents.showToken('n', '10.0.0.50')).toBe(agentToken)
})

test('a kernel and a ramdisk of the node’s own are on the volume', async () => {
  const info = { deploy_kernel: 'file:///srv/kernel', deploy_ramdisk: 'file:///srv/ramdisk' }
  await prepare(await made(info))
  expect(tickets.get('n')!.medium!.path).toBe('/isos/deploy_kernel.iso')
})

test('what puts a medium in or takes it out is behind the fence, and no network boot needs one', () => {
  expect(fenced).toEqual([
    'prepare_ramdisk',
    'prepare_installer',
    'clean_up_ramdisk',
    'prepare_instance',
    'clean_up_instance',
  ])
  expect(driver.interfaces.boot!['ipxe']!.fenced).toBeUndefined()
  expect(driver.fencing!.steps.filter((name) => name.startsWith('boot.'))).toEqual([])
})

const VARIANTS: [string, Partial<MediaQuirks>, string[]][] = [
  ['as DSP2046 has it', {}, ['VirtualMedia.InsertMedia', 'VirtualMedia.EjectMedia']],
  ['drives of the system', { mediaOf: 'system' }, ['VirtualMedia.InsertMedia', 'VirtualMedia.EjectMedia']],
  [
    'a system that has none of the drives',
    { mediaOf: 'both' },
    ['VirtualMedia.InsertMedia', 'VirtualMedia.EjectMedia'],
  ],
  [
    'no more than the image',
    { inserting: 'bare' },
    ['VirtualMedia.InsertMedia 400', 'VirtualMedia.InsertMedia', 'VirtualMedia.EjectMedia'],
  ],
  [
    'the protocol beside it',
    { inserting: 'protocol' },
    [...Array(2).fill('VirtualMedia.InsertMedia 400'), 'VirtualMedia.InsertMedia', 'VirtualMedia.EjectMedia'],
  ],
  ['no action', { inserting: 'patch' }, ['PATCH VirtualMedia', 'PATCH VirtualMedia']],
  ['a look at the image first', { slowMedia: 3 }, ['VirtualMedia.InsertMedia', 'VirtualMedia.EjectMedia']],
]

test.each(VARIANTS)('a BMC with %s', async (_, quirks, changes) => {
  Object.assign(rig.bmc.quirks, quirks)
  await prepare(await made())
  expect(drive().image).toContain('/boot.iso')
  await cleanUp(await made())
  expect(drive().image).toBeNull()
  expect(told().map(({ what, status }) => (status < 300 ? what : `${what} ${status}`))).toEqual(changes)
})

test('done twice, the second boot takes the place of the first, and whatever somebody left in the drive', async () => {
  drive().image = 'http://192.0.2.1/x.iso'
  await prepare(await made())
  const [first] = [drive().image]
  await prepare(await made())
  expect(drive().image).not.toBe(first)
  expect(told().map(({ what }) => what.split('.')[1])).toEqual([
    'EjectMedia',
    'InsertMedia',
    'EjectMedia',
    'InsertMedia',
  ])
  expect(rig.bmc.log.refused()).toEqual([])
})

test('a BMC that does not let the medium go keeps nothing from being done after it', async () => {
  await prepare(await made())
  rig.bmc.quirks.keepsMedia = true
  const context = await made()
  await cleanUp(context)
  expect(context.notes).toMatchObject([
    { stage: 'boot.medium_stays', body: { why: expect.stringContaining('in use') } },
  ])
  expect(tickets.size, 'it is served no more').toBe(0)
})

test('of a BMC that cannot be asked it is noted that the medium may stay', async () => {
  const context = await made()
  await prepare(context)
  await rig.stop()
  await cleanUp(context)
  expect(context.notes).toMatchObject([{ stage: 'boot.medium_stays' }])
  await rig.start({})
})

test('a BMC without a drive says so', async () => {
  rig.bmc.machine.media.splice(0)
  expect(await refusal(prepare(await made()) as Promise<unknown>)).toMatchObject({
    code: 'driver.unsupported',
    message: 'the BMC has no virtual CD drive',
    hint: expect.stringContaining('boot_interface'),
  })
})

test('a BMC that repeats what it was told tells nobody the path of a boot', async () => {
  Object.assign(rig.bmc.quirks, { inserting: 'never' })
  const context = await made()
  const fault = await refusal(prepare(context) as Promise<unknown>)
  const { token } = tickets.get('n')!
  expect(fault).toMatchObject({
    code: 'bmc.refused',
    message: expect.stringContaining('/******/boot.iso cannot be used'),
  })
  expect(JSON.stringify(fault)).not.toContain(token)

  Object.assign(rig.bmc.quirks, { inserting: 'usual' })
  await prepare(context)
  expect(await rig.call('management', 'get_virtual_media')).toEqual([
    {
      device_type: 'cdrom',
      image_url: 'http://conductor-for-127.0.0.1:8088/******/boot.iso',
      image: 'http://conductor-for-127.0.0.1:8088/******/boot.iso',
      media_types: expect.arrayContaining(['CD']),
      inserted: true,
    },
  ])
})

test('driver_info says where this BMC reaches its conductor', async () => {
  await prepare(await made({ external_http_url: 'https://proxy.example:8443/site-1/' }))
  expect(drive().image).toMatch(/^https:\/\/proxy\.example:8443\/site-1\/[\w-]{24}\/boot\.iso$/)
})

test.each([
  ['Ferrule', ['Pxe', 'Cd', 'UsbCd'], 'Cd'],
  ['Ferrule', ['Pxe', 'UsbCd'], 'UsbCd'],
  ['Supermicro', ['Pxe', 'Cd', 'UsbCd'], 'UsbCd'],
  ['Supermicro', ['Pxe', 'Cd'], 'Cd'],
])('a drive of %s, which knows %j, is booted as %s', async (manufacturer, targets, target) => {
  await rig.stop()
  await rig.start({ facts: { manufacturer }, quirks: { targets: ['None', ...targets] } })
  await rig.step('management', 'set_boot_device', { boot_device: 'cdrom' })
  expect(rig.bmc.machine.bootTarget).toBe(target)
  expect(await rig.call('management', 'get_boot_device')).toEqual({ boot_device: 'cdrom', persistent: false })
})

test('redfish-https: the BMC is told where HTTP boot loads from, once, and forgets it afterwards', async () => {
  const https = driver.interfaces.boot!['redfish-https']!
  const context = await made()
  await https.steps!['prepare_ramdisk']!(context)
  const { token, medium } = tickets.get('n')!
  expect(medium!.overHttp, 'DHCP says nothing').toBe(false)
  const { machine } = rig.bmc
  expect([machine.bootTarget, machine.httpBootUri]).toEqual([
    'UefiHttp',
    `http://conductor-for-127.0.0.1:8088/${token}/boot.iso`,
  ])
  expect(machine.chassis.boot()).toMatchObject({ valid: true, persistent: false })
  await implementation('management').steps!['set_boot_device']!(
    await fakeContextWith(context, { boot_device: 'pxe', persistent: false }),
  )
  expect(
    told().map(({ what }) => what),
    'what is so already is not said again',
  ).toEqual(['PATCH ComputerSystem'])
  await https.steps!['clean_up_ramdisk']!(context)
  expect(machine.httpBootUri).toBe('')
})

test('redfish-https: a BMC that knows no HTTP boot says so', async () => {
  rig.bmc.quirks.targets = ['None', 'Pxe', 'Hdd', 'Cd']
  const https = driver.interfaces.boot!['redfish-https']!
  expect(await refusal(https.steps!['prepare_ramdisk']!(await made()) as Promise<unknown>)).toMatchObject({
    code: 'driver.unsupported',
    hint: expect.stringContaining("'http' needs no BMC"),
  })
})

test('who takes over before the agent has called boots again; afterwards the volume is needed by nobody', async () => {
  const first = await made()
  await prepare(first)
  const before = { ...first.kept }
  const early = await made({}, before)
  expect(await resume!(early)).toEqual(['power.power_off', 'boot.prepare_ramdisk'])
  expect(early.notes).toMatchObject([
    { stage: 'boot.again', body: { why: expect.stringContaining('read to its end') } },
  ])

  tickets.clear()
  const seal = (context: FakeContext, field: string) => context.site.seal('n', `task.${field}`, 'x'.repeat(40))
  const late = await made()
  Object.assign(late.kept, before, {
    boot_token: await seal(late, 'boot_token'),
    agent_token: await seal(late, 'agent_token'),
    agent_url: 'https://10.0.0.50:9999',
    agent_certificate: 'PEM',
  })
  expect(await resume!(late)).toBeUndefined()
  expect(tickets.get('n')).toEqual({ node: 'n', macs: [MAC], token: 'x'.repeat(40) })
})
