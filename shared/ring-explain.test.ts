// What the ring says about itself is what it then does.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { balances, changed, explain, whatIf, type Change } from './ring-explain.ts'
import { plan, type Member, type RingNode } from './ring.ts'

const members: Member[] = [
  { id: 'a', weight: 1, drivers: ['ipmi'] },
  { id: 'b', weight: 2, drivers: ['ipmi', 'redfish'] },
  { id: 'c', weight: 1, drivers: ['ipmi'], draining: true },
]
const apply = (nodes: readonly RingNode[], who: readonly Member[]): RingNode[] => {
  const to = new Map(plan(nodes, who).moves.map((move) => [move.node, move.to]))
  return nodes.map((node) => ({ ...node, owner: to.get(node.id) ?? node.owner }))
}
const blank = (count: number, driver = 'ipmi'): RingNode[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${driver}-${i}`, driver, owner: null }))

test('a node that stays says who may have it, best liked first, who may not, and who would be next', () => {
  const nodes = apply([...blank(9), ...blank(4, 'redfish')], members)
  const mine = nodes.find((node) => node.owner === 'a')!
  const told = explain(nodes, members, mine.id)!
  expect(told).toMatchObject({ owner: 'a', driver: 'ipmi', labels: '', groupSize: 9, next: 'b' })
  expect(told.why).toMatch(/nothing needs to move/)
  expect(told.eligible.map(({ id, held, share }) => [id, held, share]).sort()).toEqual([
    ['a', 3, 3],
    ['b', 6, 6],
  ])
  expect(told.ineligible).toEqual([{ id: 'c', why: 'is draining' }])
  const redfish = nodes.find((node) => node.driver === 'redfish')!
  expect(explain(nodes, members, redfish.id)).toMatchObject({ owner: 'b', next: null })
  expect(explain(nodes, members, 'nobody')).toBeUndefined()
})

test('a node that will move, or cannot be anywhere, says why', () => {
  const why = (owner: string | null, driver = 'ipmi', who = members) =>
    explain([{ id: 'n', driver, owner }], who, 'n')!.why
  expect(why('c')).toMatch(/^its owner is draining; it goes to [ab]$/)
  expect(why('gone')).toMatch(/^its owner has no lease; it goes to/)
  expect(why(null)).toMatch(/^nobody had it; it goes to/)
  expect(why('a', 'redfish')).toBe('its owner does not serve driver redfish; it goes to b')
  expect(why('a', 'snmp')).toBe('it stays where it was: no live conductor serves driver snmp')
  expect(why(null, 'ipmi', [members[2]!])).toBe('every live conductor that serves driver ipmi is draining')
  const crowded: RingNode[] = blank(6).map((node) => ({ ...node, owner: 'a' }))
  const moving = plan(crowded, members).moves[0]!.node
  expect(explain(crowded, members, moving)!.why).toBe(
    'its owner is over its quota, and this is one of the nodes that it likes least; it goes to b',
  )
})

test('what would move is what does move, and nothing else', () => {
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.record({ kind: fc.constantFrom('without' as const, 'drain' as const), member: fc.constantFrom('a', 'b', 'd') }),
    fc.record({
      kind: fc.constant('weight' as const),
      member: fc.constantFrom('a', 'b', 'new'),
      weight: fc.integer({ min: 1, max: 5 }),
    }),
  )
  fc.assert(
    fc.property(fc.nat({ max: 60 }), change, (count, what) => {
      const nodes = apply(blank(count), members)
      const told = whatIf(nodes, members, what)
      const after = apply(nodes, changed(members, what))
      expect(told.moves.map((move) => move.node).sort()).toEqual(
        after
          .filter((node, i) => node.owner !== nodes[i]!.owner)
          .map((node) => node.id)
          .sort(),
      )
      if (what.kind === 'without' || what.kind === 'drain')
        for (const move of told.moves) expect(move.to).not.toBe(what.member)
    }),
    { numRuns: 200 },
  )
})

test('what would move does not count what moves anyway', () => {
  expect(whatIf(blank(8), members, { kind: 'weight', member: 'a', weight: 1 }).moves).toEqual([])
})

test('each member is shown with what it has and its share', () => {
  const nodes = apply([...blank(9), ...blank(4, 'redfish'), { id: 'x', driver: 'snmp', owner: 'c' }], members)
  expect(balances(nodes, members)).toEqual([
    { id: 'a', held: 3, share: 3, offQuota: 0 },
    { id: 'b', held: 10, share: 10, offQuota: 0 },
    { id: 'c', held: 1, share: 0, offQuota: 0 },
  ])
  expect(balances([{ id: 'n', driver: 'ipmi', owner: 'c' }], members)[2]).toMatchObject({
    held: 1,
    share: 0,
    offQuota: 1,
  })
})
