// What a turn reads of its nodes costs by their number, not by that of the site's.
import { expect, test } from 'vitest'
import type { Sql } from '../ports.ts'
import { HubBench } from './testdata/hub-bench.ts'

test('the nodes of a turn are found by their UUIDs, however many they are', async () => {
  const bench = await HubBench.make()
  try {
    await bench.connect('a')
    const plans: string[] = []
    const explaining: Sql = {
      async all(sql, args) {
        if (/FROM nodes WHERE uuid/.test(sql)) {
          const steps = await bench.sql.all(`EXPLAIN QUERY PLAN ${sql}`, args)
          plans.push(...steps.map(([, , , what]) => String(what)))
        }
        return bench.sql.all(sql, args)
      },
      batch: (statements) => bench.sql.batch(statements),
    }
    const nodes: string[] = []
    for (let i = 0; i < 20; i++) nodes.push(await bench.newNode())
    const hub = bench.anotherHub(explaining)
    const caller = { actor: 'test', requestId: 'r' }
    const set = (node: string) => hub.command({ ...caller, kind: 'node.maintenance', node, on: true, reason: null })
    await Promise.all([set(nodes[0]!), ...nodes.slice(1).map(set)])
    await hub.close()
    expect(plans.length).toBeGreaterThan(0)
    expect(new Set(plans)).toEqual(new Set(['SEARCH nodes USING INDEX nodes_uuid_unique (uuid=?)']))
  } finally {
    bench.close()
  }
})
