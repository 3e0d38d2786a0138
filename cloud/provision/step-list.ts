// A task whose steps are a list that was made for it (clean, deploy, service): shown on the node with Ironic's names, parked at a `hold` and
// continued by `unhold`, and stopped while children do a step. 1. A stop ends the task; the next one has the same list, begins behind the stop
// and goes on with the context. 2. The list on the node is the whole one; a task has it up to its next stop.
import { FaultError, type Fault } from '../../shared/faults.ts'
import type { Step } from '../../shared/protocol.ts'
import { STATES, type State } from '../../shared/states.ts'
import { tasks } from '../schema/organisation.ts'
import { select, type NodeRow, type TaskRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import type { Turn } from '../site-hub/turn.ts'
import type { ListStep } from '../step-selection.ts'
import { failureOf, giveToChild, type Place } from './children.ts'
import { contextOf } from './context.ts'
import { move } from './move.ts'
import { offers } from './offers.ts'
import { openTask } from './open-task.ts'
import { stepObject } from './step-object.ts'

const LISTS = { deploy: 'deploy', rebuild: 'deploy', clean: 'clean', service: 'service' } as const
export type ListKind = keyof typeof LISTS
type Internal = Record<string, unknown>

export function isListed(kind: string): kind is ListKind {
  return Object.hasOwn(LISTS, kind)
}

/** How far a list went. Neither ended nor failed: a task of the node or of a child is under way, or the node is parked. */
export interface Went {
  /** The node's task. */
  readonly task: string | null
  readonly ended?: true
  readonly failure?: { readonly text: string; readonly fault: Fault }
}

/** Shows the list and starts it. */
export async function openList(turn: Turn, uuid: string, kind: ListKind, list: Rest, caller: Caller): Promise<Went> {
  const { steps } = list
  const node = await turn.node(uuid)
  const name = LISTS[kind]
  // Whole only where something goes on with it later: it is written with every step.
  const shown = steps.some(isStop) ? steps : steps.map((step) => ({ ...step, timeoutMs: undefined }))
  const driver_internal_info = { ...(node.driver_internal_info as Internal), [`${name}_steps`]: shown }
  turn.updateNode(uuid, { driver_internal_info })
  return goOn(turn, uuid, kind, list, caller)
}

/** A list from one of its steps on, with what its tasks know. */
interface Rest {
  readonly steps: readonly ListStep[]
  readonly from: number
  readonly context: Record<string, unknown>
}

/** Opens a task from `from` to the next stop, or stops where that is at once. */
async function goOn(turn: Turn, uuid: string, kind: ListKind, rest: Rest, caller: Caller): Promise<Went> {
  const { steps, from, context } = rest
  const stop = steps.findIndex((step, i) => i >= from && isStop(step))
  const end = stop === -1 ? steps.length : stop
  if (end > from)
    return { task: openTask(turn, await turn.node(uuid), kind, steps.slice(0, end), context, caller, from) }
  return stop === -1 ? { task: null, ended: true } : stopAt(turn, uuid, kind, rest, caller)
}

/** At a hold the node is parked; a step of its children is given to the first of them. */
async function stopAt(turn: Turn, uuid: string, kind: ListKind, rest: Rest, caller: Caller): Promise<Went> {
  const step = rest.steps[rest.from]!
  turn.updateNode(uuid, showing(turn, await turn.node(uuid), kind, step, rest.from))
  if (!isHold(step)) return toChild(turn, uuid, kind, rest, 0, caller)
  move(turn, await turn.node(uuid), 'hold', 'task')
  return { task: null }
}

async function toChild(
  turn: Turn,
  uuid: string,
  kind: ListKind,
  rest: Rest,
  child: number,
  caller: Caller,
): Promise<Went> {
  const [step, at] = [rest.steps[rest.from]!, rest.from]
  try {
    if (await giveToChild(turn, step, { parent: uuid, list: kind, at, child }, caller)) return { task: null }
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    return { task: null, failure: failureOf(step.children![child]!, nameOf(step), error.fault) }
  }
  return goOn(turn, uuid, kind, { ...rest, from: at + 1 }, caller)
}

/** Goes on when a child has done its step. */
export async function afterChild(turn: Turn, { parent, list, at, child }: Place, caller: Caller): Promise<Went> {
  const steps = listOf(await turn.node(parent), list)
  const rest = { steps, from: at, context: await knownAt(turn, parent, list, at) }
  return toChild(turn, parent, list, rest, child + 1, caller)
}

/** Has the task ended at a stop, and not at the end of the list? Then it is stopped there. */
export async function stopped(turn: Turn, task: TaskRow, caller: Caller): Promise<Went | undefined> {
  if (!isListed(task.kind)) return undefined
  const steps = listOf(await turn.node(task.node), task.kind)
  const from = (task.steps as Step[]).length
  if (!steps[from] || !isStop(steps[from])) return undefined
  return stopAt(
    turn,
    task.node,
    task.kind,
    { steps, from, context: await knownAt(turn, task.node, task.kind, from) },
    caller,
  )
}

/** What is left of the list of a node that is parked. */
export function behindHold(node: NodeRow): readonly Step[] {
  const kind = heldKind(node)
  return listOf(node, kind).slice(Number(shownIndex(node, kind)) + 1)
}

/** Goes on behind the hold at which the node is parked, in the waiting state. */
export async function continueList(turn: Turn, uuid: string, caller: Caller): Promise<Went> {
  const node = await turn.node(uuid)
  const kind = heldKind(node)
  const from = Number(shownIndex(node, kind)) + 1
  return goOn(
    turn,
    uuid,
    kind,
    { steps: listOf(node, kind), from, context: await knownAt(turn, uuid, kind, from) },
    caller,
  )
}

/** Has the part of the list before the stop at which the node is booted the machine? */
export function hasBootedBefore(node: NodeRow, kind: ListKind): boolean {
  return listOf(node, kind)
    .slice(0, shownIndex(node, kind) ?? 0)
    .some((step) => nameOf(step).startsWith('boot.prepare_'))
}

const isHold = ({ step }: ListStep) => step === 'hold'
export const isStop = (step: ListStep) => isHold(step) || step.children !== undefined
export const nameOf = ({ interface: iface, step }: Step) => `${iface}.${step}`

export function heldKind({ provision_state: state }: NodeRow): ListKind {
  if (state.startsWith('clean')) return 'clean'
  return state.startsWith('service') ? 'service' : 'deploy'
}

function listOf(node: NodeRow, kind: ListKind): readonly ListStep[] {
  return ((node.driver_internal_info as Internal)[`${LISTS[kind]}_steps`] ?? []) as readonly ListStep[]
}

/** What the part of the list before `from` left for the rest; its last events may be drafts of this very turn. Of stops alone there was no task. */
async function knownAt(turn: Turn, uuid: string, kind: ListKind, from: number): Promise<Record<string, unknown>> {
  const node = await turn.node(uuid)
  if (listOf(node, kind).slice(0, from).every(isStop)) return contextOf(node, kind)
  const kinds = LISTS[kind] === 'deploy' ? "('deploy', 'rebuild')" : `('${kind}')`
  const [row] = await select(turn.sql, tasks, `node = ? AND kind IN ${kinds} ORDER BY nseq DESC LIMIT 1`, [uuid])
  return (row ? { ...(row.context as object), ...(turn.draftedTask(row.id)?.context as object) } : {}) as Record<
    string,
    unknown
  >
}

/** The node's fields while a step of a list is under way. */
export function showing(turn: Turn, node: NodeRow, kind: ListKind, step: ListStep, index: number): Partial<NodeRow> {
  const list = LISTS[kind]
  return {
    [`${list}_step`]: stepObject(step, offers(turn, node, list)),
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
