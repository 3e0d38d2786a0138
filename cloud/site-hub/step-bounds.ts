// Which steps a conductor may speak of. 1. Those that its task has: another is a fault of the conductor, like a frame that does not parse, and the
// socket closes with the reason. 2. Of ends only the one that is next or was before: an end ahead is of a history that was not heard, as a run has
// that went on by its tenure while a copy of it went back. It is told to forget that, and gets the task again under its next session.
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
  return step <= task.done_steps
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

export function refuseHistory(turn: Turn, peer: Peer, task: TaskRow, epoch: number, step: number): void {
  const why = `the end of step ${step} is ahead: ${task.done_steps} of ${countOf(task)} are done`
  turn.refusal('conductor.event', task.node, 'fenced', { task: task.id, why }, peer.conductor)
  turn.send(peer, { type: 'fenced', id: task.id, epoch })
  endSession(turn, peer, CLOSE.superseded, why)
}

function countOf(task: TaskRow): number {
  return (task.steps as Step[]).length
}
