// What goes wrong in a run: each seed has faults of some kinds and none of others (swarm testing), so that rare combinations come about.
import type { Random } from './random.ts'

export interface Mix {
  readonly conductors: number
  readonly machines: number
  /** Faults happen, and people ask for things, for so long. */
  readonly stormMs: number
  /** Sessions that a BMC has room for. */
  readonly sessionLimit: number
  readonly database: { readonly latencyMs: number; readonly failure: number }
  readonly lan: { readonly loss: number; readonly doubled: number; readonly latencyMs: number; readonly hostMs: number }
  readonly wanLatencyMs: number
  /** null: the default of production. */
  readonly tenureMs: number | null
  /** Mean pause between two faults of a kind; absent: none of it. */
  readonly faults: Partial<Record<FaultKind, number>>
}

export const FAULT_KINDS = [
  'conductor.kill', 'conductor.stop', 'conductor.freeze', 'conductor.pause', 'wan.cut', 'wan.reset', 'hub.kill', 'hub.evict', 'hub.freeze',
  'disk.fail', 'bmc.silent', 'bmc.busy', 'bmc.loseAnswers', 'bmc.forget', 'clock.jump', 'power.fails',
] as const // prettier-ignore
export type FaultKind = (typeof FAULT_KINDS)[number]

export function drawMix(random: Random): Mix {
  const faults: Partial<Record<FaultKind, number>> = {}
  const wild = random.between(0.1, 0.6)
  for (const kind of FAULT_KINDS) if (random.chance(wild)) faults[kind] = random.between(15_000, 150_000)
  return {
    conductors: random.pick([1, 2, 2, 2, 3, 3]),
    machines: random.int(2, 5),
    stormMs: random.between(120_000, 400_000),
    sessionLimit: random.pick([4, 8, 16]),
    database: { latencyMs: random.pick([0.5, 3, 30]), failure: random.chance(0.3) ? random.between(0.002, 0.05) : 0 },
    lan: {
      loss: random.chance(0.5) ? random.between(0, 0.15) : 0,
      doubled: random.chance(0.3) ? random.between(0, 0.2) : 0,
      latencyMs: random.pick([1, 5, 200]),
      hostMs: random.pick([0, 2]),
    },
    wanLatencyMs: random.pick([2, 20, 150]),
    tenureMs: random.pick([null, null, 0, 60_000]),
    faults,
  }
}
