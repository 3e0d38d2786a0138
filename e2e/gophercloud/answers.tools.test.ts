// What gophercloud makes of lists, page by page with every combination of its filters, and of refusals: the class of its error, and Ironic's text in it.
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest'
import { startStory } from '../story.ts'
import { type Compiled, compile, each, type GopherError, type Paged, startGopher } from './gophercloud.ts'

let compiled: Compiled
beforeAll(async () => {
  compiled = await compile()
}, 120_000)
afterAll(() => compiled?.remove())

/** After which a site without conductor is known to be offline. */
const LEASE_MS = 3_000

async function start(context: TestContext) {
  const drivers = ['fake-hardware', 'manual-management']
  const conductorConfig = { boot: false, drivers }
  const story = await startStory(context, { machines: 0, leaseMs: LEASE_MS, lockWaitMs: 0, conductorConfig })
  const to = { endpoint: `${story.cloud.url}/v1`, user: 'admin', password: story.cloud.token }
  const gopher = await startGopher(compiled, { ...to, microversion: '1.80' })
  const stop = async () => {
    await gopher.stop()
    await story[Symbol.asyncDispose]()
  }
  const version = (Microversion: string) =>
    gopher.call('connect', { Endpoint: to.endpoint, User: to.user, Password: to.password, Microversion })
  return { story, call: gopher.call, version, [Symbol.asyncDispose]: stop }
}

/** What nodes have, and by which filter gophercloud asks for it. */
const FACTS = {
  driver: ['fake-hardware', 'manual-management'],
  resource_class: ['gold', 'silver'],
  owner: ['me', 'you'],
  maintenance: [true, false],
  associated: [true, false],
} as const
const FILTERS = { driver: 'Driver', resource_class: 'ResourceClass', owner: 'Owner', maintenance: 'Maintenance', associated: 'Associated' } as const // prettier-ignore
type Fact = keyof typeof FACTS
const NAMES = Object.keys(FACTS) as Fact[]

/** Of each field one of its values, in all ways. */
function* combinations<V>(
  fields: readonly Fact[],
  of: (field: Fact) => readonly V[],
): Generator<Partial<Record<Fact, V>>> {
  const [first, ...others] = fields
  if (first === undefined) return yield {}
  for (const rest of combinations(others, of)) for (const value of of(first)) yield { [first]: value, ...rest }
}

it(
  'every combination of filters, sorted either way, is read whole in pages of two',
  { timeout: 120_000 },
  async (context) => {
    await using site = await start(context)
    const { call, story } = site
    const nodes = [...combinations<string | boolean>(NAMES, (field) => FACTS[field])].map((facts, i) => ({
      ...facts,
      name: `n${String(i).padStart(2, '0')}`,
    }))
    for (const { associated, maintenance, ...node } of nodes)
    await story.api.call('POST', '/nodes', { ...node, maintenance, ...(associated && { instance_uuid: crypto.randomUUID() }) }) // prettier-ignore
    expect(nodes).toHaveLength(32)
    // A flag that is false is no filter for gophercloud: it leaves it out.
    const asked = (field: Fact) => (field === 'maintenance' || field === 'associated' ? [undefined, true] : [undefined, ...FACTS[field]]) // prettier-ignore
    let [lists, pages] = [0, 0]
    for (const wanted of combinations<string | boolean | undefined>(NAMES, asked)) {
      const given = NAMES.filter((field) => wanted[field] !== undefined)
      const matching = nodes
        .filter((node) => given.every((field) => node[field] === wanted[field]))
        .map(({ name }) => name)
      const filters = Object.fromEntries(given.map((field) => [FILTERS[field], wanted[field]]))
      for (const SortDir of ['asc', 'desc'])
        for (const list of ['nodes.List', 'nodes.ListDetail']) {
          const found = await call<Paged>(list, { ...filters, Limit: 2, SortKey: 'name', SortDir })
          const names = SortDir === 'asc' ? matching : matching.toReversed()
          expect([list, filters, each('name')(found.all)]).toEqual([list, filters, names])
          const pairs = Array.from({ length: Math.ceil(names.length / 2) }, (_, i) => names.slice(2 * i, 2 * i + 2))
          expect(found.pages.map(each('name'))).toEqual(pairs)
          lists++
          pages += found.pages.length
        }
    }
    expect(lists).toBe(3 * 3 * 3 * 2 * 2 * 4)
    expect(pages).toBeGreaterThan(lists)
  },
)

it('refusals have the class and the text that programs look for', async (context) => {
  await using site = await start(context)
  const { call, version, story } = site
  const refused = async (name: string, args: unknown) =>
    await call(name, args).then(
      () => 'not refused',
      (error: GopherError) => [error.class, error.status, error.fault],
    )
  const { uuid } = await call('nodes.Create', { driver: 'fake-hardware', name: 'n1' })
  const verb = (target: string, more = {}) => ['nodes.ChangeProvisionState', { Node: 'n1', With: { target, ...more } }] as const // prettier-ignore
  const add = (path: string, value: unknown) => ['nodes.Update', { Node: 'n1', With: [{ op: 'add', path, value }] }] as const // prettier-ignore
  const text = (part: string) => expect.stringContaining(part)

  expect(await refused(...verb('rescue'))).toEqual(['ErrDefault400', 400, text('rescue')])
  expect(await refused(...add('/driver_info', 'no object'))).toEqual(['ErrDefault400', 400, text('driver_info')])
  expect(await refused('nodes.Create', { driver: 'nobody-serves-it' })).toEqual(['ErrDefault400', 400, text('No valid host was found')]) // prettier-ignore
  expect(await refused('ports.Create', { node_uuid: uuid, address: 'no MAC' })).toEqual(['ErrDefault400', 400, text('address')]) // prettier-ignore
  expect(await refused('nodes.Get', 'n2')).toEqual(['ErrDefault404', 404, text('n2 could not be found')])
  expect(await refused('ports.Get', uuid)).toEqual(['ErrDefault404', 404, text(uuid)])
  expect(await refused('allocations.Get', 'a1')).toEqual(['ErrDefault404', 404, text('a1')])
  expect(await refused('nodes.Create', { driver: 'fake-hardware', name: 'n1' })).toEqual(['ErrDefault409', 409, text('already exists')]) // prettier-ignore
  await call('ports.Create', { node_uuid: uuid, address: '52:54:00:00:00:01' })
  expect(await refused('ports.Create', { node_uuid: uuid, address: '52:54:00:00:00:01' })).toEqual(['ErrDefault409', 409, text('already exists')]) // prettier-ignore
  await version('1.200')
  // gophercloud has no class of its own for 406.
  expect(await refused('nodes.Get', 'n1')).toEqual(['ErrUnexpectedResponseCode', 406, expect.any(String)])
  await version('1.80')

  for (const [target, state] of [
    ['manage', 'manageable'],
    ['provide', 'available'],
    ['active', 'active'],
  ] as const) {
    await call(...verb(target))
    await story.reach(state, uuid)
  }
  await call(...add('/protected', true))
  expect(await refused(...verb('deleted'))).toEqual(['ErrDefault403', 403, text('protected')])
  expect(await refused('nodes.Delete', uuid)).toEqual(['ErrDefault403', 403, text('protected')])
  await call('nodes.Update', { Node: 'n1', With: [{ op: 'remove', path: '/protected' }] })

  // Who looks right after an answer sees what was asked for, and nobody else gets the node meanwhile.
  await call(...add('/automated_clean', false))
  await call(...add('/driver_info/fake_delays', { power: 500 }))
  await call('nodes.ChangePowerState', { Node: uuid, With: { target: 'rebooting' } })
  expect(await call('nodes.Get', uuid)).toMatchObject({
    target_power_state: 'power on',
    reservation: expect.stringMatching(/./),
  })
  expect(await refused('nodes.ChangePowerState', { Node: uuid, With: { target: 'power off' } })).toEqual(['ErrDefault409', 409, text('is locked by host')]) // prettier-ignore
  expect(await refused(...add('/extra/a', 1))).toEqual(['ErrDefault409', 409, text('is locked by host')])
  await story.until('power', async () => (await story.api.node(uuid)).reservation === null)
  await call(...verb('deleted'))
  expect(await call('nodes.Get', uuid)).toMatchObject({
    provision_state: 'deleting',
    target_provision_state: 'available',
  })
  await story.reach('available', uuid)

  await story.site.conductor.kill()
  const isOffline = async () => {
    const { sites } = (await story.api.call('GET', '/sites')) as { sites: { offline_since: string | null }[] }
    return sites[0]!.offline_since !== null
  }
  await story.until('the end of its lease', isOffline)
  expect(await refused('nodes.GetBootDevice', uuid)).toEqual(['ErrDefault503', 503, expect.stringMatching(/./)])
  expect(await refused(...verb('active'))).toEqual(['ErrDefault503', 503, expect.stringMatching(/./)])
})
