// Which endpoints of Ironic 1.82 a run has asked, and what the two answered: the tables of the API say what there is to ask.
import { ROUTES } from '../../cloud/api/routes.ts'
import type { Judged } from './episode.ts'
import { NEWEST, type Sent } from './requests/sent.ts'

/** Ours beside Ironic's. */
const NATIVE =
  /^(GET \/v1\/(openapi\.json|events|nodes\/:ident\/(timeline|ring))|(PATCH|DELETE) \/v1\/conductors\/|POST \/v1\/(conductors\/|continue_inspection)|\w+ \/v1\/(tasks|sites|conductor|audit)\b)/

/** Method and path of every endpoint that Ironic has at 1.82. */
export const ENDPOINTS: readonly string[] = ROUTES.filter(({ since = 1 }) => since <= NEWEST)
  .map(({ method, path }) => `${method} ${path}`)
  .filter((endpoint) => !NATIVE.test(endpoint))

const patterns = ENDPOINTS.map((endpoint) => ({
  endpoint,
  pattern: new RegExp(`^${endpoint.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`),
}))

/** The endpoint of a request; undefined: none of Ironic's. */
export function endpointOf({ method, path }: Sent): string | undefined {
  const plain = path.split('?')[0]!.replace(/(?<=.)\/$/, '')
  const asked = `${method} ${/^\/(v1(\/|$)|$)/.test(plain) ? plain : `/v1${plain}`}`
  return patterns.find(({ pattern }) => pattern.test(asked))?.endpoint
}

export class Coverage {
  readonly #seen = new Map<string, Map<string, number>>()

  count({ sent, theirs, ours }: Judged): void {
    const endpoint = endpointOf(sent) ?? 'what is no endpoint'
    const statuses = theirs.status === ours.status ? `${ours.status}` : `${theirs.status}/${ours.status}`
    const counts = this.#seen.get(endpoint) ?? new Map<string, number>()
    this.#seen.set(endpoint, counts.set(statuses, (counts.get(statuses) ?? 0) + 1))
  }

  /** A line for each endpoint: how often it answered what (Ironic's status / ours, where they differ). */
  toString(): string {
    const lines = [...ENDPOINTS, 'what is no endpoint'].map((endpoint) => {
      const counts = [...(this.#seen.get(endpoint) ?? [])].toSorted(([, a], [, b]) => b - a)
      return `  ${endpoint}: ${counts.map(([statuses, count]) => `${statuses} (${count})`).join(', ') || 'not asked'}`
    })
    return lines.join('\n')
  }
}
