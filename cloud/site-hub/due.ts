// What is due when a turn starts: leases that ended and tasks that ran out of time.
import { finish, overdue } from '../provision/work.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import { noticeOutage } from './outage.ts'
import { rebalance } from './ownership.ts'
import { lapsesAt } from './sessions.ts'
import { activeTask, isDriven } from './state.ts'
import { settle } from './tasks.ts'
import type { Turn } from './turn.ts'

/** After a lease ends its conductor has this long to have noticed (clocks, packets under way) before anybody else acts. */
export const MARGIN_MS = 2_000

export async function passTime(turn: Turn): Promise<void> {
  const { state, now } = turn
  let lapsed = false
  for (const conductor of state.conductors.values()) {
    if (conductor.leaseUntil === 0 || lapsesAt(turn, conductor, MARGIN_MS) > now) continue
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
  if (lapsed || endTenures(turn)) await rebalance(turn)
  // Nobody can report from a site that is offline: its tasks are not overdue before it had the time to.
  if (state.site.offline_since !== null) return
  for (const node of [...state.tasks.keys()]) {
    const task = activeTask(state, node)
    if (!task || task.deadline_ms > now) continue
    turn.send(state.conductors.get(task.conductor ?? '')?.peer, { type: 'done', id: task.id })
    await finish(turn, task, overdue(task), undefined)
    await settle(turn, task, 'failed', overdue(task))
  }
}

/** Tenures that are over, of tasks whose conductor is away: their nodes may move. True when there were any. */
function endTenures(turn: Turn): boolean {
  let ended = false
  for (const node of turn.state.tasks.keys()) {
    const task = activeTask(turn.state, node)
    if (!task?.tenure_ms || task.tenure_ms > turn.now || isDriven(turn.state, node)) continue
    turn.updateTask(task, { tenure_ms: null })
    ended = true
  }
  return ended
}
