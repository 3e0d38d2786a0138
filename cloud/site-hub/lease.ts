// The lease of a session at the hub (ownership.md rules 1, 4): how far it is promised, how far that is stored, when it is over.
// 1. The stored horizon is CLOCK_SLACK_MS beyond any lease that was answered, at least: a hub that starts knows no other. 2. A session's
// lease is as long as its welcome said, since its conductor renews at that pace.
import { MAX_LEASE_MS } from '../lease-bounds.ts'
import type { Peer } from '../ports.ts'
import { CLOCK_SLACK_MS } from './clock.ts'
import type { Attachment, ConductorState, HubState } from './state.ts'
import type { Turn } from './turn.ts'

/** After a lease ends its conductor has this long to have noticed (clocks, packets under way) before anybody else acts. */
export const MARGIN_MS = 2_000

/** Between two writes of the horizon leases are renewed from memory. */
const WRITTEN_EVERY_MS = 45_000

/** How far ahead it is written for a session with leases of this length. */
function horizonMs(leaseMs: number): number {
  return leaseMs + CLOCK_SLACK_MS + WRITTEN_EVERY_MS
}

/** Of sessions that begin now. */
export function leaseMsOf({ site }: HubState): number {
  return Math.min(site.lease_ms, MAX_LEASE_MS)
}

export function extend(turn: Turn, conductor: ConductorState, peer: Peer, leaseMs: number): void {
  conductor.leaseUntil = turn.now + leaseMs
  // At once, not after the commit: should that fail, the number is not in the row and the attachment means nothing.
  const attachment: Attachment = { ...(peer.attachment as Attachment), session: conductor.row.session, leaseMs }
  peer.attachment = attachment
  const aheadMs = (conductor.row.horizon_ms ?? 0) - turn.now
  // One that is too far ahead is of a clock that was set back since: nobody must wait for it.
  if (aheadMs < leaseMs + CLOCK_SLACK_MS || aheadMs > horizonMs(leaseMs))
    turn.updateConductor(conductor.row, { horizon_ms: turn.now + horizonMs(leaseMs) })
}

/** When its lease is over, with the time for it to have noticed. A stored horizon is believed as far as one can reach. */
export function lapsesAt(turn: Turn, conductor: ConductorState): number {
  const { conductors: all } = turn.state
  if (conductor.stopped && [...all.values()].some(({ leaseUntil, stopped }) => leaseUntil > 0 && !stopped))
    return turn.now
  conductor.leaseUntil = Math.min(conductor.leaseUntil, turn.now + horizonMs(MAX_LEASE_MS))
  return conductor.leaseUntil + MARGIN_MS
}
