// Sessions and leases of conductors (ownership.md rules 1-3): hello takes the next number, renew extends, a lapse loses everything.
import type { FaultCode } from '../../shared/faults.ts'
import { grantsDigest, heldDigests, staleSpecs } from '../../shared/grants-digest.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import { CLOSE, type UpgradeIdentity } from '../../shared/upgrade.ts'
import type { Peer, SiteRef } from '../ports.ts'
import { conductors } from '../schema/organisation.ts'
import { select, type ConductorRow } from '../schema/rows.ts'
import { endOutage } from './outage.ts'
import { extend, leaseMsOf } from './lease.ts'
import { rebalance, sendGrants } from './ownership.ts'
import { isReplay, replaceRun, wait, wasReplaced } from './runs.ts'
import {
  epochOf,
  findTask,
  isHeld,
  nextNumber,
  refreshSite,
  speakerOf,
  type Attachment,
  type ConductorState,
} from './state.ts'
import { allowHeldReports, endTenures } from './tenure.ts'
import { tenureNews } from './tenure-news.ts'
import type { Turn } from './turn.ts'

type Message<T> = Extract<FromConductor, { type: T }>

const NO_SESSION = -1
const NOT_ADMITTED = 'this conductor is not admitted to the site'

/** A socket whose upgrade was verified. It drives nothing before its hello. */
export async function opened(turn: Turn, peer: Peer, { incarnation, at }: UpgradeIdentity): Promise<void> {
  const conductor = await findConductor(turn, peer.conductor)
  if (!conductor || conductor.row.revoked_at)
    return refuse(turn, peer, 'conductor.connect', 'conductor.revoked', CLOSE.revoked, {}, NOT_ADMITTED)
  if (isReplay(turn, conductor, incarnation, at)) {
    const why = 'this upgrade request was used before'
    return refuse(turn, peer, 'conductor.connect', 'conductor.replayed', CLOSE.superseded, { incarnation, at }, why)
  }
  const attachment: Attachment = { session: NO_SESSION, leaseMs: 0, incarnation, openedAt: turn.now }
  peer.attachment = attachment
}

/** A conductor of the site as it is, perhaps enrolled since the hub started; undefined when there is none. */
export async function findConductor(turn: Turn, id: string): Promise<ConductorState | undefined> {
  const known = turn.state.conductors.get(id)
  if (known && turn.hasDrafted(id)) return known
  const [row] = await select(turn.sql, conductors, 'id = ? AND site = ?', [id, turn.state.site.id])
  if (!row) return known
  if (known) Object.assign(known.row, enrolled(row))
  else turn.state.conductors.set(id, { row, peer: null, leaseUntil: 0 })
  return turn.state.conductors.get(id)
}

/** What enrolment writes: it names the host's keys and labels, and admits again what was revoked. The rest is the hub's own, and newer in memory. */
function enrolled({ identity_key, box_key, labels, version, revoked_at }: ConductorRow): Partial<ConductorRow> {
  return { identity_key, box_key, labels, version, revoked_at }
}

/** Nothing changes but the audit log; the socket is told why it is closed. */
function refuse(
  turn: Turn,
  peer: Peer,
  action: string,
  code: FaultCode,
  close: number,
  body: Record<string, unknown>,
  why: string,
): void {
  turn.refusal(action, peer.conductor, code, { ...body, why }, peer.conductor)
  turn.after(() => peer.close(close, why))
}

export async function hello(turn: Turn, peer: Peer, message: Message<'hello'>, site: SiteRef): Promise<void> {
  const conductor = turn.state.conductors.get(peer.conductor)
  const attachment = peer.attachment as Attachment | undefined
  if (!conductor || conductor.row.revoked_at || !attachment)
    // refused when it opened
    return turn.after(() => peer.close(CLOSE.superseded, 'the connection was refused'))
  const { incarnation } = message
  if (incarnation !== attachment.incarnation) {
    const why = 'hello names another run than the signed upgrade'
    const body = { incarnation, signed: attachment.incarnation }
    return refuse(turn, peer, 'conductor.hello', 'conductor.signature', CLOSE.identity, body, why)
  }
  const before = conductor.peer === peer ? null : conductor.peer
  if (before && attachment.openedAt < (before.attachment as Attachment).openedAt)
    return turn.after(() => peer.close(CLOSE.superseded, 'a newer connection of this conductor said hello'))
  const isSameRun = incarnation === conductor.row.incarnation
  if (wasReplaced(conductor, incarnation)) return cloned(turn, conductor, peer, incarnation)
  await refreshSite(turn.sql, turn.state) // its enrolment may have brought the site key
  const stale = await keptGrants(turn, conductor, message)
  const kept = stale !== null
  allowHeldReports(turn, conductor)
  if (!isSameRun) replaceRun(turn, conductor, message.lock ?? null)
  const session = nextNumber(turn.state)
  const { id } = conductor.row
  const isTaken = [...turn.state.conductors.values()].some(
    ({ row }) => row.id !== id && row.hostname === message.hostname,
  )
  conductor.peer = peer
  conductor.stopped = false
  turn.updateConductor(conductor.row, {
    session,
    incarnation,
    // A host that was renamed to a name that another has keeps its old one: a name is no reason to lock a conductor out.
    hostname: isTaken ? conductor.row.hostname : message.hostname,
    version: message.version,
    drivers: message.drivers,
    lock: message.lock ?? null,
  })
  const leaseMs = leaseMsOf(turn.state)
  extend(turn, conductor, peer, leaseMs)
  endOutage(turn)
  // A connection that was only built anew is no news: it writes the session's row and nothing else.
  if (!isSameRun || !kept)
    turn.event('conductor.connected', {
      body: { conductor: conductor.row.id, hostname: message.hostname, session, version: message.version, incarnation },
    })
  turn.send(peer, {
    type: 'welcome',
    session,
    ringVersion: turn.state.site.ring_version,
    leaseMs,
    conductor: conductor.row.id,
    site: site.site,
    organisation: site.organisation,
    ...(kept ? { grantsKept: true } : {}),
  })
  // Make before break: the old connection of the same run ends once the new one has its session.
  if (before && isSameRun) turn.after(() => before.close(CLOSE.superseded, 'replaced by a newer connection'))
  if (before && !isSameRun) turn.after(() => before.close(CLOSE.conflict, 'the conductor was started again'))
  // What it still has of tasks that have ended: it need not ask.
  for (const { task } of message.inflight)
    if (!findTask(turn.state, task)) turn.send(peer, { type: 'settled', id: task })
  await sendGrants(turn, conductor, stale)
  await rebalance(turn)
}

/**
 * A run that another had replaced is back, so both are alive: a restart cannot look like this, since each run has an id of its own.
 * Neither is believed; each is told, and gives up after a few times. Nobody gets the nodes before the lease has ended.
 */
function cloned(turn: Turn, conductor: ConductorState, peer: Peer, incarnation: string): void {
  const { row, peer: other } = conductor
  const body = { conductor: row.id, hostname: row.hostname, incarnations: [row.incarnation, incarnation] }
  turn.event('conductor.cloned', { body })
  const why = 'another host connects with the same identity'
  refuse(turn, peer, 'conductor.hello', 'conductor.cloned', CLOSE.conflict, body, why)
  if (other) endSession(turn, other, CLOSE.conflict, why)
  conductor.peer = null
  wait(turn, conductor)
}

/** Frames that are under way on the socket count no more. */
export function endSession(turn: Turn, peer: Peer, code: number, why: string): void {
  peer.attachment = { ...(peer.attachment as Attachment), session: NO_SESSION }
  turn.after(() => peer.close(code, why))
}

/**
 * Does the conductor have just what it owns, under a lease that never lapsed? Then every grant goes on, with epoch = session. Answers the nodes whose
 * specs it has to be sent all the same; null: nothing is kept.
 */
async function keptGrants(
  turn: Turn,
  conductor: ConductorState,
  { grantsDigest: digest, held }: Message<'hello'>,
): Promise<string[] | null> {
  if (digest === null || conductor.leaseUntil === 0) return null
  const mine = [...turn.state.nodes.values()].filter((node) => node.owner === conductor.row.id)
  const grants = mine.map((node) => ({
    node: node.id,
    epoch: epochOf(turn.state, node),
    specVersion: node.specVersion,
  }))
  if ((await grantsDigest(grants)) === digest) return []
  if (held === undefined || (await heldDigests(grants)).epochs !== held.epochs) return null
  return await staleSpecs(grants, held)
}

export function renew(turn: Turn, peer: Peer, message: Message<'renew'>): void {
  const conductor = speakerOf(turn, peer, 'renew')
  if (!conductor) return turn.after(() => peer.close(CLOSE.superseded, 'the session ended; say hello again'))
  conductor.peer = peer
  const { leaseMs } = peer.attachment as Attachment
  extend(turn, conductor, peer, leaseMs)
  for (const tenures of tenureNews(turn, peer, conductor))
    turn.send(peer, { type: 'lease', rid: message.rid, ms: leaseMs, tenures })
}

/**
 * A clean stop, believed from the socket of the present session only. Another conductor gets the nodes at once; where there is none the lease
 * runs on, so that a restart within it is no outage. A hub that starts in between finds no horizon, and waits for nobody. Not so while it
 * waits for another run of its own.
 */
export function bye(turn: Turn, peer: Peer): void {
  const conductor = speakerOf(turn, peer, 'bye')
  if (!conductor) return turn.after(() => peer.close(CLOSE.superseded, 'the session ended'))
  const { id, hostname } = conductor.row
  endSession(turn, peer, CLOSE.goodbye, 'goodbye')
  conductor.peer = null
  if (!isHeld(turn, conductor)) {
    endTenures(turn, id)
    conductor.stopped = true
    turn.updateConductor(conductor.row, { horizon_ms: null })
  }
  turn.event('conductor.stopped', { body: { conductor: id, hostname } })
}

export function closed(turn: Turn, peer: Peer): void {
  const conductor = turn.state.conductors.get(peer.conductor)
  // Its lease runs on: it may be back in a moment, and until the lease has ended nobody else may act.
  if (conductor?.peer === peer) conductor.peer = null
}
