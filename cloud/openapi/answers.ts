// What is answered: the resources, as components that are named after them, and the one body of every failure.
import { FAULTS } from '../../shared/faults.ts'
import { okStatus, type JsonSchema, type Route, type Shown } from '../api/call.ts'
import { isWaitable } from '../api/wait.ts'
import type { Field } from '../store/json-sql.ts'

export interface Answer {
  readonly description?: string
  readonly $ref?: string
  readonly content?: Readonly<Record<string, { schema: JsonSchema }>>
}

export function answers(route: Route, schemas: Map<string, JsonSchema>): Record<string, Answer> {
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

export function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` }
}

export function statuses(): number[] {
  return [...new Set(Object.values(FAULTS).map(({ status }) => status))].sort((a, b) => a - b)
}

const text = { type: 'string' }
export const LINK: JsonSchema = {
  type: 'object',
  properties: { href: text, rel: text, type: text },
  required: ['href', 'rel'],
}

/** errors.ts makes it. */
export const FAULT: JsonSchema = {
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
