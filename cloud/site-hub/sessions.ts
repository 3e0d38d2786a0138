// Sessions and leases of conductors (ownership.md rules 1-3): hello takes the next number, renew extends, a lapse loses everything.
import { FaultError } from '../../shared/faults.ts'
import { grantsDigest } from '../../shared/grants-digest.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import { CLOSE } from '../../shared/upgrade.ts'
import type { Peer, SiteRef } from '../ports.ts'
import { conductors } from '../schema/organisation.ts'
import { select } from '../schema/rows.ts'
import { endOutage } from './outage.ts'
import { rebalance, sendGrants } from './ownership.ts'
import { epochOf, findTask, nextNumber, refreshSite, sessionOf, type Attachment, type ConductorState } from './state.ts'
import type { Turn } from './turn.ts'

type Message<T> = Extract<FromConductor, { type: T }>

/** The lease may be renewed from memory up to the stored horizon, so a row is written once in 45 s at most. */
const HORIZON_MS = 60_000
const HORIZON_WRITE_MS = 45_000

/** A socket whose upgrade was verified. It drives nothing before its hello. */
export async function opened(turn: Turn, peer: Peer, _incarnation: string): Promise<void> {
  if (turn.state.conductors.has(peer.conductor)) return
  const [row] = await select(turn.sql, conductors, 'id = ? AND site = ?', [peer.conductor, turn.state.site.id])
  if (!row || row.revoked_at)
    return turn.after(() => peer.close(CLOSE.revoked, 'this conductor is not admitted to the site'))
  turn.state.conductors.set(row.id, { row, peer: null, leaseUntil: 0 })
}

export async function hello(turn: Turn, peer: Peer, message: Message<'hello'>, site: SiteRef): Promise<void> {
  const conductor = turn.state.conductors.get(peer.conductor)
  if (!conductor) throw new FaultError('auth.denied', 'unknown conductor')
  await refreshSite(turn.sql, turn.state) // its enrolment may have brought the site key
  const before = conductor.peer
  if (before && before !== peer) turn.after(() => before.close(CLOSE.conflict, 'the conductor connected again'))
  const kept = await keepsGrants(turn, conductor, message.grantsDigest)
  const session = nextNumber(turn.state)
  const { id } = conductor.row
  const isTaken = [...turn.state.conductors.values()].some(
    ({ row }) => row.id !== id && row.hostname === message.hostname,
  )
  conductor.peer = peer
  turn.updateConductor(conductor.row, {
    session,
    incarnation: message.incarnation,
    // A host that was renamed to a name that another has keeps its old one: a name is no reason to lock a conductor out.
    hostname: isTaken ? conductor.row.hostname : message.hostname,
    version: message.version,
    drivers: message.drivers,
  })
  extend(turn, conductor, peer)
  endOutage(turn)
  turn.event('conductor.connected', {
    body: { conductor: conductor.row.id, hostname: message.hostname, session, version: message.version },
  })
  turn.send(peer, {
    type: 'welcome',
    session,
    ringVersion: turn.state.site.ring_version,
    leaseMs: turn.state.site.lease_ms,
    conductor: conductor.row.id,
    site: site.site,
    organisation: site.organisation,
    ...(kept ? { grantsKept: true } : {}),
  })
  // What it still has of tasks that have ended: it need not ask.
  for (const { task } of message.inflight)
    if (!findTask(turn.state, task)) turn.send(peer, { type: 'settled', id: task })
  await rebalance(turn)
  await sendGrants(turn, conductor, kept)
}

/** Does the conductor have just what it owns, under a lease that never lapsed? Then every grant goes on, with epoch = session. */
async function keepsGrants(turn: Turn, conductor: ConductorState, digest: string | null): Promise<boolean> {
  if (digest === null || conductor.leaseUntil === 0) return false
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === conductor.row.id)
  const grants = mine.map((node) => ({
    node: node.id,
    epoch: epochOf(turn.state, node),
    specVersion: node.specVersion,
  }))
  return (await grantsDigest(grants)) === digest
}

export function renew(turn: Turn, peer: Peer, message: Message<'renew'>): void {
  const conductor = sessionOf(turn.state, peer)
  if (!conductor) return turn.after(() => peer.close(CLOSE.superseded, 'the session ended; say hello again'))
  conductor.peer = peer
  extend(turn, conductor, peer)
  const tenures: Record<string, number> = {}
  for (const [node, [task]] of turn.state.tasks) {
    if (turn.state.nodes.get(node)?.owner === conductor.row.id && task?.tenure_ms && task.tenure_ms > turn.now)
      tenures[task.id] = task.tenure_ms - turn.now
  }
  turn.send(peer, { type: 'lease', rid: message.rid, ms: turn.state.site.lease_ms, tenures })
}

export function closed(turn: Turn, peer: Peer): void {
  const conductor = turn.state.conductors.get(peer.conductor)
  // Its lease runs on: it may be back in a moment, and until the lease has ended nobody else may act.
  if (conductor?.peer === peer) conductor.peer = null
}

function extend(turn: Turn, conductor: ConductorState, peer: Peer): void {
  const until = turn.now + turn.state.site.lease_ms
  conductor.leaseUntil = until
  // At once, not after the commit: should that fail, the number is not in the row and the attachment means nothing.
  const attachment: Attachment = { session: conductor.row.session, leaseUntil: until }
  peer.attachment = attachment
  const horizon = conductor.row.horizon_ms ?? 0
  if (until > horizon || horizon - turn.now < HORIZON_MS - HORIZON_WRITE_MS)
    turn.updateConductor(conductor.row, { horizon_ms: turn.now + HORIZON_MS })
}
