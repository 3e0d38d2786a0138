// Children that hang on the power supply of their parent (all but those with driver_info.has_dedicated_power_supply): the parent is switched on
// before them, and they are switched off before it. 1. One node after the other, each by a power task of its own; what comes behind it is in the
// task's context, so that any hub goes on. 2. Who cannot be switched is known before anything is begun; one that fails ends the whole.
import { FaultError, fault, type Fault } from '../../shared/faults.ts'
import { POWER_PLANS, type PowerTarget } from '../plans.ts'
import { nodes } from '../schema/organisation.ts'
import { select, type NodeRow, type TaskRow } from '../schema/rows.ts'
import { refuseLocked } from '../site-hub/node-rules.ts'
import { notDriven } from '../site-hub/outage.ts'
import { isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { isTrue } from './is-true.ts'
import { refuseOff } from './offers.ts'

/** What somebody asked for, and the nodes that are switched before that. */
export interface Wish {
  readonly node: string
  readonly target: PowerTarget
  readonly timeoutMs?: number | undefined
  readonly first: readonly string[]
}

/** How a node is switched for another that is to go there. */
export function targetForOthers(target: PowerTarget): 'power on' | 'power off' {
  return target === 'power on' ? 'power on' : 'power off'
}

/** The nodes that have to be switched before this one, in their order. Throws why one of them cannot be. */
export async function switchedFirst(turn: Turn, node: NodeRow, target: PowerTarget): Promise<string[]> {
  const wanted = targetForOthers(target)
  const family = (await related(turn, node, target)).filter(({ power_state: state }) => state !== wanted)
  for (const each of family) {
    refuseLocked(each)
    if (wanted === 'power off') refuseOff(each)
    if (!isDriven(turn.state, each.uuid)) throw notDriven(turn.state, `node ${each.uuid}`)
  }
  return family.map(({ uuid }) => uuid)
}

async function related(turn: Turn, node: NodeRow, target: PowerTarget): Promise<NodeRow[]> {
  if (target === 'power on') {
    if (node.parent_node === null || hasOwnSupply(node)) return []
    return [await turn.node(node.parent_node)]
  }
  if (target !== 'power off' && target !== 'soft power off') return []
  const found = await select(turn.sql, nodes, 'parent_node = ? ORDER BY id', [node.uuid])
  const now: NodeRow[] = []
  for (const { uuid } of found) now.push(await turn.node(uuid))
  return now.filter((child) => child.parent_node === node.uuid && !hasOwnSupply(child))
}

function hasOwnSupply({ driver_info: info }: NodeRow): boolean {
  return isTrue((info as Record<string, unknown>)['has_dedicated_power_supply'])
}

/** What a power task that has ended was only the beginning of; undefined: nothing, or somebody wants something else by now. */
export async function wishBehind(turn: Turn, task: TaskRow): Promise<Wish | undefined> {
  const { wish } = task.context as { wish?: Wish }
  if (!wish) return undefined
  const node = await turn.node(wish.node).catch(() => undefined)
  return node && !node.task && node.target_power_state === POWER_PLANS[wish.target].after ? wish : undefined
}

/** Why the wish is not fulfilled. */
export function failureBehind(task: TaskRow, why: Fault | null): Fault {
  const { code, message } = why ?? fault('task.cancelled', 'the task was aborted')
  return fault(code, `node ${task.node} has to be switched first: ${message}`)
}

/** Only what is thrown on purpose. */
export function faultIn(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault
  throw error
}
