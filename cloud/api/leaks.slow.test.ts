// No request of an earlier microversion sees, asks for, sorts by, filters by or sets what came later: every field, filter and attribute of every resource, at every
// version before its own. What is in no table of fields (drivers, parts of a node, states) has one here. Thousands of
// requests, about what is the same on every host: on Node alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '../hosts/node/test-site.ts'
import type { TestSite } from '../hosts/test-site.ts'
import { MAX_VERSION } from './microversion.ts'
import type { Resource } from './resource.ts'
import { RESOURCES } from './routes.ts'
import { newNode, sample, write } from './testdata/samples.ts'

let site: TestSite
let node: string
/** By the path of the resource. */
const items = new Map<string, string>()
beforeAll(async () => {
  site = await startTestSite()
  node = await newNode(site)
  for (const { path } of RESOURCES) {
    const made = await site.api('POST', `/v1/${path}`, sample(path, node))
    if (made.status !== 201) throw new Error(`no ${path}: ${made.text}`)
    items.set(path, `/v1/${path}/${made.body.uuid}`)
  }
})
afterAll(() => site.stop())

const ask = (version: number, method: string, path: string, body?: unknown) =>
  site.api(method, path, body, { 'X-OpenStack-Ironic-API-Version': `1.${version}` })
const versions = (from: number, before = MAX_VERSION + 1) =>
  Array.from({ length: Math.max(0, before - from) }, (_, i) => from + i)
const keysOf = (value: object) => Object.keys(value).sort()
const named = (resource: Resource) => [resource.path, resource] as const

/** Paths whose answers were none of `status`, for one message that names them all. */
async function others(status: number, asked: readonly (readonly [number, string, string, unknown?])[]) {
  const wrong: string[] = []
  for (const [version, method, path, body] of asked) {
    const reply = await ask(version, method, path, body)
    if (reply.status !== status)
      wrong.push(`1.${version} ${method} ${path} ${JSON.stringify(body ?? '')}: ${reply.status}`)
  }
  return wrong
}

describe.each(RESOURCES.map(named))('%s', (path, resource) => {
  const later = <T extends { since: number }>(all: readonly (readonly [string, T])[]) =>
    all.filter(([, { since }]) => since > resource.since)
  const fields = later(resource.fields.map((field) => [field.name, field] as const))
  const earlier = (since: number) => versions(resource.since, since)
  const list = `/v1/${path}`

  it('shows at each version the fields that it has then, and no other', async () => {
    const item = items.get(path)!
    for (const version of versions(resource.since)) {
      const has = resource.fields.filter(({ since, native }) => since <= version && !native).map(({ name }) => name)
      const shown = async (where: string, whole: boolean) => {
        const { status, body } = await ask(version, 'GET', where)
        expect([version, where, status]).toEqual([version, where, 200])
        const one = (where.startsWith(item) ? body : body[resource.key][0]) as object
        const wanted = whole ? has : has.filter((name) => resource.brief.includes(name))
        expect([version, where, keysOf(one)]).toEqual([version, where, wanted.toSorted()])
      }
      await shown(item, true)
      await shown(list, false)
      if (resource.detailPath) await shown(`${list}/detail`, true)
      if (version >= resource.detailSince) await shown(`${list}?detail=true`, true)
      if (version >= resource.fieldsSince) await shown(`${list}?fields=${has.join(',')}`, true)
    }
  })

  it('refuses to show or to sort by a field before its version', async () => {
    const asked = fields.flatMap(([name, { since, sort }]) =>
      earlier(since).flatMap((version) => [
        ...(version >= resource.fieldsSince
          ? [list, items.get(path)!].map((where) => [version, 'GET', `${where}?fields=${name}`] as const)
          : []),
        ...(sort ? [[version, 'GET', `${list}?sort_key=${name}`] as const] : []),
      ]),
    )
    expect(await others(406, asked)).toEqual([])
  })

  it('refuses a filter before its version', async () => {
    const asked = later(Object.entries(resource.filters)).flatMap(([name, { since }]) =>
      earlier(since).map((version) => [version, 'GET', `${list}?${name}=x`] as const),
    )
    expect(await others(406, asked)).toEqual([])
  })

  it('refuses an attribute before its version, at creation and in a patch, with each of its operations in turn', async () => {
    const body = sample(path, node)
    const { body: whole } = await ask(MAX_VERSION, 'GET', items.get(path)!)
    const given: Record<string, unknown> = { node, node_ident: node }
    const patchable = resource.patchSince ?? resource.since
    const asked = later(Object.entries(resource.attributes)).flatMap(([name, { since, only }]) => {
      const value = given[name] ?? whole[name] ?? 'x'
      const created = only === 'patch' ? [] : earlier(since).map((version) => [version, 'POST', list, { ...body, [name]: value }] as const) // prettier-ignore
      if (only === 'create') return created
      const patched = versions(patchable, since).map((version) => {
        const op = (['add', 'replace', 'remove'] as const)[(since - version) % 3]!
        const operation = { op, path: `/${name}`, ...(op !== 'remove' && { value }) }
        return [version, 'PATCH', items.get(path)!, [operation]] as const
      })
      return [...created, ...patched]
    })
    // A wrong value is a wrong value at every version; what is asked here is only what cannot be set at all.
    expect((await others(406, asked)).filter((line) => !line.endsWith(': 400'))).toEqual([])
  })
})

const interfaces = (since: number, ...names: string[]) =>
  Object.fromEntries(names.flatMap((name) => [`default_${name}_interface`, `enabled_${name}_interfaces`]).map((key) => [key, since])) // prettier-ignore
const parts = (since: number, names: string) => Object.fromEntries(names.split(' ').map((name) => [name, since]))

/** Where it is, since when, what of it is one thing, and since when each of its fields is shown. */
const ELSEWHERE: Readonly<
  Record<string, { since: number; fieldsSince?: number; one(body: never): object; shows: Record<string, number> }>
> = {
  '/v1/drivers/fake-hardware': {
    since: 1,
    one: (body: object) => body,
    shows: {
      ...parts(1, 'name hosts links'),
      properties: 14,
      type: 30,
      ...interfaces(30, 'boot', 'console', 'deploy', 'inspect', 'management', 'network', 'power', 'raid', 'vendor'),
      ...interfaces(33, 'storage'),
      ...interfaces(38, 'rescue'),
      ...interfaces(40, 'bios'),
      ...interfaces(86, 'firmware'),
    },
  },
  '/v1/nodes/:node/states': {
    since: 1,
    one: (body: object) => body,
    shows: {
      ...parts(1, 'console_enabled last_error power_state provision_state provision_updated_at'),
      ...parts(1, 'target_power_state target_provision_state'),
      ...parts(12, 'raid_config target_raid_config'),
      ...parts(75, 'boot_mode secure_boot'),
    },
  },
  '/v1/nodes/:node/bios?detail=true': {
    since: 74,
    one: ({ bios }: { bios: object[] }) => bios[0]!,
    shows: parts(74, 'name value created_at updated_at links attribute_type allowable_values lower_bound max_length min_length read_only reset_required unique upper_bound'), // prettier-ignore
  },
  '/v1/nodes/:node/bios': {
    since: 40,
    one: ({ bios }: { bios: object[] }) => bios[0]!,
    shows: parts(40, 'name value created_at updated_at links'),
  },
  '/v1/nodes/:node/bios/boot': {
    since: 40,
    one: ({ boot }: { boot: object }) => boot,
    shows: {
      ...parts(40, 'name value created_at updated_at links'),
      ...parts(74, 'attribute_type allowable_values lower_bound max_length min_length read_only reset_required unique upper_bound'), // prettier-ignore
    },
  },
  '/v1/nodes/:node/firmware': {
    since: 86,
    fieldsSince: 86,
    one: ({ firmware }: { firmware: object[] }) => firmware[0]!,
    shows: {
      ...parts(86, 'component initial_version current_version last_version_flashed created_at updated_at'),
      ...parts(114, 'vendor model serial_number'),
    },
  },
  '/v1/nodes/:node/history?detail=true': {
    since: 78,
    one: ({ history }: { history: object[] }) => history[0]!,
    shows: {
      ...parts(78, 'uuid created_at severity event event_type conductor user links'),
      project: 113,
      ...parts(115, 'state target_provision_state duration_seconds'),
    },
  },
}

describe.each(Object.keys(ELSEWHERE))('%s', (path) => {
  const { since: first, one, shows } = ELSEWHERE[path]!
  beforeAll(async () => {
    const key = [node, 'boot', 'x']
    await write(site, `INSERT OR IGNORE INTO bios_settings (node, name, value, created_at) VALUES (?, ?, ?, '')`, key)
    await write(site, `INSERT OR IGNORE INTO firmware_components (node, component, initial_version, created_at) VALUES (?, ?, ?, '')`, key) // prettier-ignore
    await site.api('PUT', `/v1/nodes/${node}/maintenance`, {})
  })

  it('shows at each version the fields that it has then, and no other', async () => {
    for (const version of versions(first)) {
      const { status, body } = await ask(version, 'GET', path.replace(':node', node))
      expect([version, status]).toEqual([version, 200])
      const has = Object.keys(shows).filter((name) => shows[name]! <= version)
      expect([version, keysOf(one(body as never))]).toEqual([version, has.sort()])
    }
  })
})

const choosing = Object.keys(ELSEWHERE).filter((path) => ELSEWHERE[path]!.fieldsSince !== undefined)
it.each(choosing)('%s refuses to show a field before its version', async (path) => {
  const { fieldsSince, shows } = ELSEWHERE[path]!
  const asked = Object.entries(shows).flatMap(([name, since]) =>
    versions(fieldsSince!, since).map(
      (version) => [version, 'GET', `${path.replace(':node', node)}?fields=${name}`] as const,
    ),
  )
  expect(await others(406, asked)).toEqual([])
})
