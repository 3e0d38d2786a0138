// Moves a node along a row of shared/states: the one place that writes provision_state.
import { FaultError } from '../../shared/faults.ts'
import { next, STATES, targetOf, type Actor, type State, type Trigger } from '../../shared/states.ts'
import type { NodeRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import type { Turn } from '../site-hub/turn.ts'
import { instanceBoot } from './network-instance.ts'
import { isPowerWatched } from './power-watch.ts'
import { usedInterfaces } from './used-interfaces.ts'

export function move(
  turn: Turn,
  node: NodeRow,
  trigger: Trigger,
  actor: Actor,
  changes: Partial<NodeRow> = {},
  caller?: Caller,
): void {
  const from = node.provision_state as State
  const to = next(from, trigger, actor)
  if (!to) throw new FaultError('internal', `no transition from ${from} by ${trigger} (${actor})`)
  const target = changes.target_provision_state ?? aim(node, to, actor)
  // Whether its power is watched, by which interfaces it is driven, and what it boots over the network, is part of the grant.
  const granted = (row: NodeRow) =>
    JSON.stringify([isPowerWatched(row), usedInterfaces(turn, row), instanceBoot(turn, row)])
  const isRegranted = granted(node) !== granted({ ...node, ...changes, provision_state: to })
  if (isRegranted) turn.regrant.add(node.uuid)
  turn.updateNode(node.uuid, {
    ...changes,
    ...inspectionTimes(turn, from, to),
    ...(isRegranted ? { spec_version: node.spec_version + 1 } : {}),
    provision_state: to,
    target_provision_state: target,
    provision_updated_at: turn.time,
  })
  turn.event(
    'node.provision_state',
    { node: node.uuid, task: node.task, body: { from, to, trigger, target, last_error: changes.last_error ?? null } },
    caller,
  )
}

const INSPECTION: readonly State[] = ['inspecting', 'inspect wait']

/** As Ironic has them: an inspection that goes on has begun, one that went well has ended, and one that failed has neither time. */
function inspectionTimes({ time }: Turn, from: State, to: State): Partial<NodeRow> {
  const [was, is] = [INSPECTION.includes(from), INSPECTION.includes(to)]
  if (is) return was ? {} : { inspection_started_at: time, inspection_finished_at: null }
  return was ? { inspection_started_at: null, inspection_finished_at: to === 'manageable' ? time : null } : {}
}

/** Work keeps the aim that it was started with, over waits and holds: manageable for a manual cleaning, for one. */
function aim(node: NodeRow, to: State, actor: Actor): string | null {
  if (STATES[to].kind === 'stable') return targetOf(to)
  const isSameWork = actor === 'task' || STATES[to].kind === 'waiting' || STATES[to].kind === 'failed'
  return isSameWork ? (node.target_provision_state ?? targetOf(to)) : targetOf(to)
}

/** Asks for the end of all the node's tasks. */
export function cancel(turn: Turn, node: NodeRow): void {
  for (const task of turn.state.tasks.get(node.uuid) ?? []) {
    turn.updateTask(task, { cancel: true })
    turn.send(turn.state.conductors.get(task.conductor ?? '')?.peer, { type: 'cancel', id: task.id })
  }
}
