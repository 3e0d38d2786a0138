// Requests as gophercloud and Metal3's baremetal-operator make them, and what they read of the answers. Looked up in gophercloud's
// openstack/baremetal/v1/nodes/results.go (pages), and in baremetal-operator's pkg/provisioner/ironic: clients/features.go (the version),
// register.go (enrolment and ports), clients/updateopts.go (patches have `add`, which replaces as well, and `remove`). Values are our own.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { fresh } from '../hosts/test-conductor.ts'
import { freshMac, sample } from './testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  site = await startTestSite()
})
afterAll(() => site.stop())

/** What it chooses of a server that has 1.109; 1.89 is the least that it can do with. */
const METAL3 = { 'X-OpenStack-Ironic-API-Version': '1.109' }
const metal3 = (method: string, path: string, body?: unknown) => site.api(method, path, body, METAL3)

it.each(['nodes', 'ports', 'portgroups', 'allocations'])(
  'gophercloud reads all pages of %s by <resource>_links',
  async (path) => {
    const { uuid } = (await site.api('POST', '/v1/nodes', sample('nodes', ''))).body
    const made = new Set<string>()
    for (let i = 0; i < 5; i++) made.add((await site.api('POST', `/v1/${path}`, sample(path, uuid))).body.uuid)
    const seen: string[] = []
    let next: string | undefined = `/v1/${path}?limit=2`
    for (let pages = 0; next !== undefined; pages++) {
      expect(pages, 'the pages end').toBeLessThan(50)
      const { body } = await metal3('GET', next)
      seen.push(...(body[path] as { uuid: string }[]).map((each) => each.uuid))
      // gophercloud takes the entry of rel next, and stops where there is none.
      const links = (body[`${path}_links`] ?? []) as { rel: string; href: string }[]
      next = links.find(({ rel }) => rel === 'next')?.href.replace(site.host.url, '')
      expect(body.next?.replace(site.host.url, '')).toBe(next)
    }
    expect(new Set(seen).size, 'none twice').toBe(seen.length)
    expect([...made].filter((each) => !seen.includes(each))).toEqual([])
  },
)

it.each(['nodes', 'ports', 'allocations'])(
  'gophercloud gets all fields of %s that it asks for, each in an argument of its own',
  async (path) => {
    const { uuid } = (await site.api('POST', '/v1/nodes', sample('nodes', ''))).body
    if (path !== 'nodes') await site.api('POST', `/v1/${path}`, sample(path, uuid))
    const { body } = await metal3('GET', `/v1/${path}?fields=uuid&fields=extra,created_at&limit=1`)
    expect(Object.keys(body[path][0]).toSorted()).toEqual(['created_at', 'extra', 'links', 'uuid'])
    const next = (await metal3('GET', body.next.replace(site.host.url, ''))).body[path][0] ?? body[path][0]
    expect(Object.keys(next).toSorted(), 'on the next page, too').toEqual(['created_at', 'extra', 'links', 'uuid'])
  },
)

it('Metal3 finds in the root how new the server is', async () => {
  const { body } = await site.api('GET', '/v1')
  expect(body.version).toMatchObject({ id: 'v1', status: 'CURRENT', min_version: '1.1' })
  const [major, minor] = body.version.version.split('.').map(Number)
  expect([major, minor >= 109]).toEqual([1, true])
})

it('Metal3 waits for a driver, registers a host, looks for it again by its name, and keeps its ports', async () => {
  expect((await metal3('GET', '/v1/drivers')).body.drivers).toContainEqual(expect.objectContaining({ name: 'fake-hardware' })) // prettier-ignore
  const name = `metal3~${fresh('host')}`
  const created = await metal3('POST', '/v1/nodes', {
    driver: 'fake-hardware',
    boot_interface: 'fake',
    name,
    driver_info: { fake_password: 'p', deploy_kernel: 'http://x/k', deploy_ramdisk: 'http://x/r', force_persistent_boot_device: 'Default' }, // prettier-ignore
    deploy_interface: 'fake',
    inspect_interface: 'fake',
    management_interface: 'fake',
    power_interface: 'fake',
    disable_power_off: false,
    properties: { capabilities: 'boot_mode:uefi', cpu_arch: 'x86_64' },
  })
  expect([created.status, created.text]).toEqual([201, expect.anything()])
  const { uuid } = created.body as { uuid: string }
  expect((await metal3('GET', `/v1/nodes/${name}`)).body).toMatchObject({ uuid, provision_state: 'enroll', driver_info: { fake_password: '******' } }) // prettier-ignore
  const address = freshMac()
  expect((await metal3('GET', `/v1/ports?address=${address}&fields=node_uuid`)).body.ports).toEqual([])
  expect((await metal3('POST', '/v1/ports', { node_uuid: uuid, address, pxe_enabled: true })).status).toBe(201)
  expect((await metal3('GET', `/v1/ports?address=${address}&fields=node_uuid`)).body.ports).toMatchObject([{ node_uuid: uuid }]) // prettier-ignore
})

it('Metal3 sets what an image needs in one patch, and undoes it key by key', async () => {
  const { uuid } = (await metal3('POST', '/v1/nodes', { driver: 'fake-hardware', name: fresh('ns~host') })).body
  const image = { image_source: 'http://x/i', image_os_hash_algo: 'sha256', image_os_hash_value: 'ab', image_checksum: 'ab', image_disk_format: 'raw', capabilities: {} } // prettier-ignore
  const add = Object.entries(image).map(([key, value]) => ({ op: 'add', path: `/instance_info/${key}`, value }))
  const instance = crypto.randomUUID()
  const set = await metal3('PATCH', `/v1/nodes/${uuid}`, [
    { op: 'add', path: '/instance_uuid', value: instance },
    ...add,
  ])
  expect([set.status, set.body]).toEqual([200, expect.objectContaining({ instance_uuid: instance })])
  const remove = Object.keys(image).map((key) => ({ op: 'remove', path: `/instance_info/${key}` }))
  const unset = await metal3('PATCH', `/v1/nodes/${uuid}`, [{ op: 'remove', path: '/instance_uuid' }, ...remove])
  expect([unset.status, unset.body]).toEqual([200, expect.objectContaining({ instance_uuid: null, instance_info: {} })])
  const switches = await metal3('PATCH', `/v1/nodes/${uuid}`, [
    { op: 'add', path: '/automated_clean', value: false },
    { op: 'add', path: '/deploy_interface', value: 'fake' },
    { op: 'add', path: '/properties/root_device', value: { name: 's== /dev/sda' } },
  ])
  expect([switches.status, switches.text]).toEqual([200, expect.anything()])
})
