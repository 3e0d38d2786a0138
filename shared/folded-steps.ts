// How the steps of a driver travel: each once, with all implementations that have it so and its priority in each kind of list. Five deploy interfaces have the
// same twenty steps, and a hello holds all drivers of a conductor.
import { type DriverFacts, type OfferedStep, STEP_KINDS, type StepKind, type StepOffer } from './protocol.ts'

type Steps = NonNullable<DriverFacts['steps']>

/** A step of one implementation, in all its kinds of lists. */
interface Own {
  readonly of: string
  readonly offer: Omit<StepOffer, 'of'>
}

/** Facts as they are told. */
export function folded({ steps, ...facts }: DriverFacts): DriverFacts {
  if (steps === undefined) return facts
  const offers = new Map<string, StepOffer>()
  for (const { of, offer } of ownSteps(steps)) {
    const key = JSON.stringify(offer)
    const known = offers.get(key)
    if (known) known.of.push(of)
    else offers.set(key, { ...offer, of: [of] })
  }
  return { ...facts, offers: [...offers.values()] }
}

/** In an order that agrees with that of each list: of two steps with the same priority the first comes first. */
function ownSteps(steps: Steps): Own[] {
  const own = new Map<string, Own & { readonly behind: Set<string> }>()
  for (const kind of STEP_KINDS) {
    let previous: string | undefined
    for (const { of, priority, ...more } of steps[kind] ?? []) {
      const key = `${of} ${JSON.stringify(more)}`
      const offer: Omit<StepOffer, 'of'> = { ...more, priorities: {} }
      const known = own.get(key) ?? { of, offer, behind: new Set<string>() }
      known.offer.priorities[kind] = priority
      if (previous !== undefined) known.behind.add(previous)
      own.set(key, known)
      previous = key
    }
  }
  const ordered: Own[] = []
  while (own.size > 0) {
    const isFree = ([, { behind }]: [string, { readonly behind: Set<string> }]) =>
      !own.keys().some((key) => behind.has(key))
    const [key, next] = own.entries().find(isFree) ?? own.entries().next().value!
    own.delete(key)
    ordered.push({ of: next.of, offer: next.offer })
  }
  return ordered
}

/** Facts as they are used. One that came with `steps` is left as it is. */
export function unfolded({ offers, ...facts }: DriverFacts): DriverFacts {
  if (offers === undefined) return facts
  const steps: Steps = {}
  for (const { of: all, priorities, ...offer } of offers)
    for (const [kind, priority] of Object.entries(priorities) as [StepKind, number][])
      for (const of of all) (steps[kind] ??= []).push({ ...offer, of, priority } satisfies OfferedStep)
  return { ...facts, steps }
}
