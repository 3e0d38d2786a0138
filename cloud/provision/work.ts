// The work on a node: how it begins, and what its waits and its end mean for the node's state.
import { fault, FaultError, type Fault } from '../../shared/faults.ts'
import { isResting, next, STATES, type State } from '../../shared/states.ts'
import { PLANS, UNDONE } from '../plans.ts'
import type { NodeRow, TaskRow } from '../schema/rows.ts'
import type { Step } from '../../shared/protocol.ts'
import type { Caller } from '../site-hub/commands.ts'
import type { Turn } from '../site-hub/turn.ts'
import { endAllocation } from '../site-hub/allocations.ts'
import { compose, type Composed, type WorkKind } from './compose.ts'
import { failureOf, placeOf } from './children.ts'
import { restored } from './chosen-interface.ts'
import { contextOf } from './context.ts'
import { faultOf, inMaintenance, stepFault, tellMaintenance, undoFault, undoOf } from './maintenance.ts'
import { move } from './move.ts'
import { forInstance, undoContext } from './network-instance.ts'
import { stepsFor } from './offers.ts'
import { onNetworks } from './on-networks.ts'
import { callerOf, openTask } from './open-task.ts'
import { endPowerTask } from './power.ts'
import { sentence, shortened, withHint } from './sentences.ts'
import { staysOn } from './stays-on.ts'
import {
  afterChild,
  hasBootedBefore,
  isListed,
  nameOf,
  noSteps,
  openList,
  stopped,
  type ListKind,
  type Went,
} from './step-list.ts'

/** Tasks beside the state machine: what they were for is in an event, how they failed in last_error. */
const ASIDE: ReadonlySet<string> = new Set(['settings', 'vendor', 'child'])

/** Opens the task of what was composed, or says at once how it ended. Answers the task's id. */
export async function begin(
  turn: Turn,
  uuid: string,
  kind: WorkKind,
  composed: Composed,
  caller: Caller,
): Promise<string | null> {
  const node = await turn.node(uuid)
  if (composed.problem !== undefined) {
    const { fault } = new FaultError('driver.unsupported', sentence(composed.problem))
    failed(turn, node, `The ${kind} steps can not be carried out: ${fault.message}`, fault)
    return null
  }
  if (composed.steps.length === 0) {
    await complete(turn, uuid, kind, caller)
    return null
  }
  const { taken } = composed
  const context = { ...taken?.context, ...contextOf(node, kind) }
  if (!isListed(kind)) return openTask(turn, node, kind, composed.steps, context, caller)
  return took(
    turn,
    uuid,
    kind,
    await openList(turn, uuid, kind, { steps: composed.steps, from: taken?.doneSteps ?? 0, context }, caller),
    caller,
  )
}

/** Ends the work where its list has ended or failed. Answers the node's task. */
export async function took(
  turn: Turn,
  uuid: string,
  kind: ListKind,
  { task, ended, failure }: Went,
  caller: Caller,
): Promise<string | null> {
  if (ended) await complete(turn, uuid, kind, caller)
  if (failure) {
    const node = await turn.node(uuid)
    const hasBooted = hasBootedBefore(node, kind)
    failed(turn, node, `${kind} ${sentence(failure.text)} Next: ${failure.fault.hint}`, failure.fault, stepFault(kind))
    if (hasBooted) await openUndo(turn, await turn.node(uuid), { kind, cancel: false }, caller)
  }
  return task
}

/** A task has ended and is settled: where it was a step that its node did for its parent, the parent's list goes on, or fails. */
export async function childEnded(turn: Turn, task: TaskRow, state: string, failure: Fault | null): Promise<void> {
  const place = task.kind === 'child' ? await placeOf(turn, task) : undefined
  if (!place) return
  const caller = callerOf(task)
  const name = nameOf((task.steps as Step[])[0]!)
  const why = failure ?? (state === 'done' ? undefined : fault('task.cancelled', 'the task was aborted'))
  const went = why ? { task: null, failure: failureOf(task.node, name, why) } : await afterChild(turn, place, caller)
  await took(turn, place.parent, place.list, went, caller)
}

/** What follows a tear-down. */
async function beginCleaning(turn: Turn, uuid: string, caller: Caller): Promise<string | null> {
  return begin(turn, uuid, 'clean', await compose(turn, await turn.node(uuid), 'clean'), caller)
}

/** Takes the end of a node's task into its state. `failure` null: it ended well; `at`: the step that failed, where one did. */
export async function finish(turn: Turn, task: TaskRow, failure: Fault | null, at: number | undefined): Promise<void> {
  const node = await turn.node(task.node)
  const failing = at === undefined ? undefined : (task.steps as Step[])[at]
  const step = failing && `${failing.interface}.${failing.step}`
  if (task.kind === 'power') return endPowerTask(turn, node, failure)
  if (task.kind === 'undo') return endUndo(turn, node, task, failure, failing)
  if (ASIDE.has(task.kind)) return endAside(turn, node, failure, step)
  if (await abortedAfter(turn, task, step)) return
  if (isResting(node.provision_state as State) || task.cancel) return
  if (failure) {
    const error = `${task.kind}${step ? ` step ${step}` : ''} failed: ${withHint(failure)}`
    return failed(turn, node, error, failure, faultOf(node, task, at))
  }
  const went = await stopped(turn, task, callerOf(task))
  if (went) return void (await took(turn, node.uuid, task.kind as ListKind, went, callerOf(task)))
  await complete(turn, node.uuid, task.kind, callerOf(task))
}

/** Was an abort waiting for this task to end, because its step may not be interrupted? Then the work has failed. */
export async function abortedAfter(turn: Turn, task: TaskRow, step?: string): Promise<boolean> {
  const node = await turn.node(task.node)
  if ((node.driver_internal_info as { abort_after?: string }).abort_after !== task.id) return false
  const why = fault('task.cancelled', 'the task was aborted')
  failed(turn, node, `${task.kind} was aborted${step ? ` at step ${step}` : ''}`, why)
  return true
}

/** The work of `kind` has ended well. */
export async function complete(turn: Turn, uuid: string, kind: string, caller: Caller): Promise<void> {
  const node = await turn.node(uuid)
  // An agent may be the last that is waited for.
  if (next(node.provision_state as State, 'resume', 'task')) move(turn, node, 'resume', 'task')
  const now = await turn.node(uuid)
  if (kind === 'tear-down') {
    endAllocation(turn, now)
    move(turn, now, 'clean', 'task', {
      instance_info: {},
      secrets: onlyDriver(now.secrets as Record<string, string>),
      instance_uuid: null,
      instance_name: null,
      ...noSteps(now),
      interfaces: restored(now).interfaces,
      driver_internal_info: ofTheMachine(now.driver_internal_info as Record<string, unknown>),
    })
    await beginCleaning(turn, uuid, caller)
    return
  }
  const isManaged = kind === 'clean' && (now.retired || now.target_provision_state === 'manageable')
  const changes = { last_error: null, last_fault: null, ...noSteps(now), ...withoutRescue(now) }
  const cleaned = kind === 'clean' ? restored({ ...now, ...noSteps(now) }) : {}
  move(turn, now, isManaged ? 'manage' : 'done', 'task', { ...changes, ...cleaned }, caller)
}

/** The work on the node has failed; with a `fault` it goes into maintenance. */
function failed(turn: Turn, node: NodeRow, error: string, why: Fault, fault?: string): void {
  const last_error = shortened(error)
  const changes = { ...noSteps(node), ...withoutRescue(node), last_error, last_fault: why }
  const isAdoption = node.provision_state === 'adopting'
  const adopted = isAdoption ? { power_state: null, ...restored({ ...node, ...noSteps(node) }) } : {}
  const kept = fault === undefined ? {} : inMaintenance(node, fault, last_error)
  move(turn, node, 'fail', 'task', { ...changes, ...adopted, ...kept })
  if (fault !== undefined) tellMaintenance(turn, node, fault, last_error)
}

/** A task has ended otherwise than well. Where it had begun to boot the machine, or to put it on another network, and no other task follows, one is opened that ends that. */
export async function undo(turn: Turn, task: TaskRow): Promise<void> {
  const others = (turn.state.tasks.get(task.node) ?? []).filter((other) => other !== task)
  const steps = task.steps as { interface: string; step: string }[]
  const begins = steps.findIndex(
    ({ interface: iface, step }) => iface === 'network' || (iface === 'boot' && step.startsWith('prepare_')),
  )
  if (!UNDONE.has(task.kind) || begins === -1 || task.done_steps < begins || others.length > 0) return
  await openUndo(turn, await turn.node(task.node), task, callerOf(task))
}

/** Ends what booted the machine for `work`. One that stays on goes on with what it runs, and starts from its disk the next time. */
export async function openUndo(
  turn: Turn,
  node: NodeRow,
  work: Pick<TaskRow, 'kind' | 'cancel'>,
  caller: Caller,
): Promise<void> {
  const ends = staysOn(turn.state.site, node, work) ? PLANS.undo.filter(({ step }) => step !== 'power_off') : PLANS.undo
  const undo = forInstance(turn, node, 'undo', ends, work.kind)
  const steps = stepsFor(node, await onNetworks(turn, node, 'undo', undo, work.kind))
  openTask(turn, node, 'undo', steps, { ...undoContext(turn, node), ...undoOf(work) }, caller)
}

/** The agent is awaited (`wait`) or has come (`resume`). Ignored where the node has left that path, by an abort for one. */
export async function waiting(turn: Turn, task: TaskRow, trigger: 'wait' | 'resume'): Promise<void> {
  const node = await turn.node(task.node)
  if (task.kind === 'power' || task.kind === 'undo' || ASIDE.has(task.kind)) return
  if (next(node.provision_state as State, trigger, 'task')) move(turn, node, trigger, 'task')
}

/** A step that does not wait goes on: the node waits no more, where it did behind a hold. */
export async function working(turn: Turn, task: TaskRow): Promise<void> {
  const node = await turn.node(task.node)
  if (!task.cancel && STATES[node.provision_state as State].kind === 'waiting') await waiting(turn, task, 'resume')
}

/** A task that ran out of time, as its failure. */
export function overdue(task: TaskRow): Fault {
  return fault('timeout', `the ${task.kind} task did not end before its deadline`)
}

/** Ironic: a rescue password is gone when the rescue has ended, however. */
export function withoutRescue(node: NodeRow): Pick<NodeRow, 'instance_info' | 'secrets'> {
  const { rescue_password: _, ...instance_info } = node.instance_info as Record<string, unknown>
  const { 'instance_info.rescue_password': __, ...secrets } = node.secrets as Record<string, unknown>
  return { instance_info, secrets }
}

/** What `verify` found out about the machine outlives the instance. */
function ofTheMachine(kept: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(kept).filter(([key]) => OF_THE_MACHINE.includes(key)))
}
const OF_THE_MACHINE = ['fence', 'persistent_boot_device', 'is_next_boot_persistent']

/** The secrets that stay when the instance goes. */
function onlyDriver(secrets: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).filter(([path]) => path.startsWith('driver_info.')))
}

function endAside(turn: Turn, node: NodeRow, failure: Fault | null, step: string | undefined): void {
  const last_error = failure && `${step ?? 'the request'} failed: ${withHint(failure)}`
  turn.updateNode(node.uuid, { last_error: last_error && shortened(last_error), last_fault: failure })
}

/** The node keeps the error of what was undone; a machine that may still be on is worth a second one. Its networks come last, and nobody is hurt by them. */
function endUndo(turn: Turn, node: NodeRow, task: TaskRow, failure: Fault | null, at: Step | undefined): void {
  if (!failure) return
  const isOff = at?.interface === 'network'
  const why = isOff ? 'its networks could not be put back' : 'the machine could not be switched off and set to its disk'
  const what = `${sentence(node.last_error ?? '')} Afterwards ${why}: ${failure.message}`
  const last_error = shortened(what.trim())
  if (isOff) return turn.updateNode(node.uuid, { last_error })
  const fault = undoFault(task)
  if (fault === undefined) return turn.updateNode(node.uuid, { last_error })
  turn.regrant.add(node.uuid)
  const kept = { ...inMaintenance(node, fault, last_error), spec_version: node.spec_version + 1 }
  turn.updateNode(node.uuid, { last_error, ...kept })
  tellMaintenance(turn, node, fault, last_error)
}
