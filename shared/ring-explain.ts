// Why a node is where it is on the ring, and what would move if a conductor left, joined, drained or changed its weight. Pure: it asks
// the same `plan` that the hub carries out, so that an answer is never a second opinion.
import { groupsOf, obstacle, plan, preferenceOf, type Member, type Move, type Plan, type RingNode } from './ring.ts'

/** Something that might happen to the ring. `weight` for a member that is not there is its joining with it. */
export type Change =
  | { readonly kind: 'without'; readonly member: string }
  | { readonly kind: 'drain'; readonly member: string }
  | { readonly kind: 'weight'; readonly member: string; readonly weight: number; readonly like?: Member }

export interface Balance {
  readonly id: string
  /** Nodes that it has, and its exact share of those that it may have. */
  readonly held: number
  readonly share: number
  /** The farthest that it is from its share in any group of nodes that ask for the same; below 1 on a balanced ring. */
  readonly offQuota: number
}

export interface Explanation {
  readonly owner: string | null
  readonly driver: string
  readonly labels: string
  /** How many nodes ask for the same: quotas are for them. */
  readonly groupSize: number
  /** In one sentence. */
  readonly why: string
  /** Members that may have it, best liked first, and those that may not. */
  readonly eligible: readonly { readonly id: string; readonly held: number; readonly share: number }[]
  readonly ineligible: readonly { readonly id: string; readonly why: string }[]
  /** Where it would go if its owner left; null: nowhere. */
  readonly next: string | null
}

/** The members after `change`. */
export function changed(members: readonly Member[], change: Change): Member[] {
  const { member: id } = change
  if (change.kind === 'without') return members.filter((member) => member.id !== id)
  const others = members.filter((member) => member.id !== id)
  const present = members.find((member) => member.id === id)
  if (change.kind === 'drain') return present ? [...others, { ...present, draining: true }] : others
  // A new one serves what the others serve, when nobody says what it is like.
  const drivers = [...new Set(members.flatMap((member) => member.drivers))]
  const like = present ?? change.like ?? { id, weight: 1, drivers }
  return [...others, { ...like, id, weight: change.weight }]
}

/** What would happen: only what differs from what happens anyway. */
export function whatIf(nodes: readonly RingNode[], members: readonly Member[], change: Change): Plan {
  return plan(settled(nodes, members), changed(members, change))
}

/** How each member stands, in all groups together. */
export function balances(nodes: readonly RingNode[], members: readonly Member[]): Balance[] {
  const sums = new Map(members.map(({ id }) => [id, { id, held: 0, share: 0, offQuota: 0 }]))
  for (const group of groupsOf(nodes)) {
    const held = countOwners(group.nodes)
    const eligible = members.filter((member) => obstacle(group, member) === null)
    const weights = eligible.reduce((sum, member) => sum + member.weight, 0)
    for (const member of members) {
      const sum = sums.get(member.id)!
      const mine = held.get(member.id) ?? 0
      const share = eligible.includes(member) ? (group.nodes.length * member.weight) / weights : 0
      sum.held += mine
      // Where nobody may have the nodes they stay, and there is no quota to be off.
      if (eligible.length === 0) continue
      sum.share += share
      sum.offQuota = Math.max(sum.offQuota, Math.abs(mine - share))
    }
  }
  return members.map(({ id }) => sums.get(id)!)
}

/** Undefined: there is no such node. */
export function explain(nodes: readonly RingNode[], members: readonly Member[], id: string): Explanation | undefined {
  const node = nodes.find((one) => one.id === id)
  if (!node) return undefined
  const { driver, labels = '', owner } = node
  const group = groupsOf(nodes).find((each) => each.nodes.includes(node))!
  const eligible = members.filter((member) => obstacle(node, member) === null)
  const weights = eligible.reduce((sum, member) => sum + member.weight, 0)
  const held = countOwners(group.nodes)
  const now = plan(nodes, members)
  const away = owner === null ? now : whatIf(nodes, members, { kind: 'without', member: owner })
  const next = away.moves.find((move) => move.node === id)?.to ?? null
  return {
    owner,
    driver,
    labels,
    groupSize: group.nodes.length,
    why: reason(node, members, now),
    eligible: preferenceOf(id, eligible).map((each) => {
      const { weight } = eligible.find((member) => member.id === each)!
      return { id: each, held: held.get(each) ?? 0, share: (group.nodes.length * weight) / weights }
    }),
    ineligible: members
      .map((member) => ({ id: member.id, why: obstacle(node, member) ?? '' }))
      .filter(({ why }) => why !== ''),
    next,
  }
}

function reason(node: RingNode, members: readonly Member[], now: Plan): string {
  const stuck = now.unplaceable.find((each) => each.node === node.id)
  if (stuck) return node.owner === null ? stuck.why : `it stays where it was: ${stuck.why}`
  const move: Move | undefined = now.moves.find((each) => each.node === node.id)
  if (move === undefined) return 'its owner had it before, may have it, and is within its quota: nothing needs to move'
  if (node.owner === null) return `nobody had it; it goes to ${move.to}`
  const owner = members.find((member) => member.id === node.owner)
  if (owner === undefined) return `its owner has no lease; it goes to ${move.to}`
  const bar = obstacle(node, owner)
  const because = bar === null ? 'is over its quota, and this is one of the nodes that it likes least' : bar
  return `its owner ${because}; it goes to ${move.to}${node.pinned ? ' after its task' : ''}`
}

/** The nodes where the ring has them once all moves are done. */
function settled(nodes: readonly RingNode[], members: readonly Member[]): RingNode[] {
  const to = new Map(plan(nodes, members).moves.map((move) => [move.node, move.to]))
  return nodes.map((node) => (to.has(node.id) ? { ...node, owner: to.get(node.id)! } : node))
}

function countOwners(nodes: readonly RingNode[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { owner } of nodes) if (owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  return counts
}
