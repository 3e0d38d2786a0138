// Tasks of one step that somebody asks for beside the state machine: a setting of the machine, a vendor's method. And what its RAID shall be.
import { FaultError } from '../../shared/faults.ts'
import { planStep } from '../plans.ts'
import type { NodeRow } from '../schema/rows.ts'
import type { HubCommand } from '../site-hub/commands.ts'
import { notDriven } from '../site-hub/outage.ts'
import { touchSpec } from '../site-hub/nodes.ts'
import { isDriven } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'
import { hasInterface } from './compose.ts'
import { openTask } from './open-task.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

/** Answers the task; null: there was nothing for a conductor to do. */
export async function oneStep(turn: Turn, command: Command<'node.step'>): Promise<string | null> {
  const node = await turn.node(command.node)
  notLocked(node)
  const { interface: iface, step: name } = command
  if (iface === 'console' && name === 'stop_console' && !hasInterface(turn, node, iface))
    return consoleIsOff(turn, node)
  if (!isDriven(turn.state, node.uuid)) throw notDriven(turn.state, `node ${node.uuid}`)
  const step = planStep(`${iface}.${name}`, { args: command.args })
  return openTask(turn, node, command.task, [step], {}, command)
}

/** Where the machine has none any more, its conductor only stops to listen, which the grant tells it. */
async function consoleIsOff(turn: Turn, node: NodeRow): Promise<null> {
  turn.updateNode(node.uuid, { console_enabled: false })
  await touchSpec(turn, node.uuid)
  return null
}

export async function setRaid(turn: Turn, command: Command<'node.raid'>): Promise<null> {
  const node = await turn.node(command.node)
  notLocked(node)
  if (!hasInterface(turn, node, 'raid'))
    throw new FaultError(
      'driver.unsupported',
      `Driver ${node.driver} does not support raid (disabled or not implemented).`,
    )
  turn.updateNode(node.uuid, { target_raid_config: command.target })
  turn.event('node.updated', { node: node.uuid, body: { fields: ['target_raid_config'] } }, command)
  return null
}

function notLocked(node: NodeRow): void {
  if (!node.task) return
  throw new FaultError(
    'node.locked',
    `Node ${node.uuid} is locked by host ${node.reservation ?? 'none yet'}, please retry after the current operation is completed.`,
  )
}
