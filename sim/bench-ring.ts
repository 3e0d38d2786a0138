// The ring (P13): laws on 100,000 random changes, balance beside Ironic's ring, and the time of a plan for 50,000 nodes.
// A law that is broken ends the benchmark with an error; the figure is the slowest kind of plan, median of its runs.
import { groupsOf, obstacle, plan, type Member, type RingNode } from '../shared/ring.ts'
import { mulberry32 } from './bmc/network.ts'

const CHANGES = 100_000
const LARGE = 50_000
const RUNS = 9
const GOAL_MS = 50
/** ironic-lib's consistent hash ring, 10,000 nodes on 10 conductors: the busiest against the mean, all alike and with mixed drivers. */
const IRONIC = { alike: 1.12, mixed: 1.8 }
const DRIVERS = ['ipmi', 'redfish', 'snmp']

type Random = () => number
const pick = (random: Random, count: number) => Math.floor(random() * count)

function moved(nodes: readonly RingNode[], members: readonly Member[]): { nodes: RingNode[]; moves: number } {
  const { moves } = plan(nodes, members)
  const to = new Map(moves.map((move) => [move.node, move.to]))
  return {
    nodes: nodes.map((node) => (to.has(node.id) ? { ...node, owner: to.get(node.id)! } : node)),
    moves: moves.length,
  }
}

function memberOf(random: Random, id: string): Member {
  const drivers = DRIVERS.filter(() => random() < 0.7)
  return {
    id,
    weight: 1 + pick(random, 4),
    drivers: drivers.length > 0 ? drivers : ['ipmi'],
    draining: random() < 0.05,
  }
}

/** Fewest moves with which a group gets from what is held to floor or ceiling of each share. */
function fewest(count: number, held: readonly number[], exact: readonly number[]): number {
  let rest = count
  let stay = 0
  let above = 0
  exact.forEach((share, i) => {
    const floor = Math.floor(share)
    rest -= floor
    stay += Math.min(held[i]!, floor)
    if (share > floor && held[i]! > floor) above++
  })
  return count - stay - Math.min(rest, above)
}

/** One change of one member after the other; answers moves, and how far anybody was off. Throws when a law is broken. */
function histories(random: Random): { moves: number; worst: number } {
  let [moves, worst] = [0, 0]
  let members: Member[] = []
  let nodes: RingNode[] = []
  for (let change = 0; change < CHANGES; change++) {
    if (change % 500 === 0) {
      members = Array.from({ length: 1 + pick(random, 10) }, (_, i) => memberOf(random, `c${i}`))
      nodes = Array.from({ length: 20 + pick(random, 130) }, (_, i) => ({
        id: `n${change}-${i}`,
        driver: DRIVERS[pick(random, 3)]!,
        owner: null,
      }))
    } else {
      const at = pick(random, members.length + 1)
      const isGone = at < members.length && members.length > 1 && random() < 0.5
      if (isGone) members = members.filter((_, i) => i !== at)
      else members = [...members.filter((_, i) => i !== at), memberOf(random, `c${change % 30}`)]
      members = [...new Map(members.map((member) => [member.id, member])).values()]
    }
    const before = new Map(nodes.map((node) => [node.id, node.owner]))
    const after = moved(nodes, members)
    nodes = after.nodes
    moves += after.moves
    let least = 0
    for (const group of groupsOf(nodes)) {
      const eligible = members.filter((member) => obstacle(group, member) === null)
      if (eligible.length === 0) continue
      const weights = eligible.reduce((sum, member) => sum + member.weight, 0)
      const exact = eligible.map((member) => (group.nodes.length * member.weight) / weights)
      const count = (owner: (node: RingNode) => string | null) =>
        eligible.map(({ id }) => group.nodes.filter((node) => owner(node) === id).length)
      least += fewest(
        group.nodes.length,
        count((node) => before.get(node.id)!),
        exact,
      )
      count((node) => node.owner).forEach((held, i) => (worst = Math.max(worst, Math.abs(held - exact[i]!))))
    }
    if (worst >= 1) throw new Error(`change ${change}: a member is ${worst} nodes off its quota`)
    if (after.moves !== least) throw new Error(`change ${change}: ${after.moves} moves where ${least} are enough`)
  }
  return { moves, worst }
}

/** Busiest against mean of 10 conductors with 10,000 nodes, as Ironic's ring was measured. */
function busiest(mixed: boolean): { ofEachKind: number; together: number } {
  const members = Array.from({ length: 10 }, (_, i): Member => ({
    id: `c${i}`,
    weight: 1,
    drivers: mixed && i % 2 ? ['ipmi'] : ['ipmi', 'redfish'],
  }))
  const nodes = Array.from({ length: 10_000 }, (_, i): RingNode => ({
    id: crypto.randomUUID(),
    driver: mixed && i % 4 === 0 ? 'redfish' : 'ipmi',
    owner: null,
  }))
  const after = moved(nodes, members).nodes
  // Each kind of nodes over those that may have it; the worst of them.
  const ratios = groupsOf(after).map((group) => {
    const eligible = members.filter((member) => obstacle(group, member) === null)
    const held = eligible.map(({ id }) => group.nodes.filter((node) => node.owner === id).length)
    return (Math.max(...held) * eligible.length) / group.nodes.length
  })
  const all = members.map(({ id }) => after.filter((node) => node.owner === id).length)
  return { ofEachKind: Math.max(...ratios), together: (Math.max(...all) * members.length) / after.length }
}

interface Time {
  readonly cpuMs: number
  readonly wallMs: number
}

/** CPU of the process, with the collector's and compiler's threads: what else runs on the machine is not in it. Medians. */
function timed(run: () => unknown): Time {
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)]!
  const [cpu, wall]: [number[], number[]] = [[], []]
  for (let i = 0; i < RUNS; i++) {
    const [started, before] = [performance.now(), process.cpuUsage()]
    run()
    const { user, system } = process.cpuUsage(before)
    cpu.push((user + system) / 1000)
    wall.push(performance.now() - started)
  }
  return { cpuMs: median(cpu), wallMs: median(wall) }
}

function large(random: Random): [string, Time][] {
  const members = Array.from({ length: 30 }, (): Member => ({
    id: crypto.randomUUID(),
    weight: 1 + pick(random, 3),
    drivers: DRIVERS,
  }))
  const fresh = Array.from({ length: LARGE }, (): RingNode => ({
    id: crypto.randomUUID(),
    driver: DRIVERS[pick(random, 3)]!,
    owner: null,
  }))
  const { nodes } = moved(fresh, members)
  const heavier = [{ ...members[0]!, weight: 6 }, ...members.slice(1)]
  const newcomer = [...members, { ...members[0]!, id: 'newcomer' }]
  return [
    ['nothing changed', timed(() => plan(nodes, members))],
    ['one leaves', timed(() => plan(nodes, members.slice(1)))],
    ['one joins', timed(() => plan(nodes, newcomer))],
    ['one weighs more', timed(() => plan(nodes, heavier))],
    ['half of them leave', timed(() => plan(nodes, members.slice(15)))],
    ['all nodes are new', timed(() => plan(fresh, members))],
  ]
}

/** About twenty seconds. */
export async function run() {
  const seed = 20_261_125
  const random = mulberry32(seed)
  const { moves, worst } = histories(random)
  const times = large(random)
  const [alike, mixed] = [busiest(false), busiest(true)]
  const figure = Math.max(...times.map(([, { cpuMs }]) => cpuMs))
  const lines = times.map(
    ([what, { cpuMs, wallMs }]) =>
      `  ${what.padEnd(20)} ${cpuMs.toFixed(1).padStart(6)} ms CPU ${wallMs.toFixed(1).padStart(6)} ms wall`,
  )
  return {
    name: 'ring',
    figure,
    unit: `CPU ms for a plan of ${LARGE} nodes on 30 conductors (the slowest kind, median of ${RUNS})`,
    anchor: null,
    anchorName: `Ironic's library: busiest/mean ${IRONIC.alike} alike, ${IRONIC.mixed} mixed`,
    ratio: null,
    goal: GOAL_MS,
    floor: GOAL_MS,
    smallerIsBetter: true,
    text: [
      `${CHANGES.toLocaleString('en')} random changes (seed ${seed}): ${moves.toLocaleString('en')} moves, which is the minimum of each; nobody more than ${worst.toFixed(3)} nodes off quota`,
      `busiest/mean of 10 conductors: alike ${alike.together.toFixed(4)} (Ironic ${IRONIC.alike}), half of them with one driver more: ${mixed.ofEachKind.toFixed(4)} of each kind of nodes, ${mixed.together.toFixed(4)} of all (Ironic, other mix: ${IRONIC.mixed})`,
      `plans of ${LARGE} nodes on 30 conductors:`,
      ...lines,
    ].join('\n'),
  }
}
