// Fast track (Ironic's word): a cleaning leaves its agent running, and the next cleaning or deployment of the node takes it over instead of
// booting the machine again. 1. Only an agent that the node's very last task left, on a machine that is on, without an error since. 2. The conductor
// asks the agent before it relies on it, and boots the machine after all when it does not answer (site-conductor/deploy).
import type { Step } from '../../shared/protocol.ts'
import { BOOT_RAMDISK } from '../plans.ts'
import { tasks } from '../schema/organisation.ts'
import { select, type NodeRow } from '../schema/rows.ts'
import type { Turn } from '../site-hub/turn.ts'
import { isTrue } from './is-true.ts'
import { stepsFor } from './offers.ts'
import { isStop } from './step-list.ts'
import { isWired } from './used-interfaces.ts'

const KINDS: ReadonlySet<string> = new Set(['clean', 'deploy'])

/** Does the node keep its agent? What it says itself goes before what its site says. One that goes to another network is not to be found there. */
export function isFastTracked(turn: Turn, node: NodeRow): boolean {
  if (isWired(turn, node)) return false
  const { fast_track: own } = node.driver_info as Record<string, unknown>
  if (own === undefined || own === null) return turn.state.site.fast_track
  return isTrue(own)
}

/** What a task is told of its node as it is then (context.ts): of the last task it is stale, also where there is nothing of it now. */
const OF_THE_NODE: ReadonlySet<string> = new Set([
  ...['instance_uuid', 'instance_info', 'network_data', 'raid_config', 'target_raid_config'],
])

export interface TakenOver {
  /** Steps that are done already. */
  readonly doneSteps: number
  /** What the last task knew of the agent. */
  readonly context: Record<string, unknown>
}

/** The agent that work of this kind can go on with; undefined: it boots one. */
export async function takenOver(
  turn: Turn,
  node: NodeRow,
  kind: string,
  steps: readonly Step[],
): Promise<TakenOver | undefined> {
  const boot = stepsFor(node, BOOT_RAMDISK)
  if (!KINDS.has(kind) || !isFastTracked(turn, node)) return undefined
  if (node.power_state !== 'power on' || node.last_error !== null || !beginsWith(boot, steps)) return undefined
  // Nobody keeps an agent over a stop, and what is known of it would have no task to be in.
  const then = steps[boot.length]
  if (then && isStop(then)) return undefined
  const [last] = await select(turn.sql, tasks, 'node = ? ORDER BY nseq DESC LIMIT 1', [node.uuid])
  if (last?.kind !== 'clean' || last.state !== 'done') return undefined
  const context = Object.fromEntries(Object.entries(last.context as object).filter(([key]) => !OF_THE_NODE.has(key)))
  if (typeof context['agent_url'] !== 'string') return undefined
  return { doneSteps: boot.length, context: { ...context, fast_track: true } }
}

function beginsWith(boot: readonly Step[], steps: readonly Step[]): boolean {
  return boot.every(({ interface: iface, step }, i) => steps[i]?.interface === iface && steps[i]?.step === step)
}
