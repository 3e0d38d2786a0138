// What keeps lists of nodes cheap, however many there are: indexes that filters and orders use, and pages that begin behind their marker.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite, type TestSite } from '../../hosts/node/test-host.ts'
import type { Sql } from '../../ports.ts'
import type { Call } from '../call.ts'
import { list } from '../query.ts'
import { newNode } from '../testdata/samples.ts'
import { NODES } from './nodes.ts'

let site: TestSite
let real: Sql
let uuid: string
const CHASSIS = crypto.randomUUID()
beforeAll(async () => {
  site = await startTestSite()
  real = site.host.cloud.ports.store.organisation(site.enrolled.organisation)
  uuid = await newNode(site)
  await site.api('POST', '/v1/chassis', { uuid: CHASSIS })
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
    [`chassis_uuid=${CHASSIS}`, 'nodes_chassis_uuid'],
    [`instance_uuid=${crypto.randomUUID()}`, 'nodes_instance_uuid_unique'],
    ['instance_name=x', 'nodes_instance_name'],
    ['shard=a,b', 'nodes_shard'],
    ['maintenance=true', 'nodes_maintenance'],
    ['retired=true', 'nodes_retired'],
    ['maintenance=false&owner=x', 'nodes_owner'],
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

  describe.each([
    ['uuid'],
    ['name'],
    ['provision_state'],
    ['power_state'],
    ['driver'],
    ['resource_class'],
    ['owner'],
    ['maintenance'],
    ['instance_uuid'],
    ['updated_at'],
    ['conductor_group'],
  ])('sorted by %s', (key) => {
    it.each(['asc', 'desc'])('(%s) is read in the order of an index, from its marker on', async (direction) => {
      const order = `sort_key=${key}&sort_dir=${direction}&limit=10`
      for (const search of [order, `${order}&marker=${uuid}`]) {
        const found = await plan(search)
        // Only the rows of the page, looked up by their ids, are sorted.
        expect(found.split('TEMP B-TREE').length - 1, found).toBe(1)
        expect(found, found).toMatch(/^CO-ROUTINE.*\n(MATERIALIZE.*\n)?SEARCH n USING INTEGER PRIMARY KEY \(rowid=\?\)/)
        if (search.includes('marker')) expect(found, found).toMatch(/\((\w+=\? AND rowid[<>]\?|uuid=\?)\)/)
        expect(found, found).not.toMatch(/SCAN n(?! USING (COVERING )?INDEX)/)
      }
    })
  })

  it('sorted by created_at comes in the order of creation', async () => {
    expect(await plan(`sort_key=created_at&limit=10&marker=${uuid}`)).toMatch(
      /^CO-ROUTINE.*\nSEARCH n USING INTEGER PRIMARY KEY \(rowid>\?\)/,
    )
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

  it('children are looked up by their parent', async () => {
    expect(await plan(`parent_node=${uuid}`)).toContain('nodes_parent_node')
  })
})
