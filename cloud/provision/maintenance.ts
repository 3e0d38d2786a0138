// Failures after which nobody shall use a machine before a person has looked at it: its node goes into maintenance with one of Ironic's
// faults, which `maintenance off` clears with it. Power failures are power-sync.ts's, and end by themselves.
import type { Step } from '../../shared/protocol.ts'
import type { NodeFault } from '../../shared/states.ts'
import type { NodeRow, TaskRow } from '../schema/rows.ts'
import type { Turn } from '../site-hub/turn.ts'
import { shownIndex } from './step-list.ts'

/** A step of these was running when they failed. */
const STEP_FAULTS: Readonly<Record<string, NodeFault>> = { clean: 'clean failure', service: 'service failure' }
/** These were aborted, and the machine could not be put back. */
const ABORT_FAULTS: Readonly<Record<string, NodeFault>> = { ...STEP_FAULTS, rescue: 'rescue abort failure' }

/** Of a step of that work. */
export const stepFault = (kind: string): string | undefined => STEP_FAULTS[kind]

/** What the failure of the task at step `at` (undefined: the one that is shown) means for the node. */
export function faultOf(node: NodeRow, task: TaskRow, at: number | undefined): string | undefined {
  const fault = STEP_FAULTS[task.kind]
  if (fault === undefined) return undefined
  const index = at ?? shownIndex(node, task.kind)
  return index !== undefined && isChosen(task.steps as Step[], index) ? fault : undefined
}

/** Is the step one of those that the work is about, not of booting or ending the ramdisk around them? */
function isChosen(steps: readonly Step[], index: number): boolean {
  const place = (name: string) => steps.findIndex(({ interface: iface, step }) => `${iface}.${step}` === name)
  const end = place('deploy.tear_down_agent')
  return index > place('deploy.wait_agent') && (end === -1 || index < end)
}

/** What an `undo` task is told of the work whose traces it removes. */
export const undoOf = ({ kind, cancel }: Pick<TaskRow, 'kind' | 'cancel'>) => (cancel ? { aborted: kind } : {})

/** Of an `undo` that has failed itself. */
export function undoFault({ context }: TaskRow): string | undefined {
  return ABORT_FAULTS[String((context as { aborted?: unknown }).aborted)]
}

/** The node's columns in maintenance with `fault`; a reason that somebody gave stays. */
export function inMaintenance(node: NodeRow, fault: string, reason: string): Partial<NodeRow> {
  return { maintenance: true, maintenance_reason: node.maintenance_reason ?? reason, fault }
}

export function tellMaintenance(turn: Turn, node: NodeRow, fault: string, reason: string): void {
  turn.event('node.maintenance', { node: node.uuid, body: { on: true, reason, fault, last_error: reason } })
}
