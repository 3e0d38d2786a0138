// What a person's verb does to a node, along a row of shared/states: the new state, the task it needs and the row of the event log go into
// the turn's one batch. 1. Whatever is wrong with a request is found before anything changes. 2. Only move.ts writes a state.
import { FaultError } from '../../shared/faults.ts'
import type { Step } from '../../shared/protocol.ts'
import { choices, isResting, next, STATES, targetOf, VERBS, type State, type Verb } from '../../shared/states.ts'
import { BLOB, MASK } from '../../shared/sealing.ts'
import type { NodeRow } from '../schema/rows.ts'
import type { Caller, ProvisionArgs, Rehearsal } from '../site-hub/commands.ts'
import { asDeployed, refuseTooLarge } from '../site-hub/grants.ts'
import { notDriven } from '../site-hub/outage.ts'
import { activeTask, isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { compose, hasInterface, type WorkKind } from './compose.ts'
import { withInstance } from './chosen-interface.ts'
import { refuseBeyondLimit } from './limits.ts'
import { keepOn } from './offers.ts'
import { cancel, move } from './move.ts'
import { behindHold, continueList, hasBootedBefore, heldKind, isHeld, noSteps } from './step-list.ts'
import { withBootVolume } from './volumes.ts'
import { begin, openUndo, took, withoutRescue } from './work.ts'

/** The work that begins when a node enters a state. */
const WORK: Partial<Record<State, WorkKind>> = {
  verifying: 'verify',
  deploying: 'deploy',
  deleting: 'tear-down',
  cleaning: 'clean',
  inspecting: 'inspect',
  adopting: 'adopt',
  rescuing: 'rescue',
  unrescuing: 'unrescue',
  servicing: 'service',
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

/** Verbs that need an interface of the driver that is more than its `no-` implementation. */
const NEEDS: Partial<Record<Verb, string>> = { inspect: 'inspect', rescue: 'rescue', unrescue: 'rescue' }

/** Carries out a person's verb: checks it, moves the node, opens the task. Answers the task's id, null where none is needed. */
export async function provision(
  turn: Turn,
  uuid: string,
  verb: Verb,
  args: ProvisionArgs,
  caller: Caller,
): Promise<string | null> {
  const node = await turn.node(uuid)
  const to = permitted(turn, node, verb)
  await refuseBeyondLimit(turn, verb, to)
  if (verb === 'abort') return abort(turn, node, caller)
  const kind = WORK[to]
  if (verb === 'unhold' || kind) needsConductor(turn, uuid)
  if (verb === 'unhold') return unhold(turn, node, caller)
  const given = await forWork(turn, node, args, kind)
  const composed = kind && (await compose(turn, given, kind, args))
  if (node.task) cancel(turn, node)
  const target = verb === 'clean' ? { target_provision_state: 'manageable' } : {}
  const fresh = { last_error: null, last_fault: null, ...noSteps(given), ...target }
  const { instance_info, secrets, interfaces } = given
  const brought = given === node ? {} : { instance_info, secrets, interfaces }
  move(turn, node, VERBS[verb], 'user', { ...fresh, ...brought }, caller)
  return kind && composed ? begin(turn, uuid, kind, composed, caller) : null
}

/** What `provision` would do, found in the same way; nothing changes. */
export async function rehearse(turn: Turn, uuid: string, verb: Verb, args: ProvisionArgs): Promise<Rehearsal> {
  const node = await turn.node(uuid)
  const to = permitted(turn, node, verb)
  await refuseBeyondLimit(turn, verb, to)
  const kind = verb === 'abort' || verb === 'unhold' ? undefined : WORK[to]
  if (verb === 'unhold' || kind) needsConductor(turn, uuid)
  const given = await forWork(turn, node, args, kind)
  const composed = kind && (await compose(turn, given, kind, args))
  const left = composed?.steps.slice(composed.taken?.doneSteps) ?? []
  const tasks: { kind: string; steps: readonly Step[] }[] = kind ? [{ kind, steps: left }] : []
  if (kind === 'tear-down') tasks.push({ kind: 'clean', steps: (await compose(turn, node, 'clean')).steps })
  const rests = verb === 'clean' ? 'manageable' : ((targetOf(to) ?? to) as State)
  return {
    from: node.provision_state as State,
    to: node.retired && rests === 'available' ? 'manageable' : rests,
    tasks: tasks.filter(({ steps }) => steps.length > 0),
    problem: composed?.problem ?? null,
  }
}

/** Ends what is under way. A step that may not be interrupted is waited for: the node stays in its state until then. */
async function abort(turn: Turn, node: NodeRow, caller: Caller): Promise<null> {
  const task = activeTask(turn.state, node.uuid)
  const step = task && (task.steps as { abortable?: boolean }[])[task.done_steps]
  cancel(turn, node)
  if (task && step?.abortable === false) {
    const driver_internal_info = { ...(node.driver_internal_info as object), abort_after: task.id }
    turn.updateNode(node.uuid, { driver_internal_info })
    return null
  }
  const wasHeld = isHeld(node) && hasBootedBefore(node, heldKind(node))
  const isOver = STATES[next(node.provision_state as State, 'abort', 'user')!].kind === 'stable'
  const last_error = isOver ? null : `${node.provision_state} was aborted by ${caller.actor}`
  const changes = { ...noSteps(node), ...withoutRescue(node), last_error, last_fault: null }
  move(turn, node, 'abort', 'user', changes, caller)
  // A task that is cancelled is undone when it has ended; behind a hold there is none.
  if (wasHeld) await openUndo(turn, await turn.node(node.uuid), { kind: heldKind(node), cancel: true }, caller)
  return null
}

async function unhold(turn: Turn, node: NodeRow, caller: Caller): Promise<string | null> {
  keepOn(node, behindHold(node))
  move(turn, node, 'unhold', 'user', { last_error: null, last_fault: null }, caller)
  const went = await continueList(turn, node.uuid, caller)
  return took(turn, node.uuid, heldKind(node), went, caller)
}

/** The node with what the verb brings. Throws 413 where the instance that comes would make its grant too large. */
async function forWork(turn: Turn, node: NodeRow, args: ProvisionArgs, kind: WorkKind | undefined): Promise<NodeRow> {
  const given = withArguments(node, args)
  if (kind !== 'deploy' && kind !== 'adopt') return given
  await refuseTooLarge(turn, node, asDeployed(turn, given))
  return withBootVolume(turn, withInstance(turn, given))
}

/** The node with what the verb brings for the instance. Each is shown as ****** and kept sealed. */
function withArguments(node: NodeRow, args: ProvisionArgs): NodeRow {
  const shown: Record<string, string> = {}
  const kept: Record<string, string> = {}
  if (args.configdrive) {
    // It stays with the instance, so that a rebuild has it again.
    shown['configdrive'] = MASK
    kept['instance_info.configdrive'] = `${BLOB}${args.configdrive}`
  }
  if (args.rescuePassword) {
    shown['rescue_password'] = MASK
    kept['instance_info.rescue_password'] = args.rescuePassword
  }
  if (Object.keys(kept).length === 0) return node
  return {
    ...node,
    instance_info: { ...(node.instance_info as object), ...shown },
    secrets: { ...(node.secrets as object), ...kept },
  }
}

function needsConductor(turn: Turn, uuid: string): void {
  if (!isDriven(turn.state, uuid)) throw notDriven(turn.state, `node ${uuid}`)
}

/** The state that the verb leads to, or the fault that says why not and what is possible instead. */
function permitted(turn: Turn, node: NodeRow, verb: Verb): State {
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
  const iface = NEEDS[verb]
  if (iface && !hasInterface(turn, node, iface)) {
    throw new FaultError(
      'driver.unsupported',
      `${verb} is not supported for node ${node.uuid} by driver ${node.driver}.`,
    )
  }
  return to
}
