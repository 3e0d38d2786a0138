// A task's life between hub and conductor (ownership.md rules 8-10): sent, accepted, a write-ahead intent before each step,
// numbered events, one result. 1. Only the owner with the right epoch is heard; anyone else is told `fenced` and goes to the audit log.
// 2. Everything repeats safely: an event counts once by its number, a settled task answers `settled` or `done` again.
import type { Fault } from '../../shared/faults.ts'
import {
  bytesInFrame,
  MAX_FRAME_BYTES,
  type FromConductor,
  type Step,
  type StepEvent,
  type ToConductor,
} from '../../shared/protocol.ts'
import { isPastNoReturn } from '../../shared/no-return.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import { abortedAfter, childEnded, finish, undo, waiting, working } from '../provision/work.ts'
import { powerEnded } from '../provision/power.ts'
import { isListed, showing } from '../provision/step-list.ts'
import type { Peer, SiteRef } from '../ports.ts'
import type { TaskRow } from '../schema/rows.ts'
import { merged, takeFacts } from './facts.ts'
import { carryOutRules, refusedByRule } from './inspected.ts'
import { takePorts } from './found-ports.ts'
import { becameIdle } from './ownership.ts'
import { activeTask, epochOf, findTask, isHeld, ownerOf, sessionOf, type ConductorState } from './state.ts'
import { hasStep, mayFailAt, mayFinish, refuseHistory, refuseStep } from './step-bounds.ts'
import { tenureMs } from './tenure.ts'
import type { Turn } from './turn.ts'

type Message<T> = Extract<FromConductor, { type: T }>

/** Sends a node's active task to its owner. New task, new owner, reconnected owner: the same idempotent call. */
export async function assign(turn: Turn, nodeId: string): Promise<void> {
  const { state } = turn
  const task = activeTask(state, nodeId)
  const index = state.nodes.get(nodeId)
  const owner = state.conductors.get(index?.owner ?? '')
  if (!task || !index || !owner?.peer || isHeld(turn, owner)) return
  if (index.dropping) return // the next owner gets it with the node
  if (task.cancel && task.conductor !== owner.row.id) {
    turn.assign.delete(nodeId) // so that a task that follows is assigned, too: settle adds the node again
    await abortedAfter(turn, task)
    return settle(turn, task, 'cancelled', null)
  }
  const node = await turn.node(nodeId)
  if (node.task !== task.id || node.reservation !== owner.row.hostname)
    turn.updateNode(nodeId, { task: task.id, reservation: owner.row.hostname })
  turn.updateTask(task, { conductor: owner.row.id })
  const message: ToConductor = {
    type: 'task',
    id: task.id,
    node: nodeId,
    epoch: epochOf(state, index),
    nseq: task.nseq,
    since: index.moved,
    kind: task.kind,
    steps: task.steps as Step[],
    context: task.context as Record<string, unknown>,
    doneSteps: task.done_steps,
    lastEvent: task.last_event,
    deadline: task.deadline_ms,
    ...(node.bmc_session !== null && { bmcSession: node.bmc_session }),
  }
  if (bytesInFrame(message) > MAX_FRAME_BYTES) {
    const tooLarge: Fault = {
      code: 'request.too_large',
      message: `the task's context does not fit into a frame of ${MAX_FRAME_BYTES} bytes`,
      hint: 'make instance_info smaller',
    }
    await finish(turn, task, tooLarge, undefined)
    return settle(turn, task, 'failed', tooLarge)
  }
  turn.send(owner.peer, message)
  if (isCancelled(task, task.done_steps)) turn.send(owner.peer, { type: 'cancel', id: task.id })
}

/** Is its cancel to be honoured at `step`? A conductor refuses one that comes too late, and must not wait for its permit then. */
function isCancelled(task: TaskRow, step: number): boolean {
  const permitted = (task.intent as { step: number } | null)?.step
  return task.cancel && !isPastNoReturn(task.steps as Step[], step, permitted === step)
}

export function accepted(turn: Turn, peer: Peer, message: Message<'accepted'>): void {
  const task = heard(turn, peer, message)
  if (!task || task.started_at) return
  turn.updateTask(task, { started_at: turn.time })
  turn.event('task.started', { node: task.node, task: task.id, body: { kind: task.kind, conductor: task.conductor } })
}

export async function rejected(turn: Turn, peer: Peer, message: Message<'rejected'>): Promise<void> {
  await result(turn, peer, {
    type: 'result',
    id: message.id,
    epoch: message.epoch,
    outcome: { ok: false, fault: message.why },
  })
}

/** The permit for one step. The intent, and with it how a successor shuts this conductor out, is durable before `proceed` goes out. */
export async function intent(turn: Turn, peer: Peer, message: Message<'intent'>): Promise<void> {
  const task = heard(turn, peer, message)
  if (!task) return
  if (!hasStep(task, message.step)) return refuseStep(turn, peer, task, 'intent', message.step)
  if (isCancelled(task, message.step)) return turn.send(peer, { type: 'cancel', id: task.id })
  const { step, epoch, rid, bmcSession } = message
  const isNew = bmcSession !== undefined && (await turn.node(task.node)).bmc_session !== bmcSession
  if (isNew) turn.updateNode(task.node, { bmc_session: bmcSession })
  const ms = tenureMs(turn.state)
  // A promise stays one: whether a later, shorter one was heard is not known.
  const promised = Math.max(task.tenure_ms ?? 0, turn.now + ms)
  turn.updateTask(task, {
    intent: { step, epoch, rid, bmcSession: bmcSession ?? null },
    tenure_ms: promised > turn.now ? promised : null,
  })
  // Who loses the node later in this turn, since a person says that it is dead, is given no leave any more.
  turn.send(peer, { type: 'proceed', id: task.id, rid, tenureMs: ms }, () => {
    return ownerOf(turn.state, task.node)?.row.id === peer.conductor
  })
}

export async function stepEvents(turn: Turn, peer: Peer, message: Message<'event'>, site: SiteRef): Promise<void> {
  const task = heard(turn, peer, message)
  if (!task) return
  for (const event of message.events) {
    // The next one only: where the one before could not be stored, this one comes again behind it.
    if (event.n !== task.last_event + 1) continue
    if (!hasStep(task, event.step)) return refuseStep(turn, peer, task, 'event', event.step)
    if (event.kind === 'finished' && !mayFinish(task, event.step))
      return refuseHistory(turn, peer, task, message.epoch, event.step)
    await take(turn, task, event, site)
  }
  turn.send(peer, { type: 'ack', id: task.id, upTo: task.last_event })
}

async function take(turn: Turn, task: TaskRow, event: StepEvent, site: SiteRef): Promise<void> {
  const step = (task.steps as Step[])[event.step]!
  const name = `${step.interface}.${step.step}`
  const context = event.context ? merged(task.context as Record<string, unknown>, event.context) : task.context
  turn.updateTask(task, { last_event: event.n, done_steps: doneSteps(task, event), context })
  if (event.kind === 'kept') return
  turn.event(`step.${event.kind}`, {
    node: task.node,
    task: task.id,
    body: { step: name, index: event.step, of: (task.steps as Step[]).length, at: event.at },
  })
  if (event.kind === 'waiting') await waiting(turn, task, 'wait')
  if (event.kind === 'resumed') await waiting(turn, task, 'resume')
  if (event.kind === 'started' && !step.waits) await working(turn, task)
  if (event.kind === 'started' && isListed(task.kind) && !task.cancel)
    turn.updateNode(task.node, showing(turn, await turn.node(task.node), task.kind, step, event.step))
  if (event.facts) await takeFacts(turn, task.node, event.facts)
  if (event.facts && task.kind === 'inspect') {
    await takePorts(turn, task, event.facts, site)
    await carryOutRules(turn, task, event.facts, site)
  }
}

/** A step that begins again, behind those that are done, takes the task back to it: what followed has to be done once more. */
function doneSteps({ done_steps: done }: TaskRow, { kind, step }: StepEvent): number {
  if (kind === 'finished') return Math.max(done, step + 1)
  return kind === 'started' ? Math.min(done, step) : done
}

export async function result(turn: Turn, peer: Peer, message: Message<'result'>): Promise<void> {
  const task = heard(turn, peer, message)
  if (!task) return
  const { outcome } = message
  if (!outcome.ok && !mayFailAt(task, outcome.step)) return refuseStep(turn, peer, task, 'result', outcome.step!)
  // What was said before it reached a hub that is gone: after another hello it comes again, and the result behind it.
  if (outcome.ok && task.done_steps < (task.steps as Step[]).length)
    return turn.after(() => peer.close(CLOSE.superseded, 'the events before this result were not heard'))
  const failure = outcome.ok ? refusedByRule(task) : outcome.fault
  await finish(turn, task, failure, outcome.ok ? undefined : outcome.step)
  await settle(turn, task, failure === null ? 'done' : task.cancel ? 'cancelled' : 'failed', failure)
  turn.send(peer, { type: 'settled', id: task.id })
}

/** Ends an open task; the node's next one becomes active. */
export async function settle(
  turn: Turn,
  task: TaskRow,
  state: 'done' | 'failed' | 'cancelled',
  failure: Fault | null,
): Promise<void> {
  await turn.node(task.node)
  turn.updateTask(task, { state, fault: failure, finished_at: turn.time, intent: null, tenure_ms: null })
  turn.event(`task.${state}`, { node: task.node, task: task.id, body: { kind: task.kind, fault: failure } })
  if (state !== 'done') await undo(turn, task)
  const rest = (turn.state.tasks.get(task.node) ?? []).filter((other) => other !== task)
  if (rest.length > 0) turn.state.tasks.set(task.node, rest)
  else turn.state.tasks.delete(task.node)
  turn.updateNode(task.node, { task: rest[0]?.id ?? null, reservation: null })
  if (rest.length > 0) turn.assign.add(task.node)
  else becameIdle(turn, task.node)
  await childEnded(turn, task, state, failure)
  await powerEnded(turn, task, state, failure)
}

/** The open task that a frame speaks of, when its sender may speak of it; else the sender is told why not. */
function heard(
  turn: Turn,
  peer: Peer,
  message: { type: string; id: string; epoch: number; rid?: number },
): TaskRow | undefined {
  const task = findTask(turn.state, message.id)
  const rid = message.rid === undefined ? {} : { rid: message.rid }
  if (!task) {
    turn.mustBePresent() // or it is a task of the hub that came after this one
    turn.send(
      peer,
      message.type === 'result' ? { type: 'settled', id: message.id } : { type: 'done', id: message.id, ...rid },
    )
    return undefined
  }
  const conductor: ConductorState | undefined = sessionOf(turn.state, peer)
  // Until the wait is over nobody knows whether it is right: it says that again with its grants.
  if (conductor && isHeld(turn, conductor)) return undefined
  const index = turn.state.nodes.get(task.node)
  if (
    conductor &&
    index &&
    index.owner === conductor.row.id &&
    epochOf(turn.state, index) === message.epoch &&
    activeTask(turn.state, task.node) === task
  )
    return task
  turn.refusal(
    `conductor.${message.type}`,
    task.node,
    'fenced',
    { task: task.id, epoch: message.epoch, now: index ? epochOf(turn.state, index) : null },
    peer.conductor,
  )
  turn.send(peer, { type: 'fenced', id: task.id, ...rid, epoch: message.epoch })
  return undefined
}
