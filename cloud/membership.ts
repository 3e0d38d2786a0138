// Who is a member of its site's ring: a conductor that is admitted, has a lease and has not said goodbye. The hub knows that in memory, the API
// reads it from the rows: the horizon is beyond every lease, and cleared when the lease is over or given back.

/** As the hub knows it. */
export function isMember(conductor: {
  readonly row: { readonly revoked_at: string | null }
  readonly leaseUntil: number
  readonly stopped?: boolean
}): boolean {
  return conductor.leaseUntil > 0 && conductor.stopped !== true && conductor.row.revoked_at === null
}

/** SQL: the same of a row of `conductors`, at the time that `now` names (ms since 1970). */
export function memberSql(alias: string, now: string): string {
  return `(${alias}.revoked_at IS NULL AND coalesce(${alias}.horizon_ms, 0) > ${now})`
}
