// The only code that moves a node's provision state, and only along a row of shared/states. A verb or the end of a task comes in;
// the new state, the task it needs and the row of the event log go into the turn's one batch.
import { fault, FaultError, type Fault } from '../../shared/faults.ts'
import {
  choices,
  isResting,
  next,
  STATES,
  targetOf,
  VERBS,
  type Actor,
  type State,
  type Trigger,
  type Verb,
} from '../../shared/states.ts'
import { PLANS, type TaskKind, UNDONE } from '../plans.ts'
import type { NodeRow, TaskRow } from '../schema/rows.ts'
import type { Caller, ProvisionArgs, Rehearsal } from '../site-hub/commands.ts'
import { withSealed } from '../site-hub/secrets.ts'
import { notDriven } from '../site-hub/outage.ts'
import { isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { BLOB, MASK } from '../../shared/sealing.ts'
import { openTask } from './open-task.ts'
import { isPowerWatched } from './power-watch.ts'

/** The work that begins when a node enters a state. */
const WORK: Partial<Record<State, Exclude<TaskKind, 'power'>>> = {
  verifying: 'verify',
  deploying: 'deploy',
  deleting: 'tear-down',
  cleaning: 'clean',
}

/** Verbs that are refused in maintenance. */
const NOT_IN_MAINTENANCE: ReadonlySet<Verb> = new Set([
  'active',
  'deploy',
  'rebuild',
  'clean',
  'rescue',
  'unrescue',
  'service',
])

/** Carries out a person's verb: checks it, moves the node, opens the task. Answers the task's id, null where none is needed. */
export async function provision(
  turn: Turn,
  uuid: string,
  verb: Verb,
  args: ProvisionArgs,
  caller: Caller,
): Promise<string | null> {
  const node = await turn.node(uuid)
  const to = permitted(node, verb)
  if (verb === 'abort') {
    cancel(turn, node)
    move(turn, node, 'abort', 'user', { last_error: `${node.provision_state} was aborted by ${caller.actor}` }, caller)
    return null
  }
  const kind = workOf(turn, node, verb, to)
  if (node.task) cancel(turn, node)
  move(turn, node, VERBS[verb], 'user', { last_error: null, last_fault: null }, caller)
  return kind ? begin(turn, uuid, kind, args, caller) : null
}

/** What `provision` would do; nothing changes. */
export async function rehearse(turn: Turn, uuid: string, verb: Verb): Promise<Rehearsal> {
  const node = await turn.node(uuid)
  const to = permitted(node, verb)
  const kind = verb === 'abort' ? undefined : workOf(turn, node, verb, to)
  const kinds = kind === 'tear-down' ? (['tear-down', 'clean'] as const) : kind ? [kind] : []
  const tasks = kinds.filter((each) => each !== 'clean' || node.automated_clean !== false)
  const rest = (targetOf(to) ?? to) as State
  return {
    from: node.provision_state as State,
    to: kinds.includes('clean') && node.retired ? 'manageable' : rest,
    tasks: tasks.map((each) => ({ kind: each, steps: PLANS[each] })),
  }
}

/** The task that a verb begins with, where it needs one. Throws when there is nobody to do it. */
function workOf(turn: Turn, node: NodeRow, verb: Verb, to: State): Exclude<TaskKind, 'power'> | undefined {
  const kind = WORK[to]
  if (!isResting(to) && (!kind || verb === 'clean')) {
    throw new FaultError(
      'driver.unsupported',
      `${verb} is not supported for node ${node.uuid} by driver ${node.driver}.`,
    )
  }
  if (kind && !isDriven(turn.state, node.uuid)) throw notDriven(turn.state, `node ${node.uuid}`)
  return kind
}

/** Takes the end of a node's task into its state. `null`: it ended well. */
export async function finish(
  turn: Turn,
  task: TaskRow,
  failure: Fault | null,
  step: string | undefined,
): Promise<void> {
  const node = await turn.node(task.node)
  if (task.kind === 'power') return endPowerTask(turn, node, failure)
  if (task.kind === 'undo') return endUndo(turn, node, failure)
  if (isResting(node.provision_state as State) || task.cancel) return
  if (failure) {
    const last_error = `${task.kind}${step ? ` step ${step}` : ''} failed: ${failure.message} Next: ${failure.hint}`
    return move(turn, node, 'fail', 'task', { last_error: last_error.slice(0, 4096), last_fault: failure, ...noSteps })
  }
  if (task.kind === 'tear-down') {
    move(turn, node, 'clean', 'task', {
      instance_info: {},
      secrets: onlyDriver(node.secrets as Record<string, string>),
      instance_uuid: null,
      driver_internal_info: ofTheMachine(node.driver_internal_info as Record<string, unknown>),
      ...noSteps,
    })
    await begin(turn, node.uuid, 'clean', {}, { actor: task.actor ?? 'ferrule', requestId: task.request_id ?? '' })
    return
  }
  const trigger = task.kind === 'clean' && node.retired ? 'manage' : 'done'
  move(turn, node, trigger, 'task', { last_error: null, last_fault: null, ...noSteps })
}

/** A task has ended otherwise than well. Where it had begun to boot the machine and no other task follows, one is opened that ends that. */
export async function undo(turn: Turn, task: TaskRow): Promise<void> {
  const others = (turn.state.tasks.get(task.node) ?? []).filter((other) => other !== task)
  if (!UNDONE.has(task.kind) || task.done_steps === 0 || others.length > 0) return
  const caller = { actor: task.actor ?? 'ferrule', requestId: task.request_id ?? '' }
  openTask(turn, await turn.node(task.node), 'undo', PLANS.undo, {}, caller)
}

/** The agent is awaited (`wait`) or has come (`resume`). Ignored where the node has left that path, by an abort for one. */
export async function waiting(turn: Turn, task: TaskRow, trigger: 'wait' | 'resume'): Promise<void> {
  const node = await turn.node(task.node)
  if (next(node.provision_state as State, trigger, 'task')) move(turn, node, trigger, 'task')
}

async function begin(
  turn: Turn,
  uuid: string,
  kind: Exclude<TaskKind, 'power'>,
  args: ProvisionArgs,
  caller: Caller,
): Promise<string | null> {
  if (args.configdrive) await keepConfigDrive(turn, uuid, args.configdrive)
  const node = await turn.node(uuid)
  if (kind === 'clean' && node.automated_clean === false) {
    move(turn, node, node.retired ? 'manage' : 'done', 'task', {}, caller)
    return null
  }
  const instance = withSealed('instance_info', node.instance_info, node.secrets)
  return openTask(turn, node, kind, PLANS[kind], { instance_info: instance }, caller)
}

/** What `verify` found out about the machine outlives the instance. */
function ofTheMachine({ fence }: Record<string, unknown>): Record<string, unknown> {
  return fence === undefined ? {} : { fence }
}

/** A config drive stays with the instance, so that a rebuild has it again. The node shows ****** and remembers where it is kept. */
async function keepConfigDrive(turn: Turn, uuid: string, blob: string): Promise<void> {
  const node = await turn.node(uuid)
  turn.updateNode(uuid, {
    instance_info: { ...(node.instance_info as object), configdrive: MASK },
    secrets: { ...(node.secrets as object), 'instance_info.configdrive': `${BLOB}${blob}` },
  })
}

/** The state that the verb leads to, or the fault that says why not and what is possible instead. */
function permitted(node: NodeRow, verb: Verb): State {
  const state = node.provision_state as State
  const to = next(state, VERBS[verb], 'user')
  if (node.task && (!to || isResting(state))) {
    throw new FaultError(
      'node.locked',
      `Node ${node.uuid} is locked by host ${node.reservation ?? 'none yet'}, please retry after the current operation is completed.`,
    )
  }
  if (!to) {
    const possible = choices(state)
    throw new FaultError(
      'state.invalid',
      `The requested action "${verb}" can not be performed on node "${node.uuid}" while it is in state "${state}".`,
      { hint: possible.length > 0 ? `from ${state}: ${possible.join(', ')}` : `wait until ${state} ends` },
    )
  }
  if (node.maintenance && NOT_IN_MAINTENANCE.has(verb)) {
    throw new FaultError('node.maintenance', `Node ${node.uuid} is in maintenance, so ${verb} is refused.`)
  }
  if (node.protected && ['deleted', 'undeploy', 'rebuild'].includes(verb)) {
    throw new FaultError('node.protected', `Node ${node.uuid} is protected and cannot be undeployed or rebuilt.`)
  }
  if (node.retired && verb === 'provide') {
    throw new FaultError('request.invalid', `Node ${node.uuid} is retired and cannot become available.`)
  }
  return to
}

function move(
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
  // A task keeps the aim that it was started with: manageable for a manual cleaning, for one.
  const target =
    actor === 'task' && STATES[to].kind !== 'stable' ? (node.target_provision_state ?? targetOf(to)) : targetOf(to)
  // Whether its power is watched is part of the grant.
  const isRegranted = isPowerWatched(node) !== isPowerWatched({ ...node, provision_state: to })
  if (isRegranted) turn.regrant.add(node.uuid)
  turn.updateNode(node.uuid, {
    ...changes,
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

function cancel(turn: Turn, node: NodeRow): void {
  for (const task of turn.state.tasks.get(node.uuid) ?? []) {
    turn.updateTask(task, { cancel: true })
    turn.send(turn.state.conductors.get(task.conductor ?? '')?.peer, { type: 'cancel', id: task.id })
  }
}

function endPowerTask(turn: Turn, node: NodeRow, failure: Fault | null): void {
  if (!failure) return turn.updateNode(node.uuid, { target_power_state: null, last_error: null, last_fault: null })
  const last_error = `power change to ${node.target_power_state ?? 'unknown'} failed: ${failure.message} Next: ${failure.hint}`
  turn.updateNode(node.uuid, { target_power_state: null, last_error, last_fault: failure })
}

/** The node keeps the error of what was undone; a machine that may still be on is worth a second one. */
function endUndo(turn: Turn, node: NodeRow, failure: Fault | null): void {
  if (!failure) return
  const what = `${node.last_error ?? ''} Afterwards the machine could not be switched off and set to its disk: ${failure.message}`
  turn.updateNode(node.uuid, { last_error: what.trim().slice(0, 4096) })
}

/** The secrets that stay when the instance goes. */
function onlyDriver(secrets: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).filter(([path]) => path.startsWith('driver_info.')))
}

/** What a settled task leaves of its steps on the node. */
const noSteps = { deploy_step: {}, clean_step: {} }

/** A task that ran out of time, as its failure. */
export function overdue(task: TaskRow): Fault {
  return fault('timeout', `the ${task.kind} task did not end before its deadline`)
}
