// Opens a task on a node: the row, its place in the node's order, and the event. The hub sends it to the node's owner.
import { uuidv7 } from '../../shared/ids.ts'
import type { Step } from '../../shared/protocol.ts'
import type { TaskKind } from '../plans.ts'
import { tasks } from '../schema/organisation.ts'
import { insert, type NodeRow, type TaskRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import type { Turn } from '../site-hub/turn.ts'

/** Time for a step that does not say its own; steps and tasks have an end, always. */
const STEP_MS = 5 * 60_000
/** Slack for take-over: lease, margins and a conductor's restart. */
const SLACK_MS = 15 * 60_000

/** `doneSteps`: of a list that an earlier task began. */
export function openTask(
  turn: Turn,
  node: NodeRow,
  kind: TaskKind,
  steps: readonly Step[],
  context: Record<string, unknown>,
  caller: Caller,
  doneSteps = 0,
): string {
  const deadline = steps.slice(doneSteps).reduce((sum, step) => sum + (step.timeoutMs ?? STEP_MS), turn.now + SLACK_MS)
  const task: TaskRow = {
    id: uuidv7(turn.env),
    site: turn.state.site.id,
    node: node.uuid,
    nseq: node.nseq + 1,
    kind,
    state: 'open',
    conductor: null,
    steps,
    context,
    done_steps: doneSteps,
    last_event: 0,
    intent: null,
    cancel: false,
    fault: null,
    tenure_ms: null,
    deadline_ms: deadline,
    request_id: caller.requestId,
    actor: caller.actor,
    created_at: turn.time,
    started_at: null,
    finished_at: null,
  }
  turn.write(insert(tasks, task))
  const open = turn.state.tasks.get(node.uuid) ?? []
  turn.state.tasks.set(node.uuid, [...open, task])
  turn.updateNode(node.uuid, { nseq: task.nseq, ...(open.length === 0 ? { task: task.id } : {}) })
  turn.event(
    'task.opened',
    { node: node.uuid, task: task.id, body: { kind, steps: steps.map((s) => `${s.interface}.${s.step}`) } },
    caller,
  )
  turn.assign.add(node.uuid)
  return task.id
}

/** Who asked for the task, also of what follows from it. */
export function callerOf(task: TaskRow): Caller {
  return { actor: task.actor ?? 'ferrule', requestId: task.request_id ?? '' }
}
