// Is this request from the conductor that it names? Checked against the directory alone, so that a stranger never wakes a hub.
import { FaultError } from '../../../shared/faults.ts'
import { claimedIdentity, MAX_CLOCK_SKEW_MS, verifyUpgrade, type UpgradeIdentity } from '../../../shared/upgrade.ts'
import type { SiteRef } from '../../ports.ts'
import { isoTime } from '../../schema/rows.ts'
import type { Call } from '../call.ts'

export interface VerifiedConductor extends SiteRef, UpgradeIdentity {}

/** Throws 401 for an unknown or unproven identity, 403 for a revoked one. */
export async function verified(call: Call): Promise<VerifiedConductor> {
  const claim = claimedIdentity(call.request.headers)
  if (!claim) throw new FaultError('conductor.signature', 'The signed headers of a conductor are missing or misshapen.')
  const [row] = await call.ports.store.directory.all(
    'SELECT organisation, site, identity_key, revoked_at FROM conductor_keys WHERE id = ?',
    [claim.conductor],
  )
  // Unknown and unproven sound the same: nobody learns which conductors there are.
  const unproven = new FaultError('conductor.signature', 'The signature is not of a conductor that this cloud knows.')
  if (!row) throw unproven
  const [organisation, site, key, revoked] = row
  const refuse = (error: FaultError) => refused(call, String(organisation), claim, error)
  if (!(await verifyUpgrade(String(key), call.request.url, claim))) throw await refuse(unproven)
  const skewMs = claim.at - call.ports.env.now()
  if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS) {
    const text = `The clock of the conductor is ${Math.round(skewMs / 1000)} s off.`
    throw await refuse(new FaultError('conductor.clock', text))
  }
  if (revoked !== null) throw await refuse(new FaultError('conductor.revoked', 'This conductor was revoked.'))
  return {
    conductor: claim.conductor,
    incarnation: claim.incarnation,
    at: claim.at,
    organisation: String(organisation),
    site: String(site),
  }
}

/** How long the same refusal of the same conductor is not written again: a stranger must not fill the log, or hide in it what else is there. */
const QUIET_MS = 60_000
/** Rows of the audit log that are looked at for it. */
const RECENT = 200

/** Writes the refusal into the organisation's audit log, and answers it. */
async function refused(
  call: Call,
  organisation: string,
  claim: UpgradeIdentity,
  error: FaultError,
): Promise<FaultError> {
  const { env, store } = call.ports
  const now = env.now()
  const { code, message } = error.fault
  const body = JSON.stringify({ why: message, incarnation: claim.incarnation.slice(0, 64), at: claim.at })
  const sql =
    'INSERT INTO audit (at, actor, action, target, outcome, body, request_id) SELECT ?1, NULL, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS' +
    ` (SELECT 1 FROM audit WHERE id > (SELECT coalesce(max(id), 0) - ${RECENT} FROM audit) AND action = ?2 AND target = ?3 AND outcome = ?4 AND at > ?7)`
  const args = [isoTime(now), 'conductor.connect', claim.conductor, code, body, call.requestId, isoTime(now - QUIET_MS)]
  await store
    .organisation(organisation)
    .batch([{ sql, args }])
    .catch((cause: unknown) => call.ports.log('error', 'audit.failed', { code, error: String(cause) }))
  return error
}
