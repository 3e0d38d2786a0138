// Steps of a node's list that are done on its children (Ironic's execute_on_child_nodes): one child after the other, each by a task of its own.
// 1. Where the parent is in its list is on its row, which child comes next in the child's task: any hub can go on. 2. A child that fails, or
// that somebody works on, fails the parent's work; the children behind it are not touched.
import { FaultError, fault, toFault, type Fault } from '../../shared/faults.ts'
import { nodes } from '../schema/organisation.ts'
import { select, type NodeRow, type TaskRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import { refuseLocked } from '../site-hub/node-rules.ts'
import { notDriven } from '../site-hub/outage.ts'
import { isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { impossibleForChild, stepsOfChild, type AskedStep, type ListStep } from '../step-selection.ts'
import { keepOn, offers, stepsFor } from './offers.ts'
import { openTask } from './open-task.ts'
import type { ListKind } from './step-list.ts'

/** More do not fit beside the list. */
const MAX_CHILDREN = 100

/** Where a child's task belongs: step `at` of the parent's list, child number `child` of it. */
export interface Place {
  readonly parent: string
  readonly list: ListKind
  readonly at: number
  readonly child: number
}

export interface Family {
  readonly steps: readonly AskedStep[]
  /** Why a child cannot do what is asked of it. */
  readonly problem?: string | undefined
}

/** The steps with the children that each is for. */
export async function withChildren(
  turn: Turn,
  node: NodeRow,
  kind: 'clean' | 'service',
  asked: readonly AskedStep[],
): Promise<Family> {
  if (!asked.some((step) => step.execute_on_child_nodes)) return { steps: asked }
  const family = await select(turn.sql, nodes, 'parent_node = ? ORDER BY id', [node.uuid])
  const problems: string[] = []
  const steps = asked.map((step) => {
    if (!step.execute_on_child_nodes) return step
    const wanted = step.limit_child_node_execution ?? family.map(({ uuid }) => uuid)
    const found = wanted.flatMap((ident) => {
      const child = family.find(({ uuid, name }) => uuid === ident.toLowerCase() || name === ident)
      if (!child) problems.push(`${ident} is no child of node ${node.uuid}`)
      return child ?? []
    })
    for (const child of found) {
      const why = problemOf(turn, child, kind, step)
      if (why !== undefined) problems.push(`child node ${child.uuid}: ${why}`)
    }
    if (found.length > MAX_CHILDREN) problems.push(`a step is done on at most ${MAX_CHILDREN} child nodes`)
    return { ...step, children: found.map(({ uuid }) => uuid) }
  })
  return { steps, problem: problems[0] }
}

function problemOf(turn: Turn, child: NodeRow, kind: 'clean' | 'service', step: AskedStep): string | undefined {
  if (child.site !== turn.state.site.id) return 'it is at another site'
  const why = impossibleForChild(step, offers(turn, child, kind) ?? [])
  if (why !== undefined) return why
  try {
    keepOn(child, [{ step: step.step }])
  } catch (error) {
    return toFault(error).message.replace(/\.$/, '')
  }
  return undefined
}

/** Gives the step to its next child. False: no child is left. Throws why it cannot be given. */
export async function giveToChild(turn: Turn, step: ListStep, place: Place, caller: Caller): Promise<boolean> {
  const uuid = step.children?.[place.child]
  if (uuid === undefined) return false
  const child = await turn.node(uuid)
  if (child.parent_node !== place.parent)
    throw new FaultError('conflict', `Node ${uuid} is no child of node ${place.parent} any more.`)
  refuseLocked(child)
  if (!isDriven(turn.state, uuid)) throw notDriven(turn.state, `node ${uuid}`)
  keepOn(child, [{ step: step.step }])
  openTask(turn, child, 'child', stepsFor(child, stepsOfChild(step)), { ...place }, caller)
  return true
}

/** Where the child's task belongs; undefined when its parent is not there any more, or does something else by now. */
export async function placeOf(turn: Turn, { context }: TaskRow): Promise<Place | undefined> {
  const place = context as Place
  const parent = await turn.node(place.parent).catch(() => undefined)
  const { [`${place.list}_step_index`]: at } = (parent?.driver_internal_info ?? {}) as Record<string, unknown>
  return parent && !parent.task && at === place.at ? place : undefined
}

/** Why the parent's work has failed. */
export function failureOf(child: string, step: string, why: Fault): { text: string; fault: Fault } {
  const text = `step ${step} on child node ${child} failed: ${why.message}`
  return { text, fault: fault(why.code, text) }
}
