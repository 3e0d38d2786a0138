// The description of the API (OpenAPI 3.1), made of what serves it: routes, the schemas that read bodies, and the field tables that answer.
// It describes the newest microversion; `x-ironic-since` says what came when.
import { z } from 'zod'
import { FAULTS } from '../../shared/faults.ts'
import { okStatus, type JsonSchema, type QueryArgument, type Route, type Shown } from '../api/call.ts'
import { MAX_VERSION, MIN_VERSION } from '../api/microversion.ts'
import { MAX_PATCH_OPERATIONS, type Patchable } from '../api/patch.ts'
import { isKeyed } from '../api/idempotency.ts'
import { BOOLEAN, fieldNames, LIMIT, MAX_LIMIT, NUMBER_MARKER, UUID } from '../api/query.ts'
import { isWaitable, MAX_WAIT_S } from '../api/wait.ts'
import type { Field } from '../store/json-sql.ts'

export interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>>; readonly [part: string]: unknown }
  readonly [part: string]: unknown
}

export interface Operation {
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: Readonly<Record<string, { schema: JsonSchema }>>
  }
  readonly responses: Readonly<Record<string, Answer>>
  readonly [part: string]: unknown
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required: boolean
  readonly schema: JsonSchema
  readonly explode?: false
}

interface Answer {
  readonly description?: string
  readonly $ref?: string
  readonly content?: Readonly<Record<string, { schema: JsonSchema }>>
}

/** Every route that says what it is. */
export function describe(routes: readonly Route[]): Document {
  const schemas = new Map<string, JsonSchema>([
    ['Fault', FAULT],
    ['Link', LINK],
  ])
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)(\{[^}]*\})?/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ferrule Bare Metal API',
      version: `1.${MAX_VERSION}`,
      description: `Wire-compatible with OpenStack Ironic, microversions 1.${MIN_VERSION} to 1.${MAX_VERSION}; everything else is additive.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { token: [] }, { basic: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: {
        Fault: {
          description: `A failure, with its code and the next action. Statuses: ${statuses().join(', ')}.`,
          content: { 'application/json': { schema: ref('Fault') } },
        },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
        basic: { type: 'http', scheme: 'basic', description: 'The token is the password.' },
      },
    },
  }
}

function operation(route: Route, schemas: Map<string, JsonSchema>): Operation {
  const { method, path, about, since, open } = route
  const body = bodySchema(route)
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/\{[^}]*\}/g, '').replaceAll(/[:/._-]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: about ?? '',
    ...(since === undefined ? {} : { 'x-ironic-since': `1.${since}` }),
    ...(open ? { security: [] } : {}),
    parameters: [...pathParameters(path), ...queryParameters(route), VERSION_HEADER, ...headersOf(route)],
    ...(body === undefined
      ? {}
      : { requestBody: { required: !takesEmpty(route), content: { 'application/json': { schema: body } } } }),
    responses: { ...answers(route, schemas), default: { $ref: '#/components/responses/Fault' } },
  }
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

function bodySchema({ body, patch }: Route): JsonSchema | undefined {
  if (patch) return patchSchema(patch)
  return body && schemaOf(body)
}

function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

/** A body that may be left out is read as `{}`. */
function takesEmpty({ body }: Route): boolean {
  return body?.safeParse({}).success === true
}

/** JSON Patch on a table of attributes: what may be set as a whole, and below it where it has keys. */
function patchSchema(patch: Readonly<Record<string, Patchable>>): JsonSchema {
  const op = { enum: ['add', 'replace'] }
  const object = (properties: Record<string, unknown>, required: string[]) => ({
    type: 'object',
    properties,
    required,
    additionalProperties: false,
  })
  const operations = Object.entries(patch).flatMap(([name, { schema, keys }]) => {
    const whole = object({ op, path: { const: `/${name}` }, value: schemaOf(schema) }, ['op', 'path', 'value'])
    if (!keys) return [whole]
    const below = { type: 'string', maxLength: 1024, pattern: `^/${name}${keyPattern(keys)}$` }
    const value = keys === true ? {} : schemaOf(keys.value)
    return [whole, object({ op, path: below, value }, ['op', 'path', 'value'])]
  })
  const whole = Object.keys(patch)
    .filter((name) => !patch[name]!.needed)
    .join('|')
  const below = Object.entries(patch).flatMap(([name, { keys }]) => (keys ? [`|${name}${keyPattern(keys)}`] : []))
  const removed = { type: 'string', maxLength: 1024, pattern: `^/(${whole}${below.join('')})$` }
  const remove = object({ op: { const: 'remove' }, path: removed, value: {} }, ['op', 'path'])
  return { type: 'array', maxItems: MAX_PATCH_OPERATIONS, items: { anyOf: [...operations, remove] } }
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

function answers(route: Route, schemas: Map<string, JsonSchema>): Record<string, Answer> {
  if (route.passthrough) {
    const description = 'What the driver answers'
    return {
      200: { description, content: { 'application/json': { schema: {} } } },
      202: { description: 'It has begun' },
    }
  }
  const all = { [okStatus(route)]: success(route, schemas) }
  if (!isWaitable(route)) return all
  const description =
    'With Prefer: wait=N, the states of the node that has come to rest; with dry_run=true, what would be done'
  return { 200: { description, content: { 'application/json': { schema: { type: 'object' } } } }, ...all }
}

/** Of what is below an attribute. */
function keyPattern(keys: NonNullable<Patchable['keys']>): string {
  return keys === true ? '(/([A-Za-z0-9_.:-]|~[01])+)+' : `/${keys.name}`
}

function success(route: Route, schemas: Map<string, JsonSchema>): Answer {
  const description = route.about ?? 'Success'
  const status = okStatus(route)
  if (status === 204 || status === 101) return { description }
  if (route.stream) {
    const schema = { type: 'object' }
    return { description, content: { 'application/json': { schema }, 'text/event-stream': { schema: text } } }
  }
  const content = (schema: JsonSchema) => ({ description, content: { 'application/json': { schema } } })
  if (route.list) {
    const items = component(route.list, schemas)
    const next = { type: 'string', description: 'The next page, where this one is full' }
    const properties = { [route.list.key]: { type: 'array', items }, next, [`${route.list.key}_links`]: {} }
    return content({ type: 'object', properties, required: [route.list.key] })
  }
  if (route.one) return content(component(route.one, schemas))
  return status === 202 && route.method !== 'POST' ? { description } : content({ type: 'object' })
}

/** The resource as a component, named after it. A list shows some of its fields, so none is required. */
function component({ noun, fields }: Shown, schemas: Map<string, JsonSchema>): JsonSchema {
  const name = noun.replaceAll(/(^| )(\w)/g, (_, _space, letter: string) => letter.toUpperCase())
  const properties = Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field)]))
  schemas.set(name, { type: 'object', properties, additionalProperties: false })
  return ref(name)
}

function fieldSchema({ since, sql, type, native }: Field): JsonSchema {
  const notes = { 'x-ironic-since': `1.${since}`, ...(native ? { description: 'Shown when asked for by name.' } : {}) }
  if (typeof sql !== 'object') return { type: [type ?? 'string', 'null'], ...notes }
  if (sql.shape === 'flag') return { type: ['boolean', 'null'], ...notes }
  return sql.shape === 'links' ? { type: 'array', items: ref('Link'), ...notes } : notes
}

function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` }
}

function statuses(): number[] {
  return [...new Set(Object.values(FAULTS).map(({ status }) => status))].sort((a, b) => a - b)
}

const text = { type: 'string' }
/** What arguments of these names are everywhere. */
const USUAL: Readonly<Record<string, JsonSchema>> = { detail: BOOLEAN, limit: LIMIT }
const LINK: JsonSchema = {
  type: 'object',
  properties: { href: text, rel: text, type: text },
  required: ['href', 'rel'],
}

/** errors.ts makes it. */
const FAULT: JsonSchema = {
  type: 'object',
  properties: {
    error_message: { ...text, description: "JSON of {faultcode, faultstring, debuginfo}, for Ironic's clients" },
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { enum: Object.keys(FAULTS) },
    hint: { ...text, description: 'The next action' },
    request_id: text,
  },
  required: ['error_message', 'type', 'title', 'status', 'detail', 'code', 'hint', 'request_id'],
  additionalProperties: false,
}

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
