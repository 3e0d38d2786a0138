// A person's power request: checks, the target that is shown meanwhile, and the task.
import { FaultError, type Fault } from '../../shared/faults.ts'
import { POWER_PLANS, type PowerTarget } from '../plans.ts'
import type { NodeRow, TaskRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import { refuseLocked } from '../site-hub/node-rules.ts'
import { notDriven } from '../site-hub/outage.ts'
import { isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { instanceOf } from './context.ts'
import { refuseOff, stepsFor } from './offers.ts'
import { callerOf, openTask } from './open-task.ts'
import { failureBehind, faultIn, switchedFirst, targetForOthers, wishBehind, type Wish } from './power-family.ts'
import { withoutCount } from './power-watch.ts'
import { withHint } from './sentences.ts'
import { withPoweredVolumes } from './volumes.ts'

/** What a machine that may not be off cannot do: `rebooting` is a reset there. */
const NEEDS_OFF: ReadonlySet<PowerTarget> = new Set(['power off', 'soft power off', 'soft rebooting'])

/** Opens a power task; `timeoutMs` bounds each wait for the machine to change. Answers the task's id. */
export async function power(
  turn: Turn,
  uuid: string,
  target: PowerTarget,
  timeoutMs: number | undefined,
  caller: Caller,
): Promise<string> {
  const node = await turn.node(uuid)
  if (node.provision_state === 'cleaning' || node.provision_state === 'clean wait') {
    throw new FaultError(
      'state.invalid',
      `The requested action "${target}" can not be performed on node "${uuid}" while it is in state "${node.provision_state}".`,
    )
  }
  refuseLocked(node)
  if (NEEDS_OFF.has(target)) refuseOff(node)
  if (!isDriven(turn.state, uuid)) {
    throw notDriven(turn.state, `node ${uuid}`)
  }
  const first = await switchedFirst(turn, node, target)
  turn.updateNode(uuid, { last_error: null, last_fault: null, ...withoutCount(node) })
  return goOn(turn, { node: uuid, target, timeoutMs, first }, caller)
}

/** Switches the next node of the wish, whose own target is shown from the beginning. */
async function goOn(turn: Turn, wish: Wish, caller: Caller): Promise<string> {
  const { node, target, timeoutMs, first } = wish
  const [next, ...rest] = first
  if (next === undefined) return powerTask(turn, await turn.node(node), target, timeoutMs, caller)
  turn.updateNode(node, { target_power_state: POWER_PLANS[target].after })
  const context = { wish: { ...wish, first: rest } }
  return powerTask(turn, await turn.node(next), targetForOthers(target), undefined, caller, context)
}

/** A power task is settled: what it was the beginning of goes on, or fails. */
export async function powerEnded(turn: Turn, task: TaskRow, state: string, failure: Fault | null): Promise<void> {
  const wish = task.kind === 'power' ? await wishBehind(turn, task) : undefined
  if (!wish) return
  const why = state === 'done' ? await goingOn(turn, wish, callerOf(task)) : failureBehind(task, failure)
  if (why) endPowerTask(turn, await turn.node(wish.node), why)
}

/** Answers why it cannot go on: somebody has come in between. */
async function goingOn(turn: Turn, wish: Wish, caller: Caller): Promise<Fault | null> {
  try {
    for (const uuid of wish.first) refuseLocked(await turn.node(uuid))
    await goOn(turn, wish, caller)
    return null
  } catch (error) {
    return faultIn(error)
  }
}

export function endPowerTask(turn: Turn, node: NodeRow, failure: Fault | null): void {
  if (!failure) return turn.updateNode(node.uuid, { target_power_state: null, last_error: null, last_fault: null })
  const last_error = `power change to ${node.target_power_state ?? 'unknown'} failed: ${withHint(failure)}`
  turn.updateNode(node.uuid, { target_power_state: null, last_error, last_fault: failure })
}

/** Opens the task for a node that may have one. */
export async function powerTask(
  turn: Turn,
  node: NodeRow,
  target: PowerTarget,
  timeoutMs: number | undefined,
  caller: Caller,
  context: Record<string, unknown> = {},
): Promise<string> {
  const { steps: plan, after } = POWER_PLANS[target]
  const steps = await withPoweredVolumes(turn, node, stepsFor(node, plan))
  turn.updateNode(node.uuid, { target_power_state: after })
  const timed = timeoutMs === undefined ? steps : steps.map((step) => ({ ...step, timeoutMs }))
  return openTask(turn, node, 'power', timed, { ...instanceOf(node), ...context }, caller)
}
