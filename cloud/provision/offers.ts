// What the driver of a node offers for its lists, and what its owner forbids.
import { FaultError } from '../../shared/faults.ts'
import type { OfferedStep, Step, StepKind } from '../../shared/protocol.ts'
import { keptOn } from '../kept-on.ts'
import type { NodeRow } from '../schema/rows.ts'
import { driverOf } from '../site-hub/drivers.ts'
import type { Turn } from '../site-hub/turn.ts'
import { usedInterfaces } from './used-interfaces.ts'

/** What the node's driver offers with the interfaces that the node uses; undefined where its conductors are older than that. */
export function offers(turn: Turn, node: NodeRow, kind: StepKind): OfferedStep[] | undefined {
  const { steps } = driverOf(turn.state, node) ?? {}
  if (!steps) return undefined
  const used = usedInterfaces(turn, node)
  return (steps[kind] ?? []).filter((step) => used[step.interface] === step.of)
}

/** The steps as they are for this node. */
export function stepsFor(node: NodeRow, steps: readonly Step[]): readonly Step[] {
  return node.disable_power_off ? keptOn(steps) : steps
}

const OFF: ReadonlySet<string> = new Set(['power_off', 'soft_power_off'])

/** Refuses what somebody asks for that would switch a machine off whose node forbids that. */
export function keepOn(node: NodeRow, asked: readonly { readonly step: string; readonly children?: unknown }[]): void {
  if (asked.some(({ step, children }) => OFF.has(step) && children === undefined)) refuseOff(node)
}

export function refuseOff({ uuid, disable_power_off: never }: NodeRow): void {
  if (never)
    throw new FaultError('conflict', `Power off is disabled for node ${uuid}, and this would need it.`, {
      hint: 'clear disable_power_off of the node first',
    })
}
