// A page of 100 out of a million nodes (P14), over HTTP on the embedded server: several filters and sorts, each at random markers. The rows are
// made by the schema's own database in one statement, and differ; the figure is the slowest kind's 95th percentile.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCloud } from '../../cloud/hosts/node/start.ts'
import { Client } from './client.ts'
import { optionsOf, startEmbedded } from './targets.ts'

const NODES = 1_000_000
const PAGE = 100
const ASKED = 60
const GOAL_MS = 20

/** Each is asked with a random marker of its own filter. `where`: the SQL of which nodes that are. */
const KINDS: readonly { query: string; where?: string }[] = [
  { query: '' },
  { query: '/detail' },
  { query: '?sort_dir=desc' },
  { query: '?fields=uuid,name,provision_state,power_state,traits' },
  { query: '?provision_state=active', where: "provision_state = 'active'" },
  { query: '?provision_state=clean%20failed', where: "provision_state = 'clean failed'" },
  { query: '?maintenance=true', where: 'maintenance = 1' },
  { query: '?associated=true', where: 'instance_uuid IS NOT NULL' },
  { query: '?resource_class=class-7', where: "resource_class = 'class-7'" },
  { query: '?driver=fake-hardware' },
  { query: '?owner=owner-17', where: "owner = 'owner-17'" },
  { query: '?conductor_group=site-3', where: "site = 'site-3'" },
  { query: '?shard=shard-5', where: "shard = 'shard-5'" },
  { query: '?sort_key=name' },
  { query: '?sort_key=provision_state' },
  { query: '?sort_key=updated_at&sort_dir=desc' },
  { query: '?sort_key=power_state' },
  { query: '?sort_key=driver' },
  { query: '?sort_key=resource_class&sort_dir=desc' },
  { query: '?sort_key=maintenance&sort_dir=desc' },
  { query: '?sort_key=conductor_group' },
]

interface Kind {
  readonly query: string
  readonly medianMs: number
  readonly p95Ms: number
}

/** About two minutes. */
export async function run(args: readonly string[]) {
  const { nodes } = optionsOf(args, NODES)
  const dataDir = mkdtempSync(join(tmpdir(), 'ferrule-page-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  const { token, markers } = await fill(dataDir, nodes)
  const target = await startEmbedded(dataDir)
  things.defer(() => target.stop())
  const client = new Client({ url: target.url, token }, 1)
  things.defer(() => client.close())
  const kinds: Kind[] = []
  for (const [i, { query }] of KINDS.entries()) kinds.push(await measure(client, query, markers[i]!))
  const slowest = kinds.toSorted((a, b) => b.p95Ms - a.p95Ms)[0]!
  const rows = kinds.map(({ query, medianMs, p95Ms }) => `  /v1/nodes${query.padEnd(56)} median ${medianMs.toFixed(1).padStart(7)} ms   p95 ${p95Ms.toFixed(1).padStart(7)} ms${p95Ms > GOAL_MS ? '   over' : ''}`) // prettier-ignore
  return {
    name: 'page',
    figure: slowest.p95Ms,
    unit: `ms (p95 of /v1/nodes${slowest.query}, the slowest of ${kinds.length} kinds)`,
    anchor: null,
    anchorName: 'no peer holds a million',
    ratio: null,
    goal: GOAL_MS,
    floor: GOAL_MS,
    smallerIsBetter: true,
    text: [
      `pages of ${PAGE} out of ${nodes.toLocaleString('en')} nodes, ${ASKED} of each kind, one at a time:`,
      ...rows,
    ].join('\n'),
  }
}

async function measure(client: Client, query: string, markers: readonly string[]): Promise<Kind> {
  const times: number[] = []
  for (let i = 0; i < ASKED; i++) {
    const marker = markers[Math.floor(Math.random() * markers.length)]!
    const path = `/v1/nodes${query}${query.includes('?') ? '&' : '?'}limit=${PAGE}&marker=${marker}`
    const started = performance.now()
    const { nodes } = await client.send<{ nodes: unknown[] }>('GET', path, undefined, 200)
    times.push(performance.now() - started)
    if (nodes.length > PAGE) throw new Error(`${path}: ${nodes.length} nodes`)
  }
  const sorted = times.toSorted((a, b) => a - b)
  return { query, medianMs: sorted[ASKED >> 1]!, p95Ms: sorted[Math.floor(ASKED * 0.95)]! }
}

const SITES = 100
/** Of 64: a fleet at work. */
const STATES = `CASE WHEN i % 64 = 0 THEN 'clean failed' WHEN i % 64 < 4 THEN 'enroll' WHEN i % 64 < 8 THEN 'manageable' WHEN i % 64 < 20 THEN 'available' ELSE 'active' END`
/** Random and yet unique: a name or time has nothing of the order of insertion. */
const HASH = `(i * 7919 + 104729) % 1000003`

/** Makes the database and the rows; answers the first token and, for each kind, nodes that a page may begin behind. */
async function fill(dataDir: string, nodes: number): Promise<{ token: string; markers: string[][] }> {
  const cloud = await startCloud({ dataDir, port: 0 })
  const { store } = cloud.ports
  const [row] = await store.directory.all('SELECT id FROM organisations')
  const sql = store.organisation(String(row![0]))
  const time = `strftime('%Y-%m-%dT%H:%M:%f+00:00', 1700000000 + ${HASH} * 50, 'unixepoch')`
  // An index of rows in random order is made faster at once than row by row.
  const indexes = await sql.all(
    `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'nodes' AND sql IS NOT NULL`,
  )
  await sql.batch([
    ...indexes.map(([name]) => ({ sql: `DROP INDEX ${String(name)}`, args: [] })),
    { sql: `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${SITES - 1}) INSERT INTO sites (id, name, created_at) SELECT 'site-' || i, 'site-' || i, '2026-01-01T00:00:00.000+00:00' FROM n`, args: [] }, // prettier-ignore
    {
      sql: `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${nodes})
        INSERT INTO nodes (uuid, name, site, driver, interfaces, driver_info, properties, extra, instance_uuid, resource_class, owner, provision_state, power_state, maintenance, shard, created_at, updated_at)
        SELECT printf('%08x-0000-4000-8000-%012x', ${HASH}, i), printf('node-%07d-%d', ${HASH}, i), 'site-' || (i * 31 % ${SITES}), 'fake-hardware',
          '{"power":"fake","deploy":"fake","boot":"fake","management":"fake"}', '{"fake_password":"******"}',
          json_object('cpus', i % 128, 'memory_mb', 262144, 'local_gb', 960, 'capabilities', 'boot_mode:uefi'), json_object('rack', i % 4000),
          CASE WHEN ${STATES} = 'active' THEN printf('%08x-0000-4000-9000-%012x', ${HASH}, i) END, 'class-' || (i % 20), 'owner-' || (i % 500), ${STATES},
          CASE i % 3 WHEN 0 THEN 'power off' ELSE 'power on' END, i % 50 = 7, 'shard-' || (i % 16), ${time}, ${time} FROM n`,
      args: [],
    },
    ...indexes.map(([, create]) => ({ sql: String(create), args: [] })),
  ])
  const markers: string[][] = []
  for (const { where = '1' } of KINDS) {
    const found = await sql.all(`SELECT uuid FROM nodes WHERE ${where} AND id % 97 = 3 ORDER BY id % 1009 LIMIT 500`)
    markers.push(found.map(([uuid]) => String(uuid)))
  }
  await cloud.close()
  return { token: cloud.token!, markers }
}
