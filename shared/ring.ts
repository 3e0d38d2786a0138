// Which conductor of a site owns which node: sticky-exact rendezvous. Pure; the hub stores the owners and applies the moves.
// 1. No member is more than one node away from its weighted quota (per set of equally eligible nodes). 2. Only as many nodes move as
// that needs. 3. A node goes to a member that serves its driver; while there is none it stays where it is. 4. The order of members and nodes does not matter.

export interface Member {
  readonly id: string
  /** Share of the nodes relative to the others; > 0. A draining member is simply not in the list. */
  readonly weight: number
  readonly drivers: readonly string[]
}

export interface RingNode {
  readonly id: string
  readonly driver: string
  /** Its present owner's member id, or null. */
  readonly owner: string | null
  /** Work is under way on it: it leaves a live owner last. */
  readonly pinned?: boolean
}

export interface Move {
  readonly node: string
  readonly from: string | null
  readonly to: string
}

export interface Plan {
  readonly moves: readonly Move[]
  readonly unplaceable: readonly { readonly node: string; readonly why: string }[]
}

/** The moves that lead from the nodes' present owners to a balanced ring of `members`. */
export function plan(nodes: readonly RingNode[], members: readonly Member[]): Plan {
  const moves: Move[] = []
  const unplaceable: { node: string; why: string }[] = []
  const total = new Map(members.map((member) => [member.id, 0]))
  for (const [drivers, group] of groupByDriver(nodes)) {
    const eligible = members.filter((member) => member.drivers.includes(drivers)).sort(byId)
    if (eligible.length === 0) {
      const why =
        members.length === 0 ? 'no conductor of the site is connected' : `no live conductor serves driver ${drivers}`
      // It keeps an owner that is away: nobody else could drive it, and a return then costs no move.
      for (const node of group) unplaceable.push({ node: node.id, why })
    } else {
      balance(group, eligible, total, moves)
    }
  }
  return { moves, unplaceable }
}

/** Moves `group` (one driver) so that each eligible member holds its quota; `total` counts all drivers, to spread the remainders. */
function balance(
  group: readonly RingNode[],
  eligible: readonly Member[],
  total: Map<string, number>,
  moves: Move[],
): void {
  const held = new Map<string, RingNode[]>(eligible.map((member) => [member.id, []]))
  const homeless: RingNode[] = []
  for (const node of group) (held.get(node.owner ?? '') ?? homeless).push(node)

  const quota = quotas(group.length, eligible, held, total)
  for (const member of eligible) {
    const mine = held.get(member.id)!
    const surplus = mine.length - quota.get(member.id)!
    if (surplus > 0) homeless.push(...mine.sort(leavesBefore(member)).splice(0, surplus))
  }
  for (const node of homeless.sort(byId)) {
    let best: Member | undefined
    for (const member of eligible) {
      if (held.get(member.id)!.length >= quota.get(member.id)!) continue
      if (!best || preference(node.id, member.id) > preference(node.id, best.id)) best = member
    }
    held.get(best!.id)!.push(node)
    if (node.owner !== best!.id) moves.push({ node: node.id, from: node.owner, to: best!.id })
  }
  for (const member of eligible) total.set(member.id, total.get(member.id)! + held.get(member.id)!.length)
}

/** What a member likes least leaves it first: the rest of the ring will like it better. */
function leavesBefore(member: Member): (a: RingNode, b: RingNode) => number {
  return (a, b) =>
    Number(a.pinned ?? false) - Number(b.pinned ?? false) || preference(a.id, member.id) - preference(b.id, member.id)
}

/** Whole-numbered quotas that add up to `count`: the floor of each share, and one more for those that hold most already. */
function quotas(
  count: number,
  eligible: readonly Member[],
  held: Map<string, RingNode[]>,
  total: Map<string, number>,
): Map<string, number> {
  const weights = eligible.reduce((sum, member) => sum + member.weight, 0)
  const shares = eligible.map((member) => ({ member, exact: (count * member.weight) / weights }))
  const quota = new Map(shares.map(({ member, exact }) => [member.id, Math.floor(exact)]))
  let rest = count - [...quota.values()].reduce((sum, n) => sum + n, 0)
  const order = shares.sort(
    (a, b) =>
      Number(wantsMore(b, held)) - Number(wantsMore(a, held)) ||
      total.get(a.member.id)! / a.member.weight - total.get(b.member.id)! / b.member.weight ||
      b.exact - Math.floor(b.exact) - (a.exact - Math.floor(a.exact)) ||
      byId(a.member, b.member),
  )
  for (const { member, exact } of order) {
    if (rest === 0) break
    if (exact === Math.floor(exact)) continue
    quota.set(member.id, quota.get(member.id)! + 1)
    rest--
  }
  return quota
}

function wantsMore(share: { member: Member; exact: number }, held: Map<string, RingNode[]>): boolean {
  return held.get(share.member.id)!.length > Math.floor(share.exact)
}

/** Rendezvous score of a member for a node (32-bit FNV-1a, then a murmur3 finaliser so that near names differ). */
function preference(node: string, member: string): number {
  let h = 0x811c9dc5
  for (const text of [node, '|', member])
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function groupByDriver(nodes: readonly RingNode[]): [string, RingNode[]][] {
  const groups = new Map<string, RingNode[]>()
  for (const node of nodes) {
    const group = groups.get(node.driver)
    if (group) group.push(node)
    else groups.set(node.driver, [node])
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
