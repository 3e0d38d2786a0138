// How long the leases of a site may be: the API refuses others, and the hub keeps the horizon that it stores beyond the longest.

/** Shorter ones are lost to an ordinary delay: a renewal is sent every quarter. */
export const MIN_LEASE_MS = 5_000
export const MAX_LEASE_MS = 40_000
