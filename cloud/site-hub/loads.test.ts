// Where new nodes go while others leave and change, and a conductor drains: no conductor has more than its share of nodes that are alike.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('new'), zone: fc.constantFrom('', 'z1', 'z2') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete'), at: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('label'), at: fc.nat(), zone: fc.constantFrom('', 'z1', 'z2') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain'), on: fc.boolean() }) },
)
type Operation = { do: string; zone?: string; at?: number; on?: boolean }

const driverInfo = (zone: string) => (zone === '' ? {} : { conductor_labels: { zone } })

class Site {
  readonly bench: HubBench
  readonly peers: TestPeer[] = []
  readonly nodes: string[] = []
  readonly #given = new Set<string>()

  constructor(bench: HubBench) {
    this.bench = bench
  }

  async run({ do: what, zone = '', at = 0, on = false }: Operation): Promise<void> {
    const node = this.nodes[at % this.nodes.length]
    if (what === 'new') this.nodes.push(await this.bench.newNode({ driver_info: driverInfo(zone) }))
    if (what === 'drain') await this.bench.command('conductor.drain', { conductor: 'a', on })
    if (what === 'delete' && node !== undefined) {
      await this.bench.command('node.delete', { node })
      this.nodes.splice(at % this.nodes.length, 1)
    }
    if (what === 'label' && node !== undefined)
      await this.bench.command('node.patch', {
        node,
        patch: [{ op: 'add', path: '/driver_info', value: driverInfo(zone) }],
      })
    await this.#giveBack()
  }

  /** As idle conductors do, each frame once. */
  async #giveBack(): Promise<void> {
    for (const peer of this.peers) {
      for (const [i, { drop }] of peer.of('grants').entries()) {
        if (this.#given.has(`${peer.conductor} ${i}`)) continue
        this.#given.add(`${peer.conductor} ${i}`)
        for (const node of drop) {
          const epochs = peer.of('grants').flatMap(({ add }) => add.filter((each) => each.node === node))
          await this.bench.say(peer, { type: 'released', node, epoch: epochs.at(-1)?.epoch ?? 0 })
        }
      }
    }
  }

  /** Of the nodes that may be anywhere: one whose labels no conductor has stays where it is. */
  async counts(): Promise<number[]> {
    const rows = await this.bench.sql.all(
      "SELECT conductor, count(*) FROM nodes WHERE driver_info ->> '$.conductor_labels' IS NULL GROUP BY conductor",
    )
    return this.peers.map(({ conductor }) => Number(rows.find(([owner]) => owner === conductor)?.[1] ?? 0))
  }
}

test('each new node goes to one of those with the fewest', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation as fc.Arbitrary<Operation>, { minLength: 20, maxLength: 30 }), async (run) => {
      const bench = await HubBench.make()
      try {
        const site = new Site(bench)
        for (const name of ['a', 'b']) site.peers.push(await bench.connect(name))
        let isDraining = false
        for (const each of run) {
          await site.run(each)
          if (each.do === 'drain') isDraining = each.on!
          const counts = await site.counts()
          const sharing = isDraining ? counts.slice(1) : counts
          expect(Math.max(...sharing) - Math.min(...sharing), JSON.stringify({ each, counts })).toBeLessThanOrEqual(1)
        }
      } finally {
        bench.close()
      }
    }),
    { numRuns: 5, endOnFailure: true },
  )
})
