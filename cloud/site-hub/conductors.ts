// What a person may do with a conductor: drain it, change its share, revoke it, or say that it is dead.
// 1. None of these makes two drive one node: a live owner releases, a silent one is waited for, and only a person may end the waiting.
import { FaultError } from '../../shared/faults.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import type { ConductorRow } from '../schema/rows.ts'
import type { Dead, HubCommand, Left } from './commands.ts'
import { passTime } from './due.ts'
import { rebalance } from './ownership.ts'
import { endSession, findConductor } from './sessions.ts'
import { endWaits } from './runs.ts'
import { activeTask, isHeld, type ConductorState } from './state.ts'
import { endTenures } from './tenure.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

export async function drain(turn: Turn, command: Command<'conductor.drain'>): Promise<Left> {
  const conductor = await wanted(turn, command.conductor)
  if (conductor.row.draining !== command.on) {
    change(
      turn,
      command,
      conductor,
      { draining: command.on },
      command.on ? 'conductor.draining' : 'conductor.undrained',
    )
    await rebalance(turn)
  }
  return left(turn, conductor)
}

/** Weight and labels: the ring follows at once. */
export async function patchConductor(turn: Turn, command: Command<'conductor.patch'>): Promise<null> {
  const conductor = await wanted(turn, command.conductor)
  const { weight = conductor.row.weight, labels = conductor.row.labels } = command
  change(turn, command, conductor, { weight, labels }, 'conductor.updated')
  await rebalance(turn)
  return null
}

/** Its socket closes, and no other opens; its nodes go to others when its lease has ended. */
export async function revoke(turn: Turn, command: Command<'conductor.revoke'>): Promise<null> {
  const conductor = await wanted(turn, command.conductor)
  if (conductor.row.revoked_at) return null
  const { peer } = conductor
  if (peer) endSession(turn, peer, CLOSE.revoked, 'this conductor was revoked')
  conductor.peer = null
  change(turn, command, conductor, { revoked_at: turn.time }, 'conductor.revoked')
  await rebalance(turn)
  return null
}

/** Refused while it can be spoken to: then it releases its nodes itself. Of one that waits for an earlier run, that one is meant (ADR 13). */
export async function declareDead(turn: Turn, command: Command<'conductor.declare_dead'>): Promise<Dead> {
  const conductor = await wanted(turn, command.conductor)
  const { row, peer } = conductor
  if (peer && isHeld(turn, conductor)) return earlierRunIsDead(turn, command, conductor)
  if (peer && conductor.leaseUntil > 0) {
    throw new FaultError('conductor.alive', `Conductor ${row.hostname} is connected and renews its lease.`)
  }
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === row.id)
  const hadLease = conductor.leaseUntil > 0
  const tenures = endTenures(turn, row.id)
  change(turn, command, conductor, { horizon_ms: null, held_ms: null }, 'conductor.declared_dead')
  if (hadLease) {
    conductor.leaseUntil = 1 // long ago: it lapses as any other does
    await passTime(turn)
  } else await rebalance(turn)
  const stayed = mine.filter((node) => node.owner === row.id).length
  return { moved: mine.length - stayed, left: stayed, tenures, hadRight: hadLease || tenures > 0 }
}

/** The run that is there has its nodes at once, and its lease goes on. */
async function earlierRunIsDead(
  turn: Turn,
  command: Command<'conductor.declare_dead'>,
  conductor: ConductorState,
): Promise<Dead> {
  const { id } = conductor.row
  const tenures = endTenures(turn, id)
  change(turn, command, conductor, { held_ms: turn.now }, 'conductor.declared_dead')
  await endWaits(turn)
  await rebalance(turn)
  const left = [...turn.state.nodes.values()].filter((node) => node.owner === id).length
  return { moved: 0, left, tenures, hadRight: true }
}

function change(
  turn: Turn,
  command: Command<'conductor.drain' | 'conductor.patch' | 'conductor.declare_dead' | 'conductor.revoke'>,
  { row }: ConductorState,
  changes: Partial<ConductorRow>,
  type: string,
): void {
  turn.updateConductor(row, changes)
  const { horizon_ms: _, held_ms: __, ...told } = changes
  turn.event(type, { body: { conductor: row.id, hostname: row.hostname, ...told } }, command)
  turn.audit(type, row.id, 'ok', { hostname: row.hostname, ...told }, command.actor, command.requestId)
}

function left(turn: Turn, { row }: ConductorState): Left {
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === row.id)
  const busy = mine.filter((node) => activeTask(turn.state, node.id)).length
  return { nodes: mine.length, busy, staying: mine.filter((node) => node.target === null).length }
}

async function wanted(turn: Turn, id: string): Promise<ConductorState> {
  const conductor = await findConductor(turn, id)
  if (!conductor) throw new FaultError('not_found', `Conductor ${id} could not be found.`)
  return conductor
}
