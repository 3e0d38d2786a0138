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
  return freeAddresses(state).next().value ?? null
}

/** The free addresses in order, as they are when this starts. */
function* freeAddresses(state: HubState): Generator<string, undefined> {
  const pool = state.site.pool as Pool | null
  if (!pool) return
  const taken = new Set([...state.nodes.values()].map((node) => node.bootIp))
  for (let n = toNumber(pool.first), last = toNumber(pool.last); n <= last; n++) {
    const ip = toText(n)
    if (!taken.has(ip)) yield ip
  }
}

/** After a change of the pool: nodes outside of it, and those without an address, get one; every node's grant is sent again. */
export async function refreshAddresses(turn: Turn): Promise<null> {
  const { state } = turn
  await refreshSite(turn.sql, state)
  const pool = state.site.pool as Pool | null
  const isInside = (ip: string) =>
    pool !== null && toNumber(pool.first) <= toNumber(ip) && toNumber(ip) <= toNumber(pool.last)
  const all = [...state.nodes.values()]
  for (const index of all) if (index.bootIp !== null && !isInside(index.bootIp)) index.bootIp = null
  await turn.prefetch(all.map((index) => index.id))
  const free = freeAddresses(state)
  for (const index of all) {
    index.bootIp ??= free.next().value ?? null
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
