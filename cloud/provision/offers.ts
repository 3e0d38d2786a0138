// What the driver of a node offers for its lists, and what its owner forbids.
import { FaultError } from '../../shared/faults.ts'
import type { OfferedStep, Step, StepKind } from '../../shared/protocol.ts'
import type { NodeRow } from '../schema/rows.ts'
import { liveDrivers } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'

/** What the node's driver offers with the interfaces that the node uses; undefined where its conductors are older than that. */
export function offers(turn: Turn, node: NodeRow, kind: StepKind): OfferedStep[] | undefined {
  const { steps } = liveDrivers(turn.state).get(node.driver) ?? {}
  if (!steps) return undefined
  const used = node.interfaces as Record<string, string>
  return (steps[kind] ?? []).filter((step) => used[step.interface] === step.of)
}

/** Refuses steps that would switch a machine off whose node forbids that. */
export function keepOn(node: NodeRow, steps: readonly Step[]): void {
  const off = steps.some(({ step }) => step === 'power_off' || step === 'soft_power_off')
  if (node.disable_power_off && off) throw neverOff(node)
}

export function neverOff({ uuid }: NodeRow): FaultError {
  return new FaultError('conflict', `Power off is disabled for node ${uuid}, and this would need it.`, {
    hint: 'clear disable_power_off of the node first',
  })
}
