// What a power reading from the site means (Ironic's power synchronisation, docs/adr/0012): the conductor reads, this decides.
// 1. A node that a task works on is left alone: its steps say what they did. 2. A reading that changes nothing writes nothing.
// 3. Power is changed by a task only, with epoch, permit and all; and only where the node's owner asked for it.
import type { Fault } from '../../shared/faults.ts'
import type { NodeRow } from '../schema/rows.ts'
import type { Turn } from '../site-hub/turn.ts'
import { isTrue } from './is-true.ts'
import { isPowerWatched, POWER_FAILURE, withoutCount } from './power-watch.ts'
import { powerTask } from './power.ts'
import { shortened, withHint } from './sentences.ts'
import { withoutAgent } from './without-agent.ts'

/** Ironic's power_state_sync_max_retries, here for a machine that does not stay as it was put. */
const MAX_FORCED = 3
/** Differences further apart than this have nothing to do with each other. */
const FORGET_AFTER_MS = 10 * 60_000
/** Of tasks that this opens. */
const CALLER = { actor: 'power-sync', requestId: 'power-sync' }

/** A BMC was asked and answered. */
export async function powerRead(turn: Turn, uuid: string, read: 'power on' | 'power off'): Promise<void> {
  const node = await turn.node(uuid)
  if (isLeftAlone(node)) return
  if (node.maintenance) return recovered(turn, node, read)
  if (node.power_state === read) return
  if (node.power_state === null || !isForced(node)) {
    const agent = read === 'power off' ? { driver_internal_info: withoutAgent(node) } : {}
    turn.updateNode(uuid, { power_state: read, ...agent })
    // Ironic's power_state_corrected, where there was something to correct.
    const corrected = node.power_state !== null
    turn.event('node.power_state', { node: uuid, body: { from: node.power_state, to: read, corrected } })
    return
  }
  await force(turn, node, read)
}

/** A BMC did not answer, more often in a row than may be. */
export async function powerUnreadable(turn: Turn, uuid: string, why: Fault): Promise<void> {
  const node = await turn.node(uuid)
  if (isLeftAlone(node) || node.maintenance) return
  giveUp(turn, node, null, why)
}

function isLeftAlone(node: NodeRow): boolean {
  return node.task !== null || node.target_power_state !== null || !isPowerWatched(node)
}

/** Did the owner of the node say that its power is to be put back? Off by default: docs/adr/0012. */
function isForced({ driver_info: info, disable_power_off: keptOn }: NodeRow): boolean {
  const { force_power_state_during_sync: force, disable_power_off: never } = info as Record<string, unknown>
  return isTrue(force) && !isTrue(never) && !keptOn
}

async function force(turn: Turn, node: NodeRow, read: string): Promise<void> {
  const { differences = 0, at = 0 } = ((node.driver_internal_info as Record<string, unknown>)['power_sync'] ?? {}) as {
    differences?: number
    at?: number
  }
  const count = turn.now - at > FORGET_AFTER_MS ? 1 : differences + 1
  if (count > MAX_FORCED) return giveUp(turn, node, read)
  const driver_internal_info = {
    ...(node.driver_internal_info as object),
    power_sync: { differences: count, at: turn.now },
  }
  turn.updateNode(node.uuid, { driver_internal_info })
  turn.event('node.power_forced', { node: node.uuid, body: { from: read, to: node.power_state, times: count } })
  await powerTask(turn, await turn.node(node.uuid), node.power_state as 'power on' | 'power off', undefined, CALLER)
}

/** Ironic's text, so that whoever looks for it finds it. */
function giveUp(turn: Turn, node: NodeRow, read: string | null, why?: Fault): void {
  const reason =
    `During sync_power_state, max retries exceeded for node ${node.uuid}, node state ${read ?? 'None'} does not match expected state ` +
    `'${node.power_state ?? 'None'}'. Updating DB state to '${read ?? 'None'}' Switching node to maintenance mode.` +
    (why ? ` Error: ${withHint(why)}` : '')
  const text = shortened(reason)
  turn.updateNode(node.uuid, {
    power_state: read,
    maintenance: true,
    maintenance_reason: text,
    fault: POWER_FAILURE,
    last_error: text,
    last_fault: why ?? null,
    spec_version: node.spec_version + 1,
    ...withoutCount(node),
  })
  turn.event('node.maintenance', {
    node: node.uuid,
    body: { on: true, reason: text, fault: POWER_FAILURE, last_error: text, from: node.power_state, to: read },
  })
  turn.regrant.add(node.uuid)
}

/** The BMC of a node that was given up answers again: it is back to work, as its machine is now. */
function recovered(turn: Turn, node: NodeRow, read: string): void {
  turn.updateNode(node.uuid, {
    power_state: read,
    maintenance: false,
    maintenance_reason: null,
    fault: null,
    // The error was this one, unless something has failed since.
    ...(node.last_error === node.maintenance_reason ? { last_error: null, last_fault: null } : {}),
    spec_version: node.spec_version + 1,
  })
  turn.event('node.maintenance', {
    node: node.uuid,
    body: { on: false, reason: 'its BMC answers again', fault: null, from: node.power_state, to: read },
  })
  turn.regrant.add(node.uuid)
}
