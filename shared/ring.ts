// Which conductor of a site owns which node: sticky-exact rendezvous. Pure; the hub stores the owners and applies the moves.
// A group is all nodes that ask for the same driver and labels. 1. No member is a whole node away from its weighted quota of a group.
// 2. Only as many nodes move as that needs. 3. A node goes to a member that serves its driver, has its labels and does not drain;
// while there is none it stays where it is. 4. The order of members and nodes does not matter.

/** More nodes than one group ever has; with a 32-bit hash below 2^53. */
const PLACES = 2 ** 20

export interface Member {
  readonly id: string
  /** Share of the nodes relative to the others; > 0. */
  readonly weight: number
  readonly drivers: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  /** Gets nothing, and keeps only what nobody else can have. */
  readonly draining?: boolean
}

export interface RingNode {
  readonly id: string
  readonly driver: string
  /** Labels that its conductor must have, as `labelText` writes them; absent: any. */
  readonly labels?: string
  /** Why nobody may have it, whoever serves it; absent or null: somebody may. */
  readonly withheld?: string | null
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
  const sorted = [...members].sort(byId)
  const total = new Map(sorted.map((member) => [member.id, 0]))
  for (const group of groupsOf(nodes)) {
    const eligible = sorted.filter((member) => obstacle(group, member) === null)
    if (eligible.length === 0) {
      const why = whyNobody(group, sorted)
      // It keeps its owner: nobody else could drive it, and one that is away costs no move when it returns.
      for (const node of group.nodes) unplaceable.push({ node: node.id, why })
    } else balance(group.nodes, eligible, total, moves)
  }
  return { moves, unplaceable }
}

export interface Group {
  readonly driver: string
  readonly labels: string
  readonly withheld: string | null
  readonly nodes: RingNode[]
}

/** Nodes that the same members may have, in an order that does not depend on theirs. */
export function groupsOf(nodes: readonly RingNode[]): Group[] {
  const groups = new Map<string, Group>()
  for (const node of nodes) {
    const { driver, labels = '', withheld = null } = node
    const key = labels === '' && withheld === null ? driver : `${driver}\n${labels}\n${withheld ?? ''}`
    const group = groups.get(key)
    if (group) group.nodes.push(node)
    else groups.set(key, { driver, labels, withheld, nodes: [node] })
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

type Asked = Pick<RingNode, 'driver' | 'labels' | 'withheld'>

/** Why `member` may not have what asks for `driver` and `labels`; null when it may. */
export function obstacle(asked: Asked, member: Member): string | null {
  if (asked.withheld) return asked.withheld
  if (!member.drivers.includes(asked.driver)) return `does not serve driver ${asked.driver}`
  for (const label of asked.labels ? asked.labels.split(',') : []) {
    const at = label.indexOf('=')
    if (member.labels?.[label.slice(0, at)] !== label.slice(at + 1)) return `does not have the label ${label}`
  }
  return member.draining ? 'is draining' : null
}

function whyNobody(asked: Omit<Group, 'nodes'>, members: readonly Member[]): string {
  if (asked.withheld) return asked.withheld
  if (members.length === 0) return 'no conductor of the site is connected'
  const serving = members.filter((member) => member.drivers.includes(asked.driver))
  if (serving.length === 0) return `no live conductor serves driver ${asked.driver}`
  const what = asked.labels === '' ? `driver ${asked.driver}` : `driver ${asked.driver} with ${asked.labels}`
  const drains = serving.filter((member) => obstacle(asked, member) === 'is draining').length
  return drains > 0
    ? `every live conductor that serves ${what} is draining`
    : `no live conductor that serves driver ${asked.driver} has the labels ${asked.labels}`
}

/** Labels as one text: `key=value`, sorted, joined by commas; '' for none. Neither part holds `=` or `,`. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',')
}

/**
 * The member that a new node of a group goes to without moving another one: of those below their quota the one with the least of all
 * groups (`total`). Undefined when somebody else would have to move; `plan` says who. `held`: what each has of the group before.
 */
export function placeOne(
  node: string,
  eligible: readonly Member[],
  held: ReadonlyMap<string, number>,
  total: ReadonlyMap<string, number>,
): string | undefined {
  const weights = eligible.reduce((sum, member) => sum + member.weight, 0)
  const count = 1 + eligible.reduce((sum, member) => sum + (held.get(member.id) ?? 0), 0)
  const exact = (member: Member) => (count * member.weight) / weights
  const mine = (member: Member) => held.get(member.id) ?? 0
  const short = eligible.filter((member) => mine(member) < Math.floor(exact(member)))
  if (short.length > 1 || eligible.some((member) => mine(member) > Math.ceil(exact(member)))) return undefined
  const open = short.length === 1 ? short : eligible.filter((member) => mine(member) + 1 <= Math.ceil(exact(member)))
  const load = (member: Member) => (total.get(member.id) ?? 0) / member.weight
  const liked = preferenceOf(node, open)
  return [...open].sort((a, b) => load(a) - load(b) || liked.indexOf(a.id) - liked.indexOf(b.id))[0]?.id
}

interface Holder {
  readonly member: Member
  readonly salt: number
  readonly exact: number
  held: RingNode[]
  quota: number
  room: number
}

/** Moves `nodes` (one group) so that each eligible member holds its quota; `total` counts all groups, to spread the remainders. */
function balance(
  nodes: readonly RingNode[],
  eligible: readonly Member[],
  total: Map<string, number>,
  moves: Move[],
): void {
  const weights = eligible.reduce((sum, member) => sum + member.weight, 0)
  const holders = eligible.map((member): Holder => {
    const exact = (nodes.length * member.weight) / weights
    return { member, salt: saltOf(member), exact, held: [], quota: Math.floor(exact), room: 0 }
  })
  const byMember = new Map(holders.map((holder) => [holder.member.id, holder]))
  const homeless: RingNode[] = []
  for (const node of nodes) {
    const holder = node.owner === null ? undefined : byMember.get(node.owner)
    if (holder) holder.held.push(node)
    else homeless.push(node)
  }
  giveRemainder(nodes.length, holders, total)
  for (const holder of holders) {
    const surplus = holder.held.length - holder.quota
    if (surplus > 0) for (const node of leaving(holder, surplus)) homeless.push(node)
    holder.room = Math.max(0, -surplus)
    total.set(holder.member.id, total.get(holder.member.id)! + holder.quota)
  }
  let open = holders.filter((holder) => holder.room > 0)
  let salts = Int32Array.from(open, (holder) => holder.salt)
  const { order, hashes } = inOrder(homeless)
  for (const at of order) {
    const score = hashes[at]!
    let best = 0
    let liking = -1
    for (let i = 0; i < salts.length; i++) {
      const likes = mix(score ^ salts[i]!)
      if (likes <= liking) continue
      best = i
      liking = likes
    }
    const node = homeless[at]!
    const holder = open[best]!
    moves.push({ node: node.id, from: node.owner, to: holder.member.id })
    if (--holder.room > 0) continue
    open = open.filter((other) => other !== holder)
    salts = Int32Array.from(open, (other) => other.salt)
  }
}

/** Whole-numbered quotas that add up to `count`: the floor of each share, and one more for those that hold most already. */
function giveRemainder(count: number, holders: readonly Holder[], total: ReadonlyMap<string, number>): void {
  let rest = count - holders.reduce((sum, holder) => sum + holder.quota, 0)
  const load = ({ member }: Holder) => total.get(member.id)! / member.weight
  const order = [...holders].sort(
    (a, b) =>
      Number(b.held.length > b.quota) - Number(a.held.length > a.quota) ||
      load(a) - load(b) ||
      b.exact - b.quota - (a.exact - a.quota) ||
      byId(a.member, b.member),
  )
  for (const holder of order) {
    if (rest === 0) break
    if (holder.exact === holder.quota) continue
    holder.quota++
    rest--
  }
}

/** The `surplus` nodes that leave a member: what it likes least, since the rest of the ring will like it better; pinned ones last. */
function leaving({ held, salt }: Holder, surplus: number): RingNode[] {
  const keys = new Float64Array(held.length)
  for (let i = 0; i < held.length; i++) keys[i] = mix(hash(held[i]!.id) ^ salt) + (held[i]!.pinned ? 2 ** 32 : 0)
  const last = keys.toSorted()[surplus - 1]!
  const gone: RingNode[] = []
  const ties: RingNode[] = []
  for (let i = 0; i < held.length; i++) if (keys[i]! <= last) (keys[i]! < last ? gone : ties).push(held[i]!)
  ties.sort(byId)
  return [...gone, ...ties.slice(0, surplus - gone.length)]
}

/** Places of `nodes` by hash, then by id. Numbers sort ten times as fast as objects: hash and place as one, then the rare equal hashes. */
function inOrder(nodes: readonly RingNode[]): { order: Uint32Array; hashes: Int32Array } {
  const hashes = new Int32Array(nodes.length)
  const keys = new Float64Array(nodes.length)
  for (let i = 0; i < nodes.length; i++) {
    hashes[i] = hash(nodes[i]!.id)
    keys[i] = (hashes[i]! >>> 0) * PLACES + i
  }
  keys.sort()
  const order = new Uint32Array(nodes.length)
  for (let i = 0; i < order.length; i++) order[i] = keys[i]! - Math.floor(keys[i]! / PLACES) * PLACES
  const isAfter = (a: number, b: number) => hashes[a] === hashes[b] && byId(nodes[a]!, nodes[b]!) > 0
  for (let i = 1; i < order.length; i++)
    for (let j = i; j > 0 && isAfter(order[j - 1]!, order[j]!); j--)
      [order[j - 1], order[j]] = [order[j]!, order[j - 1]!]
  return { order, hashes }
}

/** Every eligible member of a ring in the order in which `node` likes them (rendezvous, best first). */
export function preferenceOf(node: string, members: readonly Member[]): string[] {
  const score = hash(node)
  return [...members]
    .sort((a, b) => mix(score ^ saltOf(b)) - mix(score ^ saltOf(a)) || byId(a, b))
    .map((member) => member.id)
}

/** 32-bit FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

function saltOf(member: Member): number {
  return Math.imul(hash(member.id), 0x9e3779b1)
}

/** Rendezvous score of a node's hash and a member's salt: murmur3's finaliser, so that near names differ. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
