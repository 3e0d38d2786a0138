// What is due when a turn starts: leases that ended and tasks that ran out of time.
import { finish, overdue } from '../provision/work.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import { noticeOutage } from './outage.ts'
import { lapsesAt } from './lease.ts'
import { rebalance } from './ownership.ts'
import { endWaits } from './runs.ts'
import { activeTask, isDriven } from './state.ts'
import { settle } from './tasks.ts'
import { endOldTenures, keepPromise, overdueAt, tenureEnds } from './tenure.ts'
import type { Turn } from './turn.ts'

export async function passTime(turn: Turn): Promise<void> {
  const { state, now } = turn
  let lapsed = false
  for (const conductor of state.conductors.values()) {
    if (conductor.leaseUntil === 0 || lapsesAt(turn, conductor) > now) continue
    conductor.leaseUntil = 0
    const { peer } = conductor
    if (peer) turn.after(() => peer.close(CLOSE.superseded, 'the lease lapsed'))
    conductor.peer = null
    turn.updateConductor(conductor.row, { horizon_ms: null })
    // One that said goodbye was no loss: `conductor.stopped` told of it.
    if (!conductor.stopped)
      turn.event('conductor.lost', { body: { conductor: conductor.row.id, hostname: conductor.row.hostname } })
    lapsed = true
  }
  noticeOutage(turn)
  const waited = await endWaits(turn)
  if (endOldTenures(turn) || waited || lapsed) await rebalance(turn)
  // Nobody can report from a site that is offline: its tasks are not overdue before it had the time to.
  if (state.site.offline_since !== null) return
  for (const node of [...state.tasks.keys()]) {
    const task = activeTask(state, node)
    if (!task || overdueAt(state, task) > now) continue
    turn.send(state.conductors.get(task.conductor ?? '')?.peer, { type: 'done', id: task.id })
    keepPromise(turn, task)
    await finish(turn, task, overdue(task), undefined)
    await settle(turn, task, 'failed', overdue(task))
  }
}

/** The next moment at which something is due, ms since 1970; null: nothing is. */
export function nextDue(turn: Turn): number | null {
  const { state, now } = turn
  const due: number[] = []
  for (const conductor of state.conductors.values()) {
    if (conductor.leaseUntil > 0) due.push(lapsesAt(turn, conductor))
    if (conductor.row.held_ms !== null) due.push(conductor.row.held_ms)
  }
  for (const node of new Set([...state.tasks.keys(), ...state.promises.keys()])) {
    const task = activeTask(state, node)
    if (task && state.site.offline_since === null) due.push(overdueAt(state, task))
    const ends = tenureEnds(state, node)
    if (ends > 0 && !isDriven(state, node)) due.push(ends)
  }
  return due.length > 0
    ? Math.max(
        now,
        due.reduce((soonest, each) => Math.min(soonest, each)),
      )
    : null
}
