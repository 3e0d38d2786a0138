// What a turn reads and writes of its nodes costs by their number, not by that of the site's, and nothing is stored twice.
import { expect, test } from 'vitest'
import type { Sql } from '../ports.ts'
import { HubBench } from './testdata/hub-bench.ts'
import { driver } from './testdata/one-node.ts'

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

test('a grant reads what belongs to its node by an index, and neither portgroups of a node that nobody wires nor volumes of one that has no use for them', async () => {
  const bench = await HubBench.make()
  try {
    const both = {
      ...driver,
      interfaces: { ...driver.interfaces, network: ['noop', 'wiring'], storage: ['noop', 'keeping'] },
      wires: ['wiring'],
      storages: { keeping: { boots: true, attaches: false } },
    }
    await bench.connect('a', [both])
    const read: string[] = []
    const explaining: Sql = {
      async all(sql, args) {
        const [, table] = /FROM (ports|portgroups|volume_\w+) WHERE node/.exec(sql) ?? []
        if (table) {
          const [first] = await bench.sql.all(`EXPLAIN QUERY PLAN ${sql}`, args)
          read.push(`${table}: ${String(first![3])}`)
        }
        return bench.sql.all(sql, args)
      },
      batch: (statements) => bench.sql.batch(statements),
    }
    const plain = await bench.newNode({ network_interface: 'noop' })
    const keeping = await bench.newNode({ storage_interface: 'keeping' })
    const asking = await bench.newNode({ instance_info: { storage_interface: 'keeping' } })
    const wired = await bench.newNode({ network_interface: 'wiring' })
    const readFor = async (node: string) => {
      read.length = 0
      const hub = bench.anotherHub(explaining)
      await hub.command({ actor: 'test', requestId: 'r', kind: 'node.maintenance', node, on: true, reason: null })
      await hub.close()
      return read.toSorted()
    }
    const by = (table: string) =>
      expect.stringMatching(`^${table}: SEARCH ${table} USING INDEX .*\\(node=\\?\\)`) as string
    expect(await readFor(plain)).toEqual(['ports'].map(by))
    expect(await readFor(wired)).toEqual(['portgroups', 'ports'].map(by))
    for (const node of [keeping, asking])
      expect(await readFor(node)).toEqual(['ports', 'volume_connectors', 'volume_targets'].map(by))
  } finally {
    bench.close()
  }
})

test('a new node is stored together with the conductor that gets it', async () => {
  const bench = await HubBench.make()
  try {
    await bench.connect('a')
    const stored: string[] = []
    const listening: Sql = {
      all: (sql, args) => bench.sql.all(sql, args),
      batch(statements) {
        stored.push(...statements.map(({ sql }) => /^(INSERT INTO|UPDATE) \w+/.exec(sql)![0]))
        return bench.sql.batch(statements)
      },
    }
    const hub = bench.anotherHub(listening)
    const node = { driver: driver.name, uuid: '6b2a5f0e-0000-4a51-9f3d-000000000001' }
    const made = await hub.command({ actor: 'test', requestId: 'r', kind: 'node.create', node })
    await hub.close()
    expect(made).toMatchObject({ ok: true })
    expect(stored.filter((each) => each !== 'UPDATE sites')).toEqual(['INSERT INTO nodes', 'INSERT INTO events'])
    expect(
      await bench.sql.all('SELECT conductor IS NOT NULL, moved > 0 FROM nodes WHERE uuid = ?', [node.uuid]),
    ).toEqual([[1, 1]])
  } finally {
    bench.close()
  }
})
