// The laws of the ring on random histories of members joining, leaving and changing weight.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plan, type Member, type RingNode } from './ring.ts'

const nodesOf = (count: number, driver = 'ipmi'): RingNode[] =>
  Array.from({ length: count }, (_, i) => ({ id: `node-${i}`, driver, owner: null }))

function apply(nodes: readonly RingNode[], members: readonly Member[]): { nodes: RingNode[]; moved: number } {
  const { moves } = plan(nodes, members)
  const to = new Map(moves.map((move) => [move.node, move.to]))
  return {
    nodes: nodes.map((node) => ({ ...node, owner: to.has(node.id) ? to.get(node.id)! : node.owner })),
    moved: moves.length,
  }
}

function loads(nodes: readonly RingNode[], members: readonly Member[]): number[] {
  return members.map((member) => nodes.filter((node) => node.owner === member.id).length)
}

const membership = fc
  .uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 8 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((n) => fc.integer({ min: 1, max: 4 }).map((weight) => ({ id: `c${n}`, weight, drivers: ['ipmi'] }))),
    ),
  )

/** Least moves from the held counts to any allowed loads (floor or ceil of each share, adding up to all nodes). */
function leastMoves(nodes: readonly RingNode[], members: readonly Member[]): number {
  const weights = members.reduce((sum, m) => sum + m.weight, 0)
  const held = loads(nodes, members)
  const floors = members.map((m) => Math.floor((nodes.length * m.weight) / weights))
  const mayGrow = members.map((m, i) => (nodes.length * m.weight) / weights > floors[i]!)
  let rest = nodes.length - floors.reduce((a, b) => a + b, 0)
  let stay = 0
  const spare: number[] = []
  members.forEach((_, i) => {
    stay += Math.min(held[i]!, floors[i]!)
    if (mayGrow[i]) spare.push(held[i]! > floors[i]! ? 1 : 0)
  })
  for (const gain of spare.sort((a, b) => b - a)) if (rest-- > 0) stay += gain
  return nodes.length - stay
}

test('at most one node over quota, and as few moves as that needs, whatever the history', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 300 }),
      fc.array(membership, { minLength: 1, maxLength: 8 }),
      (count, history) => {
        let nodes = nodesOf(count)
        for (const members of history) {
          const least = leastMoves(nodes, members)
          const after = apply(nodes, members)
          nodes = after.nodes
          expect(after.moved).toBe(least)
          const weights = members.reduce((sum, m) => sum + m.weight, 0)
          loads(nodes, members).forEach((load, i) => {
            expect(Math.abs(load - (count * members[i]!.weight) / weights)).toBeLessThan(1)
          })
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('the order of members and nodes does not matter', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 }), membership, fc.infiniteStream(fc.nat()), (count, members, noise) => {
      const shuffle = <T>(list: readonly T[]): T[] =>
        list
          .map((item) => [noise.next().value as number, item] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, item]) => item)
      const sorted = (moves: readonly { node: string }[]) => [...moves].sort((a, b) => (a.node < b.node ? -1 : 1))
      const nodes = nodesOf(count)
      expect(sorted(plan(shuffle(nodes), shuffle(members)).moves)).toEqual(sorted(plan(nodes, members).moves))
    }),
    { numRuns: 100 },
  )
})

test('join then leave restores the loads', () => {
  const three: Member[] = ['a', 'b', 'c'].map((id) => ({ id, weight: 1, drivers: ['ipmi'] }))
  const before = apply(nodesOf(100), three).nodes
  const joined = apply(before, [...three, { id: 'd', weight: 1, drivers: ['ipmi'] }]).nodes
  expect(loads(joined, [...three, { id: 'd', weight: 1, drivers: ['ipmi'] }])).toEqual([25, 25, 25, 25])
  expect(loads(apply(joined, three).nodes, three).sort()).toEqual([33, 33, 34])
})

test('a node goes to a member that serves its driver, or stays where it is, with a reason', () => {
  const members: Member[] = [
    { id: 'a', weight: 1, drivers: ['ipmi', 'redfish'] },
    { id: 'b', weight: 1, drivers: ['ipmi'] },
  ]
  const nodes = [...nodesOf(10), { id: 'r', driver: 'redfish', owner: 'b' }, { id: 'x', driver: 'snmp', owner: 'a' }]
  const result = plan(nodes, members)
  expect(result.moves).toContainEqual({ node: 'r', from: 'b', to: 'a' })
  expect(result.moves.map((move) => move.node)).not.toContain('x')
  expect(result.unplaceable).toEqual([{ node: 'x', why: 'no live conductor serves driver snmp' }])
  expect(plan([nodes[0]!], []).unplaceable[0]!.why).toBe('no conductor of the site is connected')
})
