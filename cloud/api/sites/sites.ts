// Sites (ours): places with conductors. A site's name is what Ironic's clients see as conductor group.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import { uuidv7 } from '../../../shared/ids.ts'
import { fingerprint } from '../../../shared/sealing.ts'
import { MAX_LEASE_MS, MIN_LEASE_MS } from '../../lease-bounds.ts'
import { sites } from '../../schema/organisation.ts'
import { blankRow, insert, isoTime, laterStamp, select, update, type SiteRow } from '../../schema/rows.ts'
import { readBody } from '../body.ts'
import { json, links, type Answer, type Call, type Route } from '../call.ts'
import { checkMatch, etag, ifMatch } from '../conditions.ts'
import { checkPatch, PatchBody, type Patchable } from '../patch.ts'
import { invalid, limitOf, PAGE, readQuery } from '../query.ts'
import { findSite } from './find.ts'
import { SITE_SETTINGS, settingsOf } from './settings.ts'
import { chars } from '../shapes.ts'

/** IPv4 only: what DHCPv4 can give. */
const Address = z.ipv4()
/** Boot addresses that the hub gives to nodes, first to last, all inside `cidr`. */
const Pool = z
  .strictObject({
    cidr: z.cidrv4(),
    first: Address,
    last: Address,
    router: Address.optional(),
    dns: z.array(Address).max(8).optional(),
  })
  .superRefine((pool, context) => {
    const [network = '', prefix = ''] = pool.cidr.split('/')
    const size = 2 ** (32 - Number(prefix))
    const inside = (ip: string) => Math.floor(number(ip) / size) === Math.floor(number(network) / size)
    for (const field of ['first', 'last', 'router'] as const) {
      const ip = pool[field]
      if (ip !== undefined && !inside(ip))
        context.addIssue({ code: 'custom', path: [field], message: `${ip} is not inside ${pool.cidr}` })
    }
    if (number(pool.first) > number(pool.last))
      context.addIssue({ code: 'custom', path: ['last'], message: `${pool.last} is before ${pool.first}` })
  })

function number(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** As a conductor group may be called, but never like a UUID. */
const Name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/, 'a name has 1 to 63 of the characters a-z 0-9 _ . -')
  .refine((name) => !/^[0-9a-f]{8}-/.test(name), 'a name must not look like a UUID')
  .meta({ pattern: '^(?![0-9a-f]{8}-)[a-z0-9][a-z0-9_.-]{0,62}$' })
const Description = chars(4096).nullable()

/** How long a conductor that is away may go on with a task; null: 45 minutes while it is the only one, else not at all. */
const TenureMs = z
  .int()
  .min(0)
  .max(24 * 3_600_000)
  .nullable()

const leaseBounds = `a lease has ${MIN_LEASE_MS} to ${MAX_LEASE_MS} ms`
/** How long a conductor may act without an answer of the hub; of the sessions that begin from now on. */
const LeaseMs = z.int().min(MIN_LEASE_MS, leaseBounds).max(MAX_LEASE_MS, leaseBounds)

const SiteBody = z.strictObject({ name: Name, description: Description.optional(), pool: Pool.nullable().optional() })
const PATCHABLE: Readonly<Record<string, Patchable>> = {
  description: { since: 1, schema: Description },
  pool: { since: 1, schema: Pool.nullable() },
  lease_ms: { since: 1, schema: LeaseMs },
  tenure_ms: { since: 1, schema: TenureMs },
  ...SITE_SETTINGS,
}

async function shown(call: Call, site: SiteRow) {
  return {
    uuid: site.id,
    name: site.name,
    description: site.description,
    pool: site.pool,
    public_key: site.public_key,
    fingerprint: site.public_key === null ? null : await fingerprint(site.public_key),
    ca: site.ca,
    lease_ms: site.lease_ms,
    tenure_ms: site.tenure_ms,
    ...settingsOf(site),
    offline_since: site.offline_since,
    created_at: site.created_at,
    updated_at: site.updated_at,
    links: links(call.base, `sites/${site.id}`),
  }
}

async function createSite(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const body = await readBody(call.request, SiteBody)
  const [taken] = await select(call.sql, sites, 'name = ?', [body.name])
  if (taken) throw new FaultError('conflict', `A site called ${body.name} already exists.`)
  const id = uuidv7(call.ports.env)
  const created_at = isoTime(call.ports.env.now())
  await call.sql.batch([
    insert(sites, { id, name: body.name, description: body.description ?? null, pool: body.pool ?? null, created_at }),
  ])
  // A stream that does not hear of it looks again with its next heartbeat.
  call.ports.background(tellStreams(call, id).catch(() => undefined))
  return json(await shown(call, await findSite(call.sql, id)), 201, { Location: `${call.base}/v1/sites/${id}` })
}

/** Streams of all sites listen to the hubs of those that there are: one of them says that there is another. */
async function tellStreams(call: Call, added: string): Promise<void> {
  const [other] = await call.sql.all('SELECT id FROM sites WHERE id <> ? ORDER BY id LIMIT 1', [added])
  if (other) await refreshHub(call, String(other[0]), false)
}

async function refreshHub(call: Call, site: string, addresses: boolean): Promise<void> {
  const { principal, ports, requestId } = call
  const ref = { organisation: principal.organisation, site }
  const told = await ports.hub.command(ref, { kind: 'site.refresh', addresses, actor: principal.actor, requestId })
  if (!told.ok) throw FaultError.of(told.fault)
}

async function listSites(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['limit', 'marker'])
  const limit = limitOf(query)
  const marker = query.get('marker')
  const after = marker === undefined ? '' : (await findSite(call.sql, marker)).id
  // UUIDv7 sorts by time of making.
  const found = await select(call.sql, sites, 'id > ? ORDER BY id LIMIT ?', [after, limit])
  const next = found.length === limit ? { next: `${call.base}/v1/sites?limit=${limit}&marker=${found.at(-1)!.id}` } : {}
  return json({ sites: await Promise.all(found.map((site) => shown(call, site))), ...next })
}

async function siteAnswer(call: Call, ident: string): Promise<Answer> {
  const site = await findSite(call.sql, ident)
  return json(await shown(call, site), 200, etag(call, site.updated_at ?? site.created_at))
}

async function getSite(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return siteAnswer(call, call.params['ident']!)
}

async function patchSite(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const patch = checkPatch(await readBody(call.request, PatchBody), PATCHABLE, call.version)
  const site = await findSite(call.sql, call.params['ident']!)
  const unset = blankRow(sites) as Record<string, unknown>
  const changes: Partial<SiteRow> = {}
  for (const { op, path, value } of patch) {
    const root = path.slice(1)
    if (!Object.hasOwn(PATCHABLE, root)) throw invalid(`"${path}" cannot be changed by itself`)
    Object.assign(changes, { [root]: op === 'remove' ? unset[root] : value })
  }
  const wanted = ifMatch(call.request.headers)
  const stamp = site.updated_at ?? site.created_at
  checkMatch(wanted, stamp)
  const { sql, args } = update(sites, 'id', site.id, changes, laterStamp(call.ports.env.now()))
  const unchanged = wanted === undefined ? '' : ' AND coalesce(updated_at, created_at) = ?'
  const [rows] = await call.sql.batch([
    { sql: `${sql}${unchanged} RETURNING id`, args: wanted === undefined ? args : [...args, stamp] },
  ])
  if (rows?.length !== 1) throw new FaultError('request.changed', 'The site was changed since it was read.')
  await refreshHub(call, site.id, 'pool' in changes)
  return siteAnswer(call, site.id)
}

export const siteRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1/sites', about: 'A page of sites', query: PAGE, run: listSites },
  { method: 'POST', path: '/v1/sites', about: 'Makes a site', body: SiteBody, run: createSite },
  { method: 'GET', path: '/v1/sites/:ident', about: 'One site', run: getSite },
  {
    method: 'PATCH',
    path: '/v1/sites/:ident',
    about: 'Changes a site',
    patch: PATCHABLE,
    conditional: true,
    run: patchSite,
  },
]
