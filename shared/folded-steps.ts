// Implementations of an interface have most of their steps in common: told once for all of them, the drivers of a conductor fit into its hello.
import type { DriverFacts, OfferedStep } from './protocol.ts'

type Steps = NonNullable<DriverFacts['steps']>

/** Steps that differ in nothing but whose they are become one, which names the others in `also`. */
export function folded(facts: DriverFacts): DriverFacts {
  return withSteps(facts, (steps) => {
    const found = new Map<string, OfferedStep>()
    for (const { of, ...step } of steps) {
      const key = JSON.stringify(step)
      const known = found.get(key)
      found.set(key, known === undefined ? { of, ...step } : { ...known, also: [...(known.also ?? []), of] })
    }
    return [...found.values()]
  })
}

/** As they were, each step by itself; what was not folded stays as it is. */
export function unfolded(facts: DriverFacts): DriverFacts {
  return withSteps(facts, (steps) =>
    steps.flatMap(({ of, also = [], ...step }) => [of, ...also].map((name) => ({ ...step, of: name }))),
  )
}

function withSteps(facts: DriverFacts, change: (steps: readonly OfferedStep[]) => OfferedStep[]): DriverFacts {
  if (facts.steps === undefined) return facts
  const kinds = Object.entries(facts.steps).map(([kind, steps]) => [kind, change(steps)])
  return { ...facts, steps: Object.fromEntries(kinds) as Steps }
}
