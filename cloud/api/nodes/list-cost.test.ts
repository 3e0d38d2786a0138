// What keeps lists of nodes cheap, however many there are: indexes that filters and orders use, and pages that begin behind their marker.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite, type TestSite } from '../../hosts/node/test-host.ts'
import { fresh } from '../../hosts/test-conductor.ts'
import type { Sql } from '../../ports.ts'
import type { Call } from '../call.ts'
import { list } from '../query.ts'
import { newNode } from '../testdata/samples.ts'
import { NODES } from './nodes.ts'

let site: TestSite
let real: Sql
let uuid: string
beforeAll(async () => {
  site = await startTestSite()
  real = site.host.cloud.ports.store.organisation(site.enrolled.organisation)
  uuid = await newNode(site)
})
afterAll(() => site.stop())

/** How SQLite looks for the nodes of a page. */
async function plan(search: string): Promise<string> {
  let seen = ''
  const sql: Sql = {
    async all(text, args) {
      if (text.includes('group_concat'))
        seen = (await real.all(`EXPLAIN QUERY PLAN ${text}`, args)).map((row) => String(row[3])).join('\n')
      return real.all(text, args)
    },
    batch: (statements) => real.batch(statements),
  }
  const { ports } = site.host.cloud
  await list(NODES, { sql, ports, search, base: '', version: 110 } as unknown as Call)
  return seen
}

describe('a page of nodes', () => {
  it.each([
    ['driver=ipmi', 'nodes_driver'],
    ['provision_state=active', 'nodes_provision_state'],
    ['resource_class=x', 'nodes_resource_class'],
    ['owner=x', 'nodes_owner'],
    ['lessee=x', 'nodes_lessee'],
    ['project=x', 'MULTI-INDEX OR'],
    [`instance_uuid=${crypto.randomUUID()}`, 'nodes_instance_uuid_unique'],
    ['instance_name=x', 'nodes_instance_name'],
    ['shard=a,b', 'nodes_shard'],
    ['maintenance=true', 'nodes_maintenance'],
    ['retired=true', 'nodes_retired'],
    ['fault=power%20failure', 'nodes_fault'],
    ['conductor=c1', 'nodes_conductor'],
    ['conductor_group=default', 'nodes_site'],
  ])('with %s is looked up in %s', async (search, index) => {
    expect(await plan(search)).toContain(index)
  })

  it.each(['', 'provision_state=enroll&', 'driver=fake-hardware&', 'conductor_group=default&'])(
    'with a marker (%s) begins behind it: nothing before is read, nothing is sorted',
    async (filter) => {
      const found = await plan(`${filter}limit=10&marker=${uuid}`)
      expect(found).toMatch(/SEARCH n USING (INTEGER PRIMARY KEY|(COVERING )?INDEX \w+) \(.*rowid>\?\)/)
      expect(found).not.toContain('TEMP B-TREE')
      expect(found).not.toMatch(/SCAN n\b/)
    },
  )

  it.each(['name', 'provision_state', 'driver'])('sorted by %s comes in the order of an index', async (key) => {
    const named = await newNode(site, { name: fresh('n') })
    expect(await plan(`sort_key=${key}&limit=10`)).toMatch(/SCAN n USING INDEX/)
    const behind = await plan(`sort_key=${key}&limit=10&marker=${named}`)
    expect(behind).toMatch(/SEARCH n USING INDEX/)
    expect(behind).not.toContain('TEMP B-TREE')
  })

  it.each(['asc', 'desc'])('sorted by what some lack (%s), pages have each node once, in order', async (direction) => {
    for (const owner of ['b', undefined, 'a', 'b', undefined]) await newNode(site, owner === undefined ? {} : { owner })
    const found: [string | null, string][] = []
    let next = `/v1/nodes?sort_key=owner&sort_dir=${direction}&fields=uuid,owner&limit=2`
    while (next) {
      const { body } = await site.api('GET', next.slice(next.indexOf('/v1')))
      for (const node of body.nodes) found.push([node.owner, node.uuid])
      next = body.next ?? ''
    }
    const sign = direction === 'asc' ? 1 : -1
    const inOrder = found.toSorted(([a], [b]) => sign * (a ?? '').localeCompare(b ?? ''))
    expect(found.map(([owner]) => owner)).toEqual(inOrder.map(([owner]) => owner))
    expect(new Set(found.map(([, id]) => id)).size).toBe(found.length)
    expect(found).toHaveLength((await site.api('GET', '/v1/nodes')).body.nodes.length)
  })

  it('nodes of a chassis are looked up in nodes_chassis_uuid', async () => {
    const { body } = await site.api('POST', '/v1/chassis', {})
    expect(await plan(`chassis_uuid=${body.uuid}`)).toContain('nodes_chassis_uuid')
  })

  it('children are looked up by their parent', async () => {
    expect(await plan(`parent_node=${uuid}`)).toContain('nodes_parent_node')
  })
})
