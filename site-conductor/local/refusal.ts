// Whether a person at the site may act now: not while the cloud is connected, or may be in a moment.
import type { Env } from '../../shared/env.ts'
import type { Grants } from '../link/grants.ts'
import type { Link } from '../link/link.ts'
import { left } from '../link/span.ts'

/** Why nothing may be done locally; undefined when it may. The link must have been down for longer than the lease, by the clock that is further ahead. */
export function whyNotLocally(
  env: Env,
  { connected, down, leaseMs }: Pick<Link, 'connected' | 'down' | 'leaseMs'>,
  grants: Pick<Grants, 'leaseLeft'>,
): string | undefined {
  if (connected) return 'the cloud is connected'
  const leftMs = Math.max(grants.leaseLeft(), left(env, { from: down, ms: leaseMs }))
  return leftMs > 0
    ? `the link is down, but not for longer than the lease: ${Math.ceil(leftMs / 1000)} s are left`
    : undefined
}
