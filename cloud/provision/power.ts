// A person's power request: checks, the target that is shown meanwhile, and the task.
import { FaultError } from '../../shared/faults.ts'
import { POWER_PLANS, type PowerTarget } from '../plans.ts'
import type { NodeRow } from '../schema/rows.ts'
import type { Caller } from '../site-hub/commands.ts'
import { notDriven } from '../site-hub/outage.ts'
import { isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { refuseOff, stepsFor } from './offers.ts'
import { openTask } from './open-task.ts'
import { withoutCount } from './power-watch.ts'

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
  if (node.task) {
    throw new FaultError(
      'node.locked',
      `Node ${uuid} is locked by host ${node.reservation ?? 'none yet'}, please retry after the current operation is completed.`,
    )
  }
  if (NEEDS_OFF.has(target)) refuseOff(node)
  if (!isDriven(turn.state, uuid)) {
    throw notDriven(turn.state, `node ${uuid}`)
  }
  turn.updateNode(uuid, { last_error: null, last_fault: null, ...withoutCount(node) })
  return powerTask(turn, await turn.node(uuid), target, timeoutMs, caller)
}

/** Opens the task for a node that may have one. */
export function powerTask(
  turn: Turn,
  node: NodeRow,
  target: PowerTarget,
  timeoutMs: number | undefined,
  caller: Caller,
): string {
  const { steps: plan, after } = POWER_PLANS[target]
  const steps = stepsFor(node, plan)
  turn.updateNode(node.uuid, { target_power_state: after })
  const timed = timeoutMs === undefined ? steps : steps.map((step) => ({ ...step, timeoutMs }))
  return openTask(turn, node, 'power', timed, {}, caller)
}
