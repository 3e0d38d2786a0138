// What the drivers of a site's conductors have. Conductors of several versions may serve one of the same name, as during an upgrade: for a node counts what
// its own conductor has, and for one that nobody holds what all have who may get it.
import type { DriverFacts, OfferedStep, StepKind } from '../../shared/protocol.ts'
import { STEP_KINDS } from '../../shared/protocol.ts'
import type { ConductorState, HubState } from './state.ts'

/** What the live conductors that serve a driver have in common. Undefined: none does. */
export function commonDriver({ conductors }: HubState, name: string): DriverFacts | undefined {
  let found: DriverFacts | undefined
  for (const conductor of conductors.values()) found = withThatOf(found, conductor, name)
  return found
}

/** Of the drivers that live conductors serve. */
export function driverNames({ conductors }: HubState): string[] {
  return [
    ...new Set(
      [...conductors.values()]
        .filter(isLive)
        .flatMap(served)
        .map(({ name }) => name),
    ),
  ]
}

/**
 * The driver as the live conductor has it that holds the node; as both have it while the node is on its way from one to another. Where neither serves it, or is
 * there, what all live conductors have in common that do. Undefined: none does.
 */
export function driverOf(
  state: HubState,
  { uuid, driver: name }: { readonly uuid: string; readonly driver: string },
): DriverFacts | undefined {
  const node = state.nodes.get(uuid)
  const owned = withThatOf(undefined, state.conductors.get(node?.owner ?? ''), name)
  return withThatOf(owned, state.conductors.get(node?.target ?? ''), name) ?? commonDriver(state, name)
}

/** Fields of driver_info that any live conductor calls secret: what one knows to be secret is so for all. */
export function secretFields(state: HubState, name: string): string[] {
  const all = [...state.conductors.values()].filter(isLive).flatMap(served)
  return [...new Set(all.filter((driver) => driver.name === name).flatMap(({ secrets }) => secrets))]
}

const isLive = ({ leaseUntil }: ConductorState): boolean => leaseUntil > 0
const served = ({ row }: ConductorState): DriverFacts[] => row.drivers as DriverFacts[]

/** What `found` has in common with the driver as this conductor has it, if it is live and does. */
function withThatOf(
  found: DriverFacts | undefined,
  conductor: ConductorState | undefined,
  name: string,
): DriverFacts | undefined {
  const own = conductor && isLive(conductor) ? served(conductor).find((driver) => driver.name === name) : undefined
  return found && own ? common(found, own) : (own ?? found)
}

/** What a conductor has said stays the same object until it says hello again, and grants ask for every node. */
const compared = new WeakMap<DriverFacts, WeakMap<DriverFacts, DriverFacts>>()

function common(one: DriverFacts, other: DriverFacts): DriverFacts {
  const others = compared.get(one) ?? new WeakMap<DriverFacts, DriverFacts>()
  compared.set(one, others)
  const both = others.get(other) ?? compare(one, other)
  others.set(other, both)
  return both
}

/** What is said of an implementation that both have is the first's. */
function compare(one: DriverFacts, other: DriverFacts): DriverFacts {
  if (JSON.stringify(one) === JSON.stringify(other)) return one
  const interfaces = Object.entries(one.interfaces).map(([iface, names]): [string, string[]] => [
    iface,
    names.filter((name) => other.interfaces[iface]?.includes(name)),
  ])
  const { steps, wires, ...rest } = one
  return {
    ...rest,
    interfaces: Object.fromEntries(interfaces.filter(([, names]) => names.length > 0)),
    ...(wires && { wires: wires.filter((name) => other.wires?.includes(name)) }),
    ...(steps && other.steps && { steps: commonSteps(steps, other.steps) }),
  }
}

type Steps = Partial<Record<StepKind, OfferedStep[]>>

function commonSteps(ones: Steps, others: Steps): Steps {
  const same = (a: OfferedStep) => (b: OfferedStep) => a.interface === b.interface && a.of === b.of && a.step === b.step
  const kinds = STEP_KINDS.map((kind) => [kind, (ones[kind] ?? []).filter((step) => others[kind]?.some(same(step)))])
  return Object.fromEntries(kinds) as Steps
}
