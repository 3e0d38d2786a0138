// What a request may carry beside its body: arguments of path and query, and headers.
import type { QueryArgument, Route, JsonSchema } from '../api/call.ts'
import { isKeyed } from '../api/idempotency.ts'
import { MAX_VERSION, MIN_VERSION } from '../api/microversion.ts'
import { BOOLEAN, fieldNames, LIMIT, MAX_LIMIT, NUMBER_MARKER, UUID } from '../api/query.ts'
import { isWaitable, MAX_WAIT_S } from '../api/wait.ts'

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required: boolean
  readonly schema: JsonSchema
  readonly explode?: false
}

export function parametersOf(route: Route): Parameter[] {
  return [...pathParameters(route.path), ...queryParameters(route), VERSION_HEADER, ...headersOf(route)]
}

function pathParameters(path: string): Parameter[] {
  return [...path.matchAll(/:(\w+)(\{)?/g)].map(([, name, rest]) => ({
    name: name!,
    in: 'path',
    description: name === 'ident' ? 'UUID, or name where the resource has one' : name!,
    required: true,
    schema: { type: 'string', minLength: 1, ...(rest ? {} : { pattern: '^[^/]+$' }) },
  }))
}

function queryParameters({ query, list, passthrough }: Route): Parameter[] {
  const all: Record<string, string | QueryArgument> = { ...query, ...(list?.sort ? paging(list) : {}) }
  const named = Object.entries(all).map(([name, argument]): Parameter => {
    const given: QueryArgument = typeof argument === 'string' ? { about: argument } : argument
    const { about, schema = USUAL[name] ?? text, required = false } = given
    const separated = schema['type'] === 'array' ? { explode: false as const } : {}
    return { name, in: 'query', description: about, required, schema, ...separated }
  })
  return passthrough ? [...named, ANY_ARGUMENT] : named
}

/** What every list of a table takes (query.ts). */
function paging(list: NonNullable<Route['list']>): Record<string, QueryArgument> {
  const filters = Object.entries(list.filters ?? {}).map(([name, { since, about, schema }]) => {
    const text = about ?? `Only those with this ${name}`
    return [name, { about: `${text} (since 1.${since})`, ...(schema ? { schema } : {}) }] as const
  })
  return {
    limit: { about: `How many at most (up to ${MAX_LIMIT})`, schema: LIMIT },
    marker: { about: 'UUID of the last one of the page before', schema: UUID },
    sort_key: { about: 'What it is sorted by', schema: { enum: Object.keys(list.sort ?? {}) } },
    sort_dir: { about: 'Direction', schema: { enum: ['asc', 'desc'] } },
    fields: { about: 'Only these fields, separated by commas; not together with detail', schema: fieldNames(list) },
    detail: { about: 'All fields; not together with fields', schema: BOOLEAN },
    ...Object.fromEntries(filters),
  }
}

/** What every request may carry, by what its route is. */
function headersOf(route: Route): Parameter[] {
  const header = (name: string, description: string, schema: JsonSchema = { type: 'string' }): Parameter => ({
    name,
    in: 'header',
    description,
    required: false,
    schema,
  })
  const found: Parameter[] = []
  if (route.stream) found.push(header('Last-Event-ID', 'A stream goes on after this event', NUMBER_MARKER))
  if (isKeyed(route)) {
    const about = 'Sent again with the same key and body within 24 hours, the request is answered as the first time'
    found.push(header('Idempotency-Key', about, { type: 'string', pattern: '^[!-~]{1,255}$' }))
  }
  if (route.conditional)
    found.push(header('If-Match', 'The ETag of the resource as it was read; 412 when it was changed since'))
  if (isWaitable(route))
    found.push(
      header('Prefer', `wait=N answers when the node rests, at the latest after N (up to ${MAX_WAIT_S}) seconds`),
    )
  return found
}

const text = { type: 'string' }
/** What arguments of these names are everywhere. */
const USUAL: Readonly<Record<string, JsonSchema>> = { detail: BOOLEAN, limit: LIMIT }

/** Parameters of free names (OpenAPI 3.1 §4.8.12, style form). */
const ANY_ARGUMENT: Parameter = {
  name: 'arguments',
  in: 'query',
  description: 'Arguments of the method, each by its name',
  required: false,
  schema: { type: 'object', additionalProperties: text },
}

const VERSION_HEADER: Parameter = {
  name: 'X-OpenStack-Ironic-API-Version',
  in: 'header',
  description: `1.${MIN_VERSION} to 1.${MAX_VERSION}, or latest; 1.${MIN_VERSION} without`,
  required: false,
  schema: { type: 'string', pattern: '^(1\\.[0-9]{1,6}|latest)$' },
}
