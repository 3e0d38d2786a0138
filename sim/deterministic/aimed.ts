// Flavours that are about one kind of history which chance seldom comes upon. No seed draws them by itself: a mutant names the one that would
// show it, and `--flavour` runs it. Production keeps every promise there.
import type { Draft, FaultKind } from './mix.ts'
import type { Random } from './random.ts'

/**
 * `overtaken`: a host stops with a mutation in it until a successor has acted. `stragglers`: late packets at BMCs that cannot fence. `lossy`: a network at
 * the site that loses much. `relay`: nodes go to another conductor and come back. `returned`: so they do just as who had them first asks about them. `outlived`: cuts that outlast tenures. `waiting`: such cuts while machines boot, by tenures of minutes. `joined`: a second conductor comes, and the first is cut
 * off. `expired`: a cut as a deadline comes. `set-back`: cuts in which wall clocks go back. `brink`: hosts stop for about as long as a lease. `twins`: two hubs that start in one moment.
 * `evicted`: hubs that follow each other at a slow database. `torn`: lines that break with frames on them. `sluggish`: a database and lines that take seconds. `recalled`: nodes
 * that are asked for and then not wanted. `forgotten`: and their hub goes. `calling`: people who call BMCs all the
 * time, on nodes that move. `unstored`: a database that loses many questions. `local`: break-glass at a lone
 * conductor during long cuts.
 */
export const AIMED_FLAVOURS = [
  'overtaken',
  'stragglers',
  'lossy',
  'relay',
  'returned',
  'outlived',
  'waiting',
  'joined',
  'expired',
  'set-back',
  'brink',
  'twins',
  'evicted',
  'torn',
  'sluggish',
  'recalled',
  'forgotten',
  'calling',
  'unstored',
  'local',
] as const
export type AimedFlavour = (typeof AIMED_FLAVOURS)[number]

/** One way to the database, at most: a turn of the hub still takes less than the margin of a lease, which the judge counts from the answer. */
const SLOW_MS = 200

/** Nothing goes wrong but `faults` (mean pauses in ms), and people switch the power of machines all the time. */
function only(mix: Draft, faults: Partial<Record<FaultKind, number>>, more: Partial<Draft> = {}): void {
  mix.faults = faults
  Object.assign(mix, { conductors: 2, sessionLimit: 64, tenureMs: 0, busy: true }, more)
  mix.database = { latencyMs: 3, failure: 0, readFailure: 0 }
  Object.assign(mix.lan, { loss: 0, doubled: 0, latencyMs: Math.min(5, mix.lan.latencyMs) })
}

export const aimed: Record<AimedFlavour, (mix: Draft, random: Random) => void> = {
  overtaken(mix, random) {
    only(mix, {}, { conductors: random.pick([2, 3]) })
    Object.assign(mix.lan, { hostMs: 2, stall: random.between(0.1, 0.3), stallsActs: true })
  },
  stragglers(mix, random) {
    only(mix, { 'node.call': 2_000 }, { firmware: random.pick(['refused', 'asker', null]) })
    Object.assign(mix.lan, { late: random.between(0.1, 0.3), hostMs: 0 })
  },
  lossy(mix, random) {
    only(mix, {}, {})
    mix.lan.loss = random.between(0.15, 0.3)
  },
  relay(mix, random) {
    only(mix, { 'site.relay': 80_000 }, { wanLagMs: 5_000, tenureMs: random.pick([0, 20_000, 20_000]) })
    mix.busy = random.chance(0.5)
    if (mix.tenureMs !== 0) mix.wanLagMs = 0
    mix.machines = 5
    // So that whoever has a node is not done with its task at once.
    mix.lan.latencyMs = 200
  },
  returned(mix) {
    only(mix, { 'site.returned': 20_000 }, { wanLagMs: 2_500, busy: false, machines: 5, stormMs: 400_000 })
    mix.lan.latencyMs = 200
  },
  outlived(mix, random) {
    only(mix, { 'wan.cut': 60_000, 'bmc.silent': 5_000 }, { tenureMs: random.pick([20_000, 60_000]) })
    mix.cutMs = [[30_000, 60_000], [70_000, 130_000]] // prettier-ignore
    mix.wanLagMs = random.pick([0, 6_000])
    mix.busy = random.chance(0.5)
    if (random.chance(0.5)) return
    mix.faults['hub.clock'] = 20_000
    mix.hubClockMs = 60_000
  },
  waiting(mix) {
    // So long that what a tenure is extended by is more than the hub's margins at its end.
    const tenureMs = 180_000
    only(mix, { 'wan.cut': 120_000 }, { tenureMs, busy: false, machines: 5, cutMs: [[tenureMs, tenureMs + 80_000]] })
    mix.stormMs = 800_000
  },
  joined(mix) {
    only(mix, { 'site.joined': 70_000 }, { tenureMs: null, busy: false })
  },
  expired(mix, random) {
    only(mix, { 'site.expired': 60_000 }, { tenureMs: random.pick([60_000, 180_000]), busy: false })
  },
  'set-back'(mix) {
    only(mix, { 'site.set-back': 40_000, 'bmc.silent': 20_000 })
  },
  brink(mix, random) {
    only(mix, { 'site.brink': 20_000 }, { wanLatencyMs: 150, wanLagMs: random.pick([0, 1_500]) })
  },
  twins(mix, random) {
    only(mix, { 'site.twins': 20_000, 'wan.reset': 8_000 }, { conductors: random.pick([2, 3]) })
    mix.database = { latencyMs: random.pick([30, SLOW_MS]), failure: 0, readFailure: 0 }
  },
  evicted(mix, random) {
    only(mix, { 'hub.evict': 6_000, 'wan.reset': 20_000 }, { conductors: random.pick([2, 3]) })
    mix.database = { latencyMs: random.pick([3, SLOW_MS]), failure: 0, readFailure: 0 }
  },
  torn(mix, random) {
    only(mix, { 'wan.reset': 8_000, 'conductor.drain': 15_000, 'conductor.weight': 15_000 })
    mix.database = { latencyMs: random.pick([3, SLOW_MS]), failure: 0, readFailure: 0 }
    mix.wanLagMs = random.pick([0, 500, 5_000])
  },
  sluggish(mix, random) {
    // An answer takes longer than the pause between two renewals, so that another connection is tried beside the first.
    only(mix, { 'wan.cut': 8_000 }, { wanLagMs: random.between(4_500, 6_000), cutMs: [[4_000, 8_000]] })
    mix.database = { latencyMs: SLOW_MS, failure: 0, readFailure: 0 }
  },
  recalled(mix) {
    only(mix, { 'site.recalled': 15_000, 'node.call': 1_000 }, { busy: false, machines: 5 })
  },
  forgotten(mix) {
    only(mix, { 'site.forgotten': 15_000, 'node.call': 1_000 }, { busy: false, machines: 5 })
  },
  calling(mix, random) {
    const moves = { 'conductor.drain': 10_000, 'conductor.weight': 10_000, 'wan.reset': 12_000 }
    only(mix, { 'node.call': 1_500, 'bmc.silent': 8_000, 'conductor.freeze': 20_000, ...moves })
    mix.lan.latencyMs = random.pick([5, 200])
    mix.busy = false
  },
  unstored(mix, random) {
    only(mix, { 'journal.lose': 15_000 }, { conductors: random.pick([1, 2]) })
    mix.database = { latencyMs: 30, failure: random.between(0.1, 0.25), readFailure: 0 }
  },
  local(mix, random) {
    // Nobody else has its nodes meanwhile: where somebody has, the person and its tasks undo each other's work.
    mix.conductors = 1
    mix.cutMs = [[60_000, 300_000]]
    mix.faults['wan.cut'] = random.between(20_000, 60_000)
    mix.faults['local.power'] = random.between(5_000, 20_000)
    mix.faults['site.flutter'] = 60_000
    // What a lost journal held nobody is told.
    delete mix.faults['journal.lose']
    delete mix.faults['disk.fail']
  },
}
