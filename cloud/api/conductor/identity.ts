// Is this request from the conductor that it names? Checked against the directory alone, so that a stranger never wakes a hub.
import { FaultError } from '../../../shared/faults.ts'
import { claimedIdentity, MAX_CLOCK_SKEW_MS, verifyUpgrade } from '../../../shared/upgrade.ts'
import type { SiteRef } from '../../ports.ts'
import type { Call } from '../call.ts'

export interface VerifiedConductor extends SiteRef {
  readonly conductor: string
  readonly incarnation: string
}

/** Throws 401 for an unknown or unproven identity, 403 for a revoked one. */
export async function verified(call: Call): Promise<VerifiedConductor> {
  const claim = claimedIdentity(call.request.headers)
  if (!claim) throw denied('The signed headers of a conductor are missing or misshapen.')
  const [row] = await call.ports.store.directory.all(
    'SELECT organisation, site, identity_key, revoked_at FROM conductor_keys WHERE id = ?',
    [claim.conductor],
  )
  // Unknown and unproven sound the same: nobody learns which conductors there are.
  const unproven = () => denied('The signature is not of a conductor that this cloud knows.')
  if (!row) throw unproven()
  const [organisation, site, key, revoked] = row
  if (!(await verifyUpgrade(String(key), call.request.url, claim))) throw unproven()
  const skewMs = claim.at - call.ports.env.now()
  if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS) {
    throw denied(
      `The clock of the conductor is ${Math.round(skewMs / 1000)} s off.`,
      'set its clock: chrony or systemd-timesyncd',
    )
  }
  if (revoked !== null) {
    throw new FaultError('auth.denied', 'This conductor was revoked.', {
      hint: 'enrol it again with a new token: POST /v1/sites/{id}/enrol-tokens',
    })
  }
  return {
    conductor: claim.conductor,
    incarnation: claim.incarnation,
    organisation: String(organisation),
    site: String(site),
  }
}

function denied(
  message: string,
  hint = 'enrol this conductor: POST /v1/sites/{id}/enrol-tokens, then ferrule-conductor enroll',
): FaultError {
  return new FaultError('auth.missing', message, { hint })
}
