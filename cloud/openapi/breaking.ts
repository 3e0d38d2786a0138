// What in a new description of the API breaks a client of the old one: something is gone, or more is asked of a request.
import type { JsonSchema } from '../api/call.ts'
import type { Document, Operation } from './document.ts'
import type { Parameter } from './parameters.ts'

/** One line for each, empty when every client of `before` can go on. */
export function breaking(before: Document, after: Document): string[] {
  const found: string[] = []
  for (const [path, methods] of Object.entries(before.paths)) {
    for (const [method, old] of Object.entries(methods)) {
      const where = `${method.toUpperCase()} ${path}`
      const now = after.paths[path]?.[method]
      if (!now) found.push(`${where} is gone`)
      else found.push(...ofOperation(where, old, now))
    }
  }
  for (const [name, old] of Object.entries(before.components.schemas)) {
    const now = after.components.schemas[name]
    if (!now) found.push(`schema ${name} is gone`)
    else found.push(...ofAnswer(name, old, now))
  }
  return found
}

function ofOperation(where: string, old: Operation, now: Operation): string[] {
  const found: string[] = []
  const parameters = new Map(now.parameters.map((parameter) => [keyOf(parameter), parameter]))
  for (const parameter of old.parameters) {
    const same = parameters.get(keyOf(parameter))
    parameters.delete(keyOf(parameter))
    if (!same) found.push(`${where}: ${keyOf(parameter)} is gone`)
    else {
      if (same.required && !parameter.required) found.push(`${where}: ${keyOf(parameter)} is required`)
      found.push(...ofRequest(`${where}: ${keyOf(parameter)}`, parameter.schema, same.schema))
    }
  }
  for (const [key, { required, in: place }] of parameters)
    if (required && place !== 'path') found.push(`${where}: ${key} is required`)
  if (now.requestBody?.required && !old.requestBody?.required) found.push(`${where}: a body is required`)
  const [was, is] = [old, now].map((o) => o.requestBody?.content['application/json']?.schema)
  if (was && !is) found.push(`${where}: it takes no body any more`)
  if (was && is) found.push(...ofRequest(`${where}: body`, was, is))
  for (const status of Object.keys(old.responses))
    if (!now.responses[status]) found.push(`${where}: it does not answer ${status} any more`)
  return found
}

const keyOf = ({ in: place, name }: Parameter) => `${place} ${name}`

const LOWER = ['maxLength', 'maxItems', 'maximum']
/** With what it is without a word. */
const HIGHER = { minLength: 0, minItems: 0, minimum: -Infinity }

/** A request that was possible and is not. */
function ofRequest(where: string, old: JsonSchema, now: JsonSchema): string[] {
  const found: string[] = []
  const number = (schema: JsonSchema, key: string, none: number) => (schema[key] as number | undefined) ?? none
  for (const key of LOWER)
    if (number(now, key, Infinity) < number(old, key, Infinity)) found.push(`${where}: ${key} is less`)
  for (const [key, none] of Object.entries(HIGHER))
    if (number(now, key, none) > number(old, key, none)) found.push(`${where}: ${key} is more`)
  // What is said of texts alone limits nothing where there was no text.
  const wasText = old['type'] === undefined || [old['type']].flat().includes('string')
  for (const key of wasText ? ['pattern', 'format', 'const'] : ['const'])
    if (now[key] !== undefined && now[key] !== old[key]) found.push(`${where}: ${key} is another`)
  for (const key of ['type', 'enum']) found.push(...fewer(`${where}: ${key}`, old[key], now[key]))
  const required = (schema: JsonSchema) => (schema['required'] ?? []) as string[]
  for (const name of required(now)) if (!required(old).includes(name)) found.push(`${where}: ${name} is required`)
  if (now['additionalProperties'] === false && old['type'] === 'object' && old['additionalProperties'] !== false)
    found.push(`${where}: other keys are refused`)
  const [was, is] = [old, now].map((schema) => (schema['properties'] ?? {}) as Record<string, JsonSchema>)
  for (const [name, schema] of Object.entries(was!)) {
    if (!is![name]) found.push(`${where}: ${name} is gone`)
    else found.push(...ofRequest(`${where}.${name}`, schema, is![name]))
  }
  if (old['items'] && now['items'])
    found.push(...ofRequest(`${where}[]`, old['items'] as JsonSchema, now['items'] as JsonSchema))
  for (const key of ['anyOf', 'oneOf']) found.push(...ofChoices(where, old, key, now))
  return found
}

/** Each choice that was there (or the only one) must still be possible as one of those that are. */
function ofChoices(where: string, old: JsonSchema, key: string, now: JsonSchema): string[] {
  const [was, is] = [old[key], now[key]] as (JsonSchema[] | undefined)[]
  if (!is) return []
  const same = new Set(is.map((each) => JSON.stringify(each)))
  return (was ?? [old]).flatMap((choice, i) =>
    typeByType(choice).flatMap((one) => {
      if (same.has(JSON.stringify(one))) return []
      const best = is.map((each) => ofRequest(was ? `${where}|${i}` : where, one, each))
      return best.some((each) => each.length === 0) ? [] : best.toSorted((a, b) => a.length - b.length)[0]!
    }),
  )
}

/** Each of its types may have become a choice of its own. */
function typeByType(schema: JsonSchema): JsonSchema[] {
  const { type } = schema
  return Array.isArray(type) ? type.map((each: unknown) => ({ ...schema, type: each })) : [schema]
}

/** A value of a set (or the one value) that is not among them any more. Without the set everything is possible. */
function fewer(where: string, old: unknown, now: unknown): string[] {
  if (now === undefined) return []
  const set = (value: unknown) => (Array.isArray(value) ? value : [value])
  if (old === undefined) return [`${where} is limited`]
  return set(old)
    .filter((value) => !set(now).includes(value) && !(value === 'integer' && set(now).includes('number')))
    .map((value) => `${where}: ${JSON.stringify(value)} is gone`)
}

/** A field of an answer that is gone, or can be what it could not. */
function ofAnswer(where: string, old: JsonSchema, now: JsonSchema): string[] {
  const found = fewer(`${where}: type`, now['type'], old['type'])
  const [was, is] = [old, now].map((schema) => (schema['properties'] ?? {}) as Record<string, JsonSchema>)
  for (const [name, schema] of Object.entries(was!)) {
    if (!is![name]) found.push(`${where}.${name} is gone`)
    else found.push(...ofAnswer(`${where}.${name}`, schema, is![name]))
  }
  return found
}
