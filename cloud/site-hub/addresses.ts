// Boot addresses of a site: the lowest free one of its pool.
import { regrant } from './ownership.ts'
import { refreshSite, type HubState } from './state.ts'
import type { Turn } from './turn.ts'

/** `first` and `last` bound the addresses that the hub gives out, both inclusive; all are inside `cidr`. */
export interface Pool {
  readonly cidr: string
  readonly first: string
  readonly last: string
  readonly router?: string
  readonly dns?: readonly string[]
}

/** The lowest address that no node has; null when the site has no pool or none is left. */
export function freeAddress(state: HubState): string | null {
  const pool = state.site.pool as Pool | null
  if (!pool) return null
  const taken = new Set([...state.nodes.values()].map((node) => node.bootIp))
  const last = toNumber(pool.last)
  for (let n = toNumber(pool.first); n <= last; n++) {
    const ip = toText(n)
    if (!taken.has(ip)) return ip
  }
  return null
}

/** After a change of the pool: every node without an address gets one while there are any. */
export async function refreshAddresses(turn: Turn): Promise<null> {
  await refreshSite(turn.sql, turn.state)
  for (const index of turn.state.nodes.values()) {
    if (index.bootIp !== null) continue
    index.bootIp = freeAddress(turn.state)
    if (index.bootIp === null) break
    const node = await turn.node(index.id)
    turn.updateNode(index.id, { boot_ip: index.bootIp, spec_version: node.spec_version + 1 })
    await regrant(turn, index.id)
  }
  return null
}

function toNumber(ip: string): number {
  return ip.split('.').reduce((n, part) => n * 256 + Number(part), 0)
}

function toText(n: number): string {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.')
}
