// Tenures (ownership.md rule 10): the hub's promise to give a task's node to nobody else before some time, however silent its conductor is.
// 1. A promise stays one: nothing shortens it but a newer run of its conductor, its goodbye, or a person who says that it is dead.
// 2. It outlives its task when a deadline ended that: whether its conductor heard of it is not known.
import type { TaskRow } from '../schema/rows.ts'
import { CLOCK_SLACK_MS } from './clock.ts'
import { MARGIN_MS } from './lease.ts'
import { activeTask, isDriven, ownerOf, type ConductorState, type HubState, type NodeIndex } from './state.ts'
import type { Turn } from './turn.ts'

/** At a site with one live conductor a task may be finished during a cut of the WAN; nobody else would do it anyway. */
const LONE_TENURE_MS = 45 * 60_000
/** Who goes on by a tenure counts from its question, by its own clock; a hub that has started knows the time less well. */
const TAKE_OVER_MS = MARGIN_MS + CLOCK_SLACK_MS
/** A conductor that is back has so long to report what ended while it was away. */
const REPORT_MS = 15 * 60_000

/** What the hub promises now for a task's node when its conductor falls silent. */
export function tenureMs(state: HubState): number {
  if (state.site.tenure_ms !== null) return state.site.tenure_ms
  const live = [...state.conductors.values()].filter((conductor) => conductor.leaseUntil > 0)
  return live.length === 1 ? LONE_TENURE_MS : 0
}

/** When nobody can act on the node by a promise any more; 0: nobody can. */
export function tenureEnds(state: HubState, node: string): number {
  const promised = Math.max(activeTask(state, node)?.tenure_ms ?? 0, state.promises.get(node) ?? 0)
  return promised === 0 ? 0 : promised + TAKE_OVER_MS
}

/** Its owner is away, and may still act: nobody else may have it before that time is over. */
export function heldByTenure(turn: Turn, node: NodeIndex): boolean {
  return ownerOf(turn.state, node.id)?.leaseUntil === 0 && tenureEnds(turn.state, node.id) > turn.now
}

/** When an open task is over, if it does not end by itself: not while its conductor may be at it and cannot be told. */
export function overdueAt(state: HubState, task: TaskRow): number {
  const isTold = isDriven(state, task.node) && ownerOf(state, task.node)?.peer
  return isTold ? task.deadline_ms : Math.max(task.deadline_ms, tenureEnds(state, task.node))
}

/** The task ends by the hub's will, and its node stays where it is for as long as was promised. */
export function keepPromise(turn: Turn, { node, tenure_ms: promised }: TaskRow): void {
  if (promised === null || promised <= turn.now) return
  turn.state.promises.set(node, promised)
  turn.setOwnership(node, { promised_ms: promised })
}

/** What ended at the site meanwhile is about to be reported: open tasks of an outage, and those that only a tenure kept from being overdue. */
export function allowReports(turn: Turn, isMeant: (task: TaskRow) => boolean = () => true): void {
  const until = turn.now + REPORT_MS
  for (const task of [...turn.state.tasks.values()].flat())
    if (task.deadline_ms < until && isMeant(task)) turn.updateTask(task, { deadline_ms: until })
}

/** The conductor is there again. */
export function allowHeldReports(turn: Turn, { row, peer }: ConductorState): void {
  if (peer === null)
    allowReports(turn, (task) => task.deadline_ms <= turn.now && turn.state.nodes.get(task.node)?.owner === row.id)
}

/** Nobody may act on a promise to this conductor any more. Answers how many there were. */
export function endTenures(turn: Turn, conductor: string): number {
  return end(turn, (node) => turn.state.nodes.get(node)?.owner === conductor)
}

/** Promises that are over, to conductors that are away: their nodes may move. True when there were any. */
export function endOldTenures(turn: Turn): boolean {
  const isOver = (node: string) => tenureEnds(turn.state, node) <= turn.now && !isDriven(turn.state, node)
  return end(turn, isOver) > 0
}

function end(turn: Turn, isMeant: (node: string) => boolean): number {
  const { tasks, promises } = turn.state
  let ended = 0
  for (const [node, [task]] of tasks) {
    if (!task?.tenure_ms || !isMeant(node)) continue
    turn.updateTask(task, { tenure_ms: null })
    ended++
  }
  for (const node of [...promises.keys()].filter(isMeant)) {
    forgetPromise(turn, node)
    ended++
  }
  return ended
}

function forgetPromise(turn: Turn, node: string): void {
  turn.state.promises.delete(node)
  turn.setOwnership(node, { promised_ms: null })
}
