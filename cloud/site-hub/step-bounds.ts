// Which steps a conductor may speak of: those that its task has, and of ends only the one that is next or was before. Anything else is a fault of the
// conductor, like a frame that does not parse: the socket closes with the reason, and nothing that comes behind it counts.
import type { Step } from '../../shared/protocol.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import type { Peer } from '../ports.ts'
import type { TaskRow } from '../schema/rows.ts'
import { endSession } from './sessions.ts'
import type { Turn } from './turn.ts'

export function hasStep(task: TaskRow, step: number): boolean {
  return step < countOf(task)
}

/** A failure may be behind the last step: of what the task answers. */
export function mayFailAt(task: TaskRow, step: number | undefined): boolean {
  return step === undefined || step <= countOf(task)
}

export function mayFinish(task: TaskRow, step: number): boolean {
  return hasStep(task, step) && step <= task.done_steps
}

export function refuseStep(
  turn: Turn,
  peer: Peer,
  task: TaskRow,
  type: 'intent' | 'event' | 'result',
  step: number,
): void {
  const why = `${type} of step ${step}: the task has ${countOf(task)}, of which ${task.done_steps} are done`
  turn.refusal(`conductor.${type}`, task.node, 'conductor.frame', { task: task.id, why }, peer.conductor)
  endSession(turn, peer, CLOSE.malformed, why)
}

function countOf(task: TaskRow): number {
  return (task.steps as Step[]).length
}
