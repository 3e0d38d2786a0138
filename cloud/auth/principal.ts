// Who calls: a bearer token, looked up by its SHA-256 in the directory. Taken from Authorization: Bearer, X-Auth-Token or the password of
// HTTP Basic, so that OpenStack clients need nothing special. A revoked token is refused within CACHE_MS.
import { FaultError } from '../../shared/faults.ts'
import { hashToken, isToken } from '../../shared/ids.ts'
import type { Route } from '../api/call.ts'
import type { Ports, Store } from '../ports.ts'

export interface Principal {
  readonly organisation: string
  /** For events and the audit log: `token:<name>`, or `nobody` where no token is needed. */
  readonly actor: string
  /** Empty: everything. `read`: safe methods only, and no keys. */
  readonly scopes: readonly string[]
}

const CACHE_MS = 60_000
const MAX_CACHED = 10_000

interface Entry {
  readonly principal: Principal
  readonly until: number
}

/** Remembers who a token is for a minute. Keyed by the token: hashing it anew would cost more than the whole of a GET. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

export class Authenticator {
  #known = new Map<string, Entry>()

  /** The caller of `request`. Throws auth.missing. */
  async identify(request: Request, ports: Ports): Promise<Principal> {
    if (ports.noAuth) refusePages(request)
    const token = bearer(request.headers)
    const key = token ?? ''
    const now = ports.env.now()
    const known = this.#known.get(key)
    if (known && known.until > now) return known.principal
    this.#known.delete(key)
    const principal = token === undefined ? await anybody(ports) : await lookUp(ports.store, token, now, ports)
    if (!principal)
      throw new FaultError('auth.missing', token ? 'This token is unknown, expired or revoked.' : 'A token is needed.')
    if (this.#known.size >= MAX_CACHED) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(key, { principal, until: now + CACHE_MS })
    return principal
  }
}

/** Throws auth.denied when the token's scopes do not cover the route. */
export function authorise(principal: Principal, { method, path, key }: Pick<Route, 'method' | 'path' | 'key'>): void {
  if (principal.scopes.length === 0) return
  if (method === 'GET' && !key && principal.scopes.includes('read')) return
  throw new FaultError('auth.denied', `This token may not ${method} ${path}.`)
}

function bearer(headers: Headers): string | undefined {
  const header = headers.get('x-auth-token')
  if (header) return header
  const [scheme, value] = (headers.get('authorization') ?? '').split(' ')
  if (!value) return undefined
  if (scheme?.toLowerCase() === 'bearer') return value
  if (scheme?.toLowerCase() !== 'basic') return undefined
  try {
    const pair = atob(value)
    return pair.slice(pair.indexOf(':') + 1)
  } catch {
    return undefined
  }
}

async function lookUp(store: Store, token: string, now: number, ports: Ports): Promise<Principal | undefined> {
  // Clients that must send something (admin_token, http_basic) do so to a server without authentication, too.
  if (!isToken(token, 'frp') && !isToken(token, 'frs')) return anybody(ports)
  const [row] = await store.directory.all(
    'SELECT organisation, name, scopes, expires_at, revoked_at FROM tokens WHERE hash = ?',
    [await hashToken(token)],
  )
  if (!row || row[4] !== null || (row[3] !== null && Date.parse(String(row[3])) <= now)) return undefined
  return { organisation: String(row[0]), actor: `token:${row[1]}`, scopes: JSON.parse(String(row[2])) as string[] }
}

/** Without authentication everybody on this machine is the first organisation. */
async function anybody(ports: Ports): Promise<Principal | undefined> {
  if (!ports.noAuth) return undefined
  const [row] = await ports.store.directory.all('SELECT id FROM organisations ORDER BY created_at, id LIMIT 1')
  return row && { organisation: String(row[0]), actor: 'nobody', scopes: [] }
}

/**
 * Everybody on this machine, but not the pages that a browser on it shows: those send an Origin, or come by a name of their own that
 * points here (DNS rebinding).
 */
function refusePages(request: Request): void {
  const { hostname, host } = new URL(request.url)
  const origin = request.headers.get('origin')
  if (LOOPBACK.test(hostname) && (origin === null || origin === `http://${host}`)) return
  throw new FaultError('auth.denied', 'Without authentication only programs on this machine are served.')
}
