// What goes wrong in a run: each seed has faults of some kinds and none of others (swarm testing), so that rare combinations come about.
// A mix has a flavour, which says what the run is about and so what may be asked of it.
import { aimed, AIMED_FLAVOURS, type AimedFlavour } from './aimed.ts'
import type { Random } from './random.ts'

export interface Mix {
  readonly flavour: Flavour
  readonly conductors: number
  readonly machines: number
  /** Faults happen, and people ask for things, for so long. */
  readonly stormMs: number
  /** Sessions that a BMC has room for. */
  readonly sessionLimit: number
  readonly database: { readonly latencyMs: number; readonly failure: number; readonly readFailure: number }
  readonly lan: LanMix
  readonly wanLatencyMs: number
  /** What the cloud says takes so much longer than what it hears, in ms, for conductors that have such a line. */
  readonly wanLagMs: number
  /** How long a cut of the WAN lasts: one of these ranges, in ms. */
  readonly cutMs: readonly (readonly [number, number])[]
  /** People switch the power of whatever is not in use, all the time. */
  readonly busy: boolean
  /** How BMCs fail to close a session of another's; null: they close it. */
  readonly firmware: 'refused' | 'asker' | 'pretended' | null
  /** Some nodes ask for a label, and people give it to conductors and take it away. */
  readonly labels: boolean
  /** Probability that a step takes no notice of being aborted. */
  readonly deaf: number
  /** null: the default of production. */
  readonly tenureMs: number | null
  /** By so much the hub's wall clock may be off. */
  readonly hubClockMs: number
  /** Mean pause between two faults of a kind; absent: none of it. */
  readonly faults: Partial<Record<FaultKind, number>>
}

export interface LanMix {
  /** Probabilities per datagram. */
  readonly loss: number
  readonly doubled: number
  /** One way, in ms, at most. */
  readonly latencyMs: number
  /** How long a packet may stay in the host that sends it, in ms: there it is overtaken by a stop. */
  readonly hostMs: number
  /** Probability that a packet takes seconds, behind all that were sent after it. */
  readonly late: number
  /** Probability that a host stops while a packet of a task's mutation is still in it. */
  readonly stall: number
  /** Only with what changes the machine, neither with what is tried out nor with the fence. */
  readonly stallsActs: boolean
}

/**
 * `any`: whatever there is. `gentle`: nothing but restarts, lost journals and new connections, after which no task may have failed.
 * `stalled`: hosts stop with a mutation in them, so that only the fence at the BMC is left. `margin`: BMCs that cannot fence.
 * `late`: packets that arrive seconds late. `clocks`: the hub's wall clock is set. `lone`: conductors that come and go, so
 * that tenures are given, kept and no longer given. `lagging`: lines whose answers take seconds. `labels`: nodes that not every conductor may
 * drive, with labels that change. `people`: drains, shares and declarations of death, one after another, beside cuts. `hurried`: deadlines that
 * come while tenures run. `cut-off`: cuts longer than tenures and deadlines. `deaf`: steps that do not stop when they are aborted. `cloned`: a
 * copy of a conductor's disk is started beside it.
 */
export const FLAVOURS = [
  'any',
  'gentle',
  'stalled',
  'margin',
  'late',
  'clocks',
  'lone',
  'lagging',
  'labels',
  'people',
  'hurried',
  'cut-off',
  'deaf',
  'cloned',
] as const
export type Flavour = (typeof FLAVOURS)[number] | AimedFlavour
export { AIMED_FLAVOURS }

export const FAULT_KINDS = [
  'conductor.kill', 'conductor.stop', 'conductor.freeze', 'conductor.pause', 'wan.cut', 'wan.reset', 'hub.kill', 'hub.evict', 'hub.freeze',
  'disk.fail', 'bmc.silent', 'bmc.busy', 'bmc.loseAnswers', 'bmc.forget', 'clock.jump', 'power.fails', 'journal.lose', 'hub.clock',
  'conductor.dead', 'conductor.drain', 'conductor.weight', 'node.call', 'node.maintenance', 'deadline.near',
  'conductor.labels', 'conductor.clone',
  'local.power',
  'site.relay', 'site.joined', 'site.expired', 'site.set-back', 'site.brink', 'site.recalled', 'site.twins', 'site.flutter', 'site.returned', 'site.forgotten',
] as const // prettier-ignore
export type FaultKind = (typeof FAULT_KINDS)[number]

/** What a person does, rather than what breaks. */
const PEOPLE = ['conductor.drain', 'conductor.weight', 'node.call', 'node.maintenance', 'conductor.labels'] as const
/** Only where a flavour says so. */
const OF_A_FLAVOUR: ReadonlySet<FaultKind> = new Set([
  'hub.clock',
  'deadline.near',
  'conductor.labels',
  'conductor.clone',
])
/** Of an aimed flavour: they take no draw, so that all seeds stay what they are. */
const NEVER_DRAWN: ReadonlySet<FaultKind> = new Set([
  'local.power',
  'site.relay',
  'site.joined',
  'site.expired',
  'site.set-back',
  'site.brink',
  'site.recalled',
  'site.twins',
  'site.flutter',
  'site.returned',
  'site.forgotten',
])
const OF_BMCS = ['bmc.silent', 'bmc.busy', 'bmc.loseAnswers', 'bmc.forget', 'power.fails'] as const
/** After these a hub knows only what is stored, by the clock that was set meanwhile: it may be as far off as is allowed for (clock.ts). */
const HUB_RESTARTS = ['hub.kill', 'hub.evict'] as const
const GENTLE = ['conductor.kill', 'conductor.stop', 'wan.reset', 'hub.evict', 'journal.lose', ...PEOPLE] as const
/** Restarts of the one conductor that a gentle run is about leave time for the firmware to find it again. */
export const GENTLE_DOWN_MS = 1_500

export type Draft = { -readonly [K in Exclude<keyof Mix, 'lan'>]: Mix[K] } & {
  lan: { -readonly [K in keyof LanMix]: LanMix[K] }
}

/** `flavour`: in place of the one that would be drawn. */
export function drawMix(random: Random, flavour?: Flavour): Mix {
  const faults: Draft['faults'] = {}
  const wild = random.between(0.1, 0.6)
  for (const kind of FAULT_KINDS) {
    if (NEVER_DRAWN.has(kind)) continue
    const [isDrawn, meanMs] = [random.chance(wild), random.between(15_000, 150_000)]
    if (isDrawn && !OF_A_FLAVOUR.has(kind)) faults[kind] = meanMs
  }
  const draft: Draft = {
    flavour: 'any',
    conductors: random.pick([1, 2, 2, 2, 3, 3]),
    machines: random.int(2, 5),
    stormMs: random.between(120_000, 400_000),
    sessionLimit: random.pick([4, 8, 16]),
    database: {
      latencyMs: random.pick([0.5, 3, 30]),
      failure: random.chance(0.3) ? random.between(0.002, 0.05) : 0,
      readFailure: 0,
    },
    lan: {
      loss: random.chance(0.5) ? random.between(0, 0.15) : 0,
      doubled: random.chance(0.3) ? random.between(0, 0.2) : 0,
      latencyMs: random.pick([1, 5, 200]),
      hostMs: random.pick([0, 2]),
      late: 0,
      stall: 0,
      stallsActs: false,
    },
    wanLatencyMs: random.pick([2, 20, 150]),
    wanLagMs: 0,
    cutMs: [[100, 10_000], [10_000, 90_000]], // prettier-ignore
    busy: false,
    firmware: null,
    labels: false,
    deaf: 0,
    tenureMs: random.pick([null, null, 0, 60_000]),
    hubClockMs: 0,
    faults,
  }
  const drawn = random.pick(WEIGHTED)
  const chosen = flavour ?? drawn
  flavours[chosen](draft, random)
  draft.flavour = chosen
  if (draft.database.failure > 0 && random.chance(0.5))
    draft.database = { ...draft.database, readFailure: draft.database.failure / 3 }
  return draft
}

/**
 * Where anything goes is where most of what nobody has thought of is. `cloned` only by its name: that a copy is let on while the first one goes on
 * by a tenure is given up (ADR 13), and the judge does not know all that follows from it.
 */
const WEIGHTED: readonly Flavour[] = ['any', 'any', ...FLAVOURS.map((each) => (each === 'cloned' ? 'any' : each))]

/** Does a seed draw it by itself? The others are run by their name. */
export const isDrawn = (flavour: Flavour) => WEIGHTED.includes(flavour)

const flavours: Record<Flavour, (mix: Draft, random: Random) => void> = {
  ...aimed,
  any() {},
  gentle(mix, random) {
    without(
      mix,
      FAULT_KINDS.filter((kind) => !(GENTLE as readonly FaultKind[]).includes(kind)),
    )
    mix.faults['journal.lose'] ??= random.between(15_000, 60_000)
    // A BMC keeps the sessions of processes that died for a minute.
    mix.sessionLimit = 64
    mix.database = { ...mix.database, failure: 0 }
    Object.assign(mix.lan, { loss: 0, latencyMs: Math.min(5, mix.lan.latencyMs) })
  },
  stalled(mix, random) {
    mix.conductors = Math.max(2, mix.conductors)
    mix.sessionLimit = 64
    // With a tenure there is no successor whom the stalled packet could meet.
    mix.tenureMs = 0
    Object.assign(mix.lan, { hostMs: 2, stall: random.between(0.03, 0.15) })
  },
  margin(mix) {
    mix.conductors = Math.max(2, mix.conductors)
    // Where there is no fence, what is in a host when it stops is beyond everybody's reach.
    mix.lan.hostMs = 0
  },
  late(mix, random) {
    mix.sessionLimit = 64
    Object.assign(mix.lan, { loss: 0, late: random.between(0.02, 0.2) })
    // A session that could not be closed leaves what is late to itself.
    without(mix, OF_BMCS)
  },
  clocks(mix, random) {
    mix.conductors = Math.max(2, mix.conductors)
    mix.faults['hub.clock'] = random.between(15_000, 60_000)
    mix.faults['wan.cut'] ??= random.between(15_000, 60_000)
    const restarts = HUB_RESTARTS.some((kind) => mix.faults[kind] !== undefined)
    mix.hubClockMs = restarts ? 4_500 : 60_000
    mix.tenureMs = random.pick([0, 60_000, 180_000])
  },
  lone(mix, random) {
    mix.conductors = 2
    mix.tenureMs = random.pick([null, null, 60_000])
    for (const kind of ['conductor.kill', 'wan.cut', 'conductor.freeze'] as const)
      mix.faults[kind] = random.between(15_000, 60_000)
  },
  hurried(mix, random) {
    mix.conductors = 2
    mix.tenureMs = random.pick([null, 60_000, 180_000])
    for (const kind of ['deadline.near', 'wan.cut', 'conductor.freeze'] as const)
      mix.faults[kind] = random.between(15_000, 60_000)
  },
  lagging(mix, random) {
    mix.conductors = Math.max(2, mix.conductors)
    mix.wanLagMs = random.between(3_000, 6_500)
    mix.cutMs = [[15_000, 60_000]]
    mix.tenureMs = 0
    for (const kind of ['wan.cut', 'bmc.silent'] as const) mix.faults[kind] = random.between(15_000, 45_000)
  },
  labels(mix, random) {
    mix.labels = true
    mix.conductors = Math.max(2, mix.conductors)
    mix.faults['conductor.labels'] = random.between(15_000, 60_000)
  },
  people(mix, random) {
    mix.conductors = Math.max(2, mix.conductors)
    mix.tenureMs = 0
    mix.wanLagMs = random.pick([0, random.between(500, 6_000)])
    mix.cutMs = [[3_000, 60_000]] // prettier-ignore
    for (const kind of ['conductor.drain', 'conductor.weight', 'conductor.dead', 'wan.cut'] as const)
      mix.faults[kind] = random.between(4_000, 30_000)
    // Where no answer is lost it can be judged whether one that is alive was believed to be dead.
    without(mix, ['hub.kill'])
    mix.database = { ...mix.database, failure: 0 }
  },
  'cut-off'(mix, random) {
    mix.conductors = random.pick([1, 1, 2])
    mix.tenureMs = random.pick([null, 60_000, 600_000])
    mix.stormMs = random.between(1_200_000, 2_400_000)
    mix.cutMs = [[60_000, 1_200_000]]
    mix.faults['wan.cut'] = random.between(120_000, 300_000)
  },
  cloned(mix, random) {
    mix.conductors = random.pick([1, 2, 3])
    mix.faults['conductor.clone'] = random.between(20_000, 60_000)
  },
  deaf(mix, random) {
    mix.conductors = Math.max(2, mix.conductors)
    mix.deaf = random.between(0.1, 0.5)
    for (const kind of ['conductor.drain', 'bmc.silent', 'wan.reset'] as const)
      mix.faults[kind] ??= random.between(15_000, 60_000)
  },
}

function without(mix: Draft, kinds: readonly FaultKind[]): void {
  for (const kind of kinds) delete mix.faults[kind]
}
