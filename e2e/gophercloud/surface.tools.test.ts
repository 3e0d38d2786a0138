// Every exported function of gophercloud's packages about bare metal: what it answers, and what machine and timeline say of it. Go's own coverage says
// which of them have run.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest'
import { fakeMachine } from '../../site-conductor/drivers/fake/machine.ts'
import { startStory } from '../story.ts'
import {
  BARE_METAL,
  type Compiled,
  compile,
  each,
  go,
  type Gopher,
  type Paged,
  type Resource,
  startGopher,
} from './gophercloud.ts'

/** Functions that are not exercised, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {}

let compiled: Compiled
let runs = 0
beforeAll(async () => {
  compiled = await compile(true)
}, 120_000)
afterAll(() => compiled?.remove())

/** A site of fake hardware, and a client with the name and password that HTTP Basic wants. */
async function start(context: TestContext) {
  const story = await startStory(context, { machines: 0, conductorConfig: { boot: false, drivers: ['fake-hardware'] } })
  const gopher = await startGopher(
    compiled,
    { endpoint: `${story.cloud.url}/v1`, microversion: '1.72', user: 'admin', password: story.cloud.token },
    [`-test.coverprofile=${join(compiled.folder, `${runs++}.cover`)}`],
  )
  const stop = async () => {
    await gopher.stop()
    await story[Symbol.asyncDispose]()
  }
  const { call } = gopher
  return { story, call, gopher, [Symbol.asyncDispose]: stop }
}

const provision = (gopher: Pick<Gopher, 'call'>, Node: string, target: string, more = {}) =>
  gopher.call('nodes.ChangeProvisionState', { Node, With: { target, ...more } })

it('versions and drivers are told as gophercloud reads them', async (context) => {
  await using site = await start(context)
  const { call, story } = site
  const { token } = story.cloud
  await call('connect', { Endpoint: story.cloud.url })
  await expect(call('nodes.Get', 'n1'), 'without a token').rejects.toMatchObject({
    class: 'ErrDefault401',
    status: 401,
  })
  await call('connect', { Endpoint: story.cloud.url, User: 'admin', Password: token })
  const versions = await call('apiversions.List')
  expect(versions).toMatchObject({
    default_version: { id: 'v1', status: 'CURRENT', min_version: '1.1' },
    versions: [{ id: 'v1' }],
  })
  expect(await call('apiversions.Get', 'v1')).toEqual(versions['default_version'])
  await call('connect', { Endpoint: `${story.cloud.url}/v1/`, Microversion: '1.49', User: 'admin', Password: token })

  const list = await call<Paged>('drivers.ListDrivers', { Type: 'dynamic', Detail: true })
  expect(list.all).toMatchObject([{ name: 'fake-hardware', type: 'dynamic', enabled_power_interfaces: ['fake'] }])
  const details = await call('drivers.GetDriverDetails', 'fake-hardware')
  expect(details['hosts']).toEqual([story.site.conductor.hostname])
  // An interface that gophercloud knows and the server does not tell would be an empty text or null.
  expect(Object.entries(details).filter(([, value]) => value === '' || value === null)).toEqual([])
  expect(await call('drivers.GetDriverProperties', 'fake-hardware')).toHaveProperty('fake_password')
  expect(await call('drivers.GetDriverDiskProperties', 'fake-hardware')).toHaveProperty('raid_level')
  expect(await call('conductors', 1)).toEqual({
    pages: [[{ hostname: story.site.conductor.hostname, alive: true }]],
    all: [{ hostname: story.site.conductor.hostname, alive: true }],
  })
})

it('a node is made, changed, operated and deleted by gophercloud', async (context) => {
  await using site = await start(context)
  const { call, story } = site
  const made = await call('nodes.Create', {
    driver: 'fake-hardware',
    name: 'n1',
    owner: 'me',
    resource_class: 'gold',
    properties: { capabilities: 'boot_mode:uefi', cpus: 8 },
    driver_info: { fake_password: 'hunter2' },
    extra: { rack: '7' },
  })
  expect(made).toMatchObject({ name: 'n1', owner: 'me', provision_state: 'enroll', power_interface: 'fake' })
  const { uuid } = made
  const machine = fakeMachine(uuid)
  const done = async () => (await story.api.timeline(uuid)).filter(({ type }) => type === 'step.finished').map(({ step }) => step) // prettier-ignore

  const changed = await call('nodes.Update', {
    Node: 'n1',
    With: [
      { op: 'add', path: '/properties/memory_mb', value: 4096 },
      { op: 'replace', path: '/extra', value: { rack: '8', spare: null } },
      { op: 'remove', path: '/owner' },
    ],
  })
  expect(changed).toMatchObject({ properties: { cpus: 8, memory_mb: 4096 }, extra: { rack: '8' }, owner: '' })
  expect(await story.api.node(uuid)).toMatchObject({ owner: null, properties: { memory_mb: 4096 } })

  const named = { name: 'n1', uuid, owner: '' }
  expect((await call<Paged>('nodes.List', { Driver: 'fake-hardware', Fields: ['uuid', 'name'] })).all).toMatchObject([
    named,
  ])
  expect((await call<Paged>('nodes.ListDetail', { ResourceClass: 'gold' })).all).toMatchObject([
    { ...named, extra: { rack: '8' } },
  ])

  await provision(site.gopher, uuid, 'manage')
  await story.reach('manageable', uuid)
  expect(await done()).toEqual(['power.verify'])
  const valid = await call<Record<string, { result: boolean }>>('nodes.Validate', 'n1')
  expect(Object.entries(valid).filter(([, { result }]) => !result)).toEqual([])

  await call('nodes.SetBootDevice', { Node: 'n1', With: { boot_device: 'cdrom', persistent: true } })
  expect(await call('nodes.GetBootDevice', 'n1')).toEqual({ boot_device: 'cdrom', persistent: true })
  expect(await call('nodes.GetSupportedBootDevices', 'n1')).toContain('cdrom')
  await call('nodes.InjectNMI', 'n1')
  expect(machine.log.splice(0)).toEqual(['boot device cdrom', 'nmi'])

  for (const [target, then, Timeout] of [
    ['power on', 'power on', 0],
    ['rebooting', 'power on', 60],
    ['soft rebooting', 'power on', 60],
    ['soft power off', 'power off', 60],
  ] as const) {
    await call('nodes.ChangePowerState', { Node: uuid, With: { target, ...(Timeout && { timeout: Timeout }) } })
    await story.until(target, async () => (await story.api.node(uuid)).target_power_state === null)
    expect(await call('nodes.Get', uuid)).toMatchObject({ power_state: then, target_power_state: '', last_error: '' })
  }
  expect(machine.log.splice(0)[0]).toBe('power on')
  expect(machine.power).toBe('power off')

  await call('nodes.SetRAIDConfig', {
    Node: uuid,
    With: {
      logical_disks: [
        { raid_level: '1', is_root_volume: true },
        { size_gb: 100, raid_level: '5+0' },
      ],
    },
  })
  expect(await call('nodes.Get', uuid)).toMatchObject({
    target_raid_config: { logical_disks: [{ size_gb: 'MAX' }, { size_gb: 100 }] },
  })
  const clean_steps = [
    { interface: 'raid', step: 'delete_configuration' },
    { interface: 'raid', step: 'create_configuration' },
    { interface: 'bios', step: 'apply_configuration', args: { settings: [{ name: 'BootMode', value: 'Bios' }] } },
  ]
  await provision(site.gopher, uuid, 'clean', { clean_steps })
  await story.reach('manageable', uuid)
  expect(machine.log.splice(0).filter((each) => /raid|bios/.test(each))).toEqual([
    'raid deleted',
    'raid 1, 5+0',
    'bios BootMode=Bios',
  ])
  expect((await done()).filter((step) => step?.startsWith('raid'))).toHaveLength(2)

  await provision(site.gopher, uuid, 'provide')
  await story.reach('available', uuid)
  const configdrive = { meta_data: { name: 'web-1' }, network_data: { links: [] }, user_data: '#cloud-config\n' }
  await provision(site.gopher, uuid, 'active', { configdrive })
  await story.reach('active', uuid)
  expect(await call('nodes.Get', 'n1')).toMatchObject({ provision_state: 'active', power_state: 'power on' })
  await provision(site.gopher, uuid, 'rescue', { rescue_password: 'correct horse' })
  await story.reach('rescue', uuid)
  expect(machine.rescued).toBe(true)
  await provision(site.gopher, uuid, 'unrescue')
  await story.reach('active', uuid)
  await provision(site.gopher, uuid, 'deleted')
  await story.reach('available', uuid)
  await call('nodes.Delete', uuid)
  await expect(story.api.node(uuid)).rejects.toThrow('404')
})

it('ports and allocations are made, changed, listed and deleted by gophercloud', async (context) => {
  await using site = await start(context)
  const { call, story } = site
  const { uuid: node } = await call('nodes.Create', { driver: 'fake-hardware', name: 'n1', resource_class: 'gold' })
  const macs = [1, 2, 3, 4, 5].map((n) => `52:54:00:00:00:0${n}`)
  const made: Resource[] = []
  for (const address of macs)
    made.push(
      await call('ports.Create', {
        node_uuid: node,
        address,
        pxe_enabled: address === macs[0],
        physical_network: 'p1',
        local_link_connection: { switch_id: '52:54:00:00:00:99', port_id: 'Ethernet1' },
        extra: { a: 1 },
        is_smartnic: false,
      }),
    )
  const port = made[0]!
  expect(await call('ports.Get', port.uuid)).toMatchObject({ address: macs[0], pxe_enabled: true, node_uuid: node })
  // gophercloud says a value with `remove`, too: null.
  const patch = [
    { op: 'remove', path: '/extra/a' },
    { op: 'add', path: '/extra/b', value: { c: [2] } },
    { op: 'replace', path: '/pxe_enabled', value: false },
  ]
  expect(await call('ports.Update', { Port: port.uuid, With: patch })).toMatchObject({
    extra: { b: { c: [2] } },
    pxe_enabled: false,
  })
  const addresses = each('address')
  const paged = await call<Paged>('ports.List', { Limit: 2, NodeUUID: node, SortKey: 'address', SortDir: 'desc' })
  expect(paged.pages.map(addresses)).toEqual([[macs[4], macs[3]], [macs[2], macs[1]], [macs[0]]])
  expect(addresses(paged.all)).toEqual(macs.toReversed())
  const detailed = await call<Paged>('ports.ListDetail', { Limit: 2, Node: 'n1' })
  expect(detailed.all).toMatchObject(macs.map((address) => ({ address, physical_network: 'p1' })))
  expect((await call<Paged>('ports.List', { Address: macs[1], Fields: ['node_uuid', 'address'] })).all).toMatchObject([
    { node_uuid: node, address: macs[1], uuid: '' },
  ])
  await call('ports.Delete', port.uuid)
  expect((await story.api.call('GET', '/ports')) as object).toMatchObject({ ports: { length: 4 } })

  await provision(site.gopher, node, 'manage')
  await story.reach('manageable', node)
  await provision(site.gopher, node, 'provide')
  await story.reach('available', node)
  const { uuid } = await call('allocations.Create', { resource_class: 'gold', name: 'a1', candidate_nodes: ['n1'], extra: { a: 'b' } }) // prettier-ignore
  await story.until('the allocation', async () => (await call('allocations.Get', 'a1'))['state'] === 'active')
  expect(await call('allocations.Get', uuid)).toMatchObject({ node_uuid: node, last_error: '', extra: { a: 'b' } })
  expect(await story.api.node(node)).toMatchObject({ instance_uuid: uuid, allocation_uuid: uuid })
  for (const name of ['a2', 'a3']) await call('allocations.Create', { resource_class: 'none', name })
  await story.until('errors', async () => (await call<Paged>('allocations.List', { State: 'error' })).all.length === 2)
  const names = each('name')
  const pages = (await call<Paged>('allocations.List', { Limit: 2, SortKey: 'name' })).pages
  expect(pages.map(names)).toEqual([['a1', 'a2'], ['a3']])
  expect(names((await call<Paged>('allocations.List', { Node: 'n1', ResourceClass: 'gold' })).all)).toEqual(['a1'])
  for (const name of ['a1', 'a2', 'a3']) await call('allocations.Delete', name)
  expect(await story.api.node(node)).toMatchObject({ instance_uuid: null })
})

it('nothing that gophercloud exports for bare metal was left out', async () => {
  const listed = (await go('list', `${BARE_METAL}/...`))
    .split('\n')
    .filter((name) => name && !name.endsWith('/testing'))
  const touched = new Map<string, boolean>()
  for (let run = 0; run < runs; run++) {
    const profile = join(compiled.folder, `${run}.cover`)
    expect(await readFile(profile, 'utf8')).toMatch(/^mode: /)
    for (const line of (await go('tool', 'cover', `-func=${profile}`)).split('\n')) {
      const [, place, name, percent] = /^(\S+):\s+([A-Z]\w*)\s+([\d.]+)%$/.exec(line) ?? []
      if (place === undefined || name === undefined) continue
      const key = `${place.slice(BARE_METAL.length + 1)} ${name}`
      touched.set(key, touched.get(key) === true || Number(percent) > 0)
    }
  }
  const packages = new Set([...touched.keys()].map((key) => `${BARE_METAL}/${key.slice(0, key.lastIndexOf('/'))}`))
  expect([...packages].sort(), 'a package that the programs do not know').toEqual(listed.sort())
  expect(touched.size).toBeGreaterThan(70)
  expect([...touched].filter(([, ran]) => !ran).map(([key]) => key)).toEqual(Object.keys(LEFT_OUT))
})

it('the programs are as gofmt and go vet want them', async () => {
  expect(await go('fmt', '-n', '.')).toMatch(/gofmt/)
  await go('vet', '.')
})
