// A machine that is off has no agent: where it was, and which steps it had, is forgotten, for after the next start either may be another (Ironic does likewise).
// What it was, and when it called last, stays.
import type { NodeRow } from '../schema/rows.ts'

const OF_ITS_BOOT: ReadonlySet<string> = new Set([
  'agent_url',
  ...['clean', 'deploy', 'service'].map((kind) => `agent_cached_${kind}_steps`),
])

export function withoutAgent({ driver_internal_info: internal }: Pick<NodeRow, 'driver_internal_info'>): object {
  return Object.fromEntries(Object.entries(internal as object).filter(([key]) => !OF_ITS_BOOT.has(key)))
}
