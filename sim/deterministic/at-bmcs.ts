// The order in which BMCs accept mutations: epochs never go back, and no step or call acts again once another has.
import type { Invariant } from './invariants.ts'
import type { Cause } from './lan.ts'

interface Bmc {
  /** The mutation of the highest epoch so far. */
  highest: Cause
  /** What has acted here, and what did last. */
  readonly acts: WeakSet<object>
  last: object
}

export class AtBmcs {
  readonly #bmcs = new Map<string, Bmc>()
  readonly #isGivenUp: (one: string, other: string) => boolean

  /** `isGivenUp`: of a copy and its original, whose order nobody keeps. */
  constructor(isGivenUp: (one: string, other: string) => boolean) {
    this.#isGivenUp = isGivenUp
  }

  /** Answers what is wrong with it. */
  accepted(address: string, cause: Cause, what: string): [Invariant, string][] {
    const bmc = this.#bmcs.get(address) ?? { highest: cause, acts: new WeakSet(), last: cause.act }
    this.#bmcs.set(address, bmc)
    const wrong: [Invariant, string][] = []
    if (bmc.last !== cause.act && bmc.acts.has(cause.act))
      wrong.push(['interleaved', `${show(cause)}: ${what}, and another step or call has acted meanwhile`])
    bmc.acts.add(cause.act)
    bmc.last = cause.act
    const { highest } = bmc
    const isExcused = isOlderCopy(cause, highest) || this.#isGivenUp(cause.conductor, highest.conductor)
    if (cause.epoch < highest.epoch && !isExcused)
      wrong.push(['bmc-epoch', `${show(cause)}: ${what} after a mutation of epoch ${highest.epoch}`])
    else if (highest.epoch === cause.epoch && highest.conductor !== cause.conductor)
      wrong.push(['bmc-epoch', `${show(cause)}: ${what}, and ${highest.conductor} has the same epoch`])
    else if (cause.epoch >= highest.epoch) bmc.highest = cause
    return wrong
  }
}

export function show({ conductor, epoch, step, node }: Cause): string {
  return `${conductor} (epoch ${epoch}, ${step}, node …${node.slice(-4)})`
}

/**
 * A conductor whose grants went on under a new session repeats a packet: the one before may arrive after it. It is of the same step. Or it goes on
 * with a call, which names the epoch under which it began.
 */
function isOlderCopy(cause: Cause, highest: Cause): boolean {
  const isSame = cause.task === highest.task && cause.step === highest.step
  return cause.conductor === highest.conductor && (isSame || cause.task === undefined)
}
