// A task whose steps are a list that was made for it (clean, deploy, service): shown on the node with Ironic's names, parked at a `hold` and
// continued by `unhold`. 1. A hold ends the task; the next one has the same list, begins behind the hold and goes on with the context.
// 2. The list on the node is the whole one; a task has it up to its next hold.
import type { Step } from '../../shared/protocol.ts'
import { STATES, type State } from '../../shared/states.ts'
import { tasks } from '../schema/organisation.ts'
import { select, type NodeRow, type TaskRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import type { Turn } from '../site-hub/turn.ts'
import { move } from './move.ts'
import { openTask } from './open-task.ts'

const LISTS = { deploy: 'deploy', rebuild: 'deploy', clean: 'clean', service: 'service' } as const
export type ListKind = keyof typeof LISTS
type Internal = Record<string, unknown>

export function isListed(kind: string): kind is ListKind {
  return Object.hasOwn(LISTS, kind)
}

/** Shows the list and starts it. */
export async function openList(
  turn: Turn,
  uuid: string,
  kind: ListKind,
  steps: readonly Step[],
  context: Record<string, unknown>,
  caller: Caller,
): Promise<string | null> {
  const node = await turn.node(uuid)
  const name = LISTS[kind]
  // Whole only where something goes on with it later: it is written with every step.
  const shown = steps.some(isHold) ? steps : steps.map((step) => ({ ...step, timeoutMs: undefined }))
  const driver_internal_info = { ...(node.driver_internal_info as Internal), [`${name}_steps`]: shown }
  turn.updateNode(uuid, { driver_internal_info })
  return goOn(turn, uuid, kind, { steps, from: 0, context }, caller)
}

interface Rest {
  readonly steps: readonly Step[]
  readonly from: number
  readonly context: Record<string, unknown>
}

/** Opens a task from `from` to the next hold, or parks the node where that is at once. Answers the task's id. */
async function goOn(turn: Turn, uuid: string, kind: ListKind, rest: Rest, caller: Caller): Promise<string | null> {
  const { steps, from, context } = rest
  const node = await turn.node(uuid)
  const hold = steps.findIndex((step, i) => i >= from && isHold(step))
  const end = hold === -1 ? steps.length : hold
  if (end > from) return openTask(turn, node, kind, steps.slice(0, end), context, caller, from)
  if (hold === -1) return null // nothing is left: whoever asked ends the work
  turn.updateNode(uuid, showing(node, kind, steps[hold]!, hold))
  move(turn, await turn.node(uuid), 'hold', 'task')
  return null
}

/** Has the task ended at a hold, and not at the end of the list? Then the node is parked. */
export async function parked(turn: Turn, task: TaskRow): Promise<boolean> {
  if (!isListed(task.kind)) return false
  const node = await turn.node(task.node)
  const steps = listOf(node, task.kind)
  const at = (task.steps as Step[]).length
  const hold = steps[at]
  if (!hold || !isHold(hold)) return false
  turn.updateNode(task.node, showing(node, task.kind, hold, at))
  move(turn, await turn.node(task.node), 'hold', 'task')
  return true
}

/** What is left of the list of a node that is parked. */
export function behindHold(node: NodeRow): readonly Step[] {
  const kind = heldKind(node)
  return listOf(node, kind).slice(Number((node.driver_internal_info as Internal)[`${LISTS[kind]}_step_index`]) + 1)
}

/** Goes on behind the hold at which the node is parked, in the waiting state. Answers the task's id; null when nothing is left to do. */
export async function continueList(turn: Turn, uuid: string, caller: Caller): Promise<string | null> {
  const node = await turn.node(uuid)
  const kind = heldKind(node)
  const steps = listOf(node, kind)
  const at = Number((node.driver_internal_info as Internal)[`${LISTS[kind]}_step_index`])
  return goOn(turn, uuid, kind, { steps, from: at + 1, context: await lastContext(turn, uuid, kind) }, caller)
}

/** Had the part of the list before the hold booted the ramdisk? */
export function hasBootedBefore(node: NodeRow): boolean {
  const kind = heldKind(node)
  const at = Number((node.driver_internal_info as Internal)[`${LISTS[kind]}_step_index`])
  return listOf(node, kind)
    .slice(0, at)
    .some(({ interface: iface, step }) => iface === 'boot' && step === 'prepare_ramdisk')
}

const isHold = ({ step }: Step) => step === 'hold'

export function heldKind({ provision_state: state }: NodeRow): ListKind {
  if (state.startsWith('clean')) return 'clean'
  return state.startsWith('service') ? 'service' : 'deploy'
}

function listOf(node: NodeRow, kind: ListKind): readonly Step[] {
  return ((node.driver_internal_info as Internal)[`${LISTS[kind]}_steps`] ?? []) as readonly Step[]
}

/** What the earlier part of the list left for the rest; its last events may be drafts of this very turn. */
async function lastContext(turn: Turn, uuid: string, kind: ListKind): Promise<Record<string, unknown>> {
  const kinds = LISTS[kind] === 'deploy' ? "('deploy', 'rebuild')" : `('${kind}')`
  const [row] = await select(turn.sql, tasks, `node = ? AND kind IN ${kinds} ORDER BY nseq DESC LIMIT 1`, [uuid])
  return (row ? { ...(row.context as object), ...(turn.draftedTask(row.id)?.context as object) } : {}) as Record<
    string,
    unknown
  >
}

/** The node's fields while a step of a list is under way. */
export function showing(node: NodeRow, kind: ListKind, step: Step, index: number): Partial<NodeRow> {
  const { interface: iface, step: name, args, priority, abortable } = step
  const shown = { interface: iface, step: name, args, ...(priority !== undefined && { priority }) }
  const list = LISTS[kind]
  return {
    [`${list}_step`]: abortable === undefined ? shown : { ...shown, abortable },
    driver_internal_info: { ...(node.driver_internal_info as Internal), [`${list}_step_index`]: index },
  }
}

/** Of the step of a `kind` that the node shows as under way; undefined when none has begun. */
export function shownIndex(node: NodeRow, kind: string): number | undefined {
  if (!isListed(kind)) return undefined
  const index = (node.driver_internal_info as Internal)[`${LISTS[kind]}_step_index`]
  return index === undefined ? undefined : Number(index)
}

/** What a settled list leaves on the node. */
export function noSteps(node: NodeRow): Partial<NodeRow> {
  const gone = Object.values(LISTS).flatMap((list) => [`${list}_steps`, `${list}_step_index`])
  const rest = Object.entries(node.driver_internal_info as Internal).filter(
    ([key]) => !gone.includes(key) && key !== 'abort_after',
  )
  return { deploy_step: {}, clean_step: {}, service_step: {}, driver_internal_info: Object.fromEntries(rest) }
}

/** Is the node parked until somebody says unhold? */
export function isHeld(node: NodeRow): boolean {
  return STATES[node.provision_state as State].kind === 'held'
}
