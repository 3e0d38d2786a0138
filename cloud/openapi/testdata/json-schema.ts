// JSON Schema (2020-12) as far as the description of the API uses it: does a value fit, and values that do. Written from the specification
// and apart from the library that validates in the server, so that the two can disagree. A keyword that is not known is an error.
import fc from 'fast-check'
import type { JsonSchema } from '../../api/call.ts'

const ANNOTATIONS = new Set(['description', 'x-ironic-since', 'default', 'format', 'title'])

/** Why `value` does not fit `schema`; undefined when it does. */
export function misfit(schema: JsonSchema, value: unknown, components: Components = {}, where = ''): string | undefined {
  for (const [keyword, wanted] of Object.entries(schema) as [string, never][]) {
    if (ANNOTATIONS.has(keyword)) continue
    const judge = judges[keyword]
    if (!judge) throw new Error(`${where}: this validator does not know the keyword ${keyword}`)
    const why = judge(wanted, value, schema, components, where)
    if (why !== undefined) return why
  }
  return undefined
}

export type Components = Readonly<Record<string, JsonSchema>>
type Judge = (wanted: never, value: unknown, schema: JsonSchema, components: Components, where: string) => string | undefined

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** JSON Schema counts characters, not UTF-16 units (validation §6.3.1). */
const lengthOf = (text: string) => [...text].length
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value)
  return typeof value === type
}

const judge =
  <W, V>(applies: (value: unknown) => value is V, fits: (wanted: W, value: V) => boolean, name: string): Judge =>
  (wanted, value, _schema, _components, where) =>
    applies(value) && !fits(wanted as W, value) ? `${where} breaks ${name} ${JSON.stringify(wanted)}` : undefined
const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isArray = (value: unknown): value is unknown[] => Array.isArray(value)
const isAny = (value: unknown): value is unknown => value !== undefined || value === undefined

const judges: Record<string, Judge> = {
  type: judge(isAny, (wanted: string | string[], value) => [wanted].flat().some((type) => isOfType(type, value)), 'type'),
  enum: judge(isAny, (wanted: unknown[], value) => wanted.some((each) => same(each, value)), 'enum'),
  const: judge(isAny, (wanted, value) => same(wanted, value), 'const'),
  minLength: judge(isText, (wanted: number, value) => lengthOf(value) >= wanted, 'minLength'),
  maxLength: judge(isText, (wanted: number, value) => lengthOf(value) <= wanted, 'maxLength'),
  pattern: judge(isText, (wanted: string, value) => new RegExp(wanted, 'u').test(value), 'pattern'),
  minimum: judge(isNumber, (wanted: number, value) => value >= wanted, 'minimum'),
  maximum: judge(isNumber, (wanted: number, value) => value <= wanted, 'maximum'),
  exclusiveMinimum: judge(isNumber, (wanted: number, value) => value > wanted, 'exclusiveMinimum'),
  minItems: judge(isArray, (wanted: number, value) => value.length >= wanted, 'minItems'),
  maxItems: judge(isArray, (wanted: number, value) => value.length <= wanted, 'maxItems'),
  minProperties: judge(isObject, (wanted: number, value) => Object.keys(value).length >= wanted, 'minProperties'),
  required: judge(isObject, (wanted: string[], value) => wanted.every((name) => Object.hasOwn(value, name)), 'required'),
  items: (wanted, value, _schema, components, where) =>
    isArray(value) ? first(value.map((each, i) => () => misfit(wanted, each, components, `${where}[${i}]`))) : undefined,
  properties: (wanted, value, _schema, components, where) =>
    isObject(value)
      ? first(
          Object.entries(wanted as Record<string, JsonSchema>).map(
            ([name, each]) =>
              () =>
                Object.hasOwn(value, name) ? misfit(each, value[name], components, `${where}.${name}`) : undefined,
          ),
        )
      : undefined,
  additionalProperties(wanted, value, schema, components, where) {
    if (!isObject(value)) return undefined
    const known = Object.keys((schema['properties'] ?? {}) as object)
    const others = Object.keys(value).filter((name) => !known.includes(name))
    if ((wanted as unknown) === false) return others.length > 0 ? `${where} has the unknown key ${others[0]}` : undefined
    return first(others.map((name) => () => misfit(wanted, value[name], components, `${where}.${name}`)))
  },
  propertyNames: (wanted, value, _schema, components, where) =>
    isObject(value) ? first(Object.keys(value).map((name) => () => misfit(wanted, name, components, `${where}: key`))) : undefined,
  anyOf: (wanted: JsonSchema[], value, _schema, components, where) =>
    wanted.some((each) => misfit(each, value, components, where) === undefined) ? undefined : `${where} fits none of anyOf`,
  oneOf: (wanted: JsonSchema[], value, _schema, components, where) => {
    const fitting = wanted.filter((each) => misfit(each, value, components, where) === undefined).length
    return fitting === 1 ? undefined : `${where} fits ${fitting} of oneOf`
  },
  not: (wanted, value, _schema, components, where) =>
    misfit(wanted, value, components, where) === undefined ? `${where} fits what it must not` : undefined,
  $ref(wanted: string, value, _schema, components, where) {
    const name = wanted.slice('#/components/schemas/'.length)
    if (!components[name]) throw new Error(`${wanted} does not exist`)
    return misfit(components[name], value, components, where)
  },
} as Record<string, Judge>

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const why = check()
    if (why !== undefined) return why
  }
  return undefined
}

const anything = fc.jsonValue({ maxDepth: 2 }).map((value) => value as unknown)
const anyText = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => text.isWellFormed())

/** Values that fit. */
export function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  return loose(schema).filter((value) => misfit(schema, value) === undefined)
}

function loose(schema: JsonSchema): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema['const'])
  if (schema['enum']) return fc.constantFrom(...(schema['enum'] as unknown[]))
  const choices = (schema['anyOf'] ?? (schema['properties'] ? undefined : schema['oneOf'])) as JsonSchema[] | undefined
  if (choices) return fc.oneof(...choices.map((each) => loose(each)))
  const types = [schema['type'] ?? []].flat() as string[]
  if (types.length === 0) return anything
  return fc.oneof(...types.map((type) => ofType(type, schema)))
}

function ofType(type: string, schema: JsonSchema): fc.Arbitrary<unknown> {
  const number = (key: string, none: number) => (schema[key] as number | undefined) ?? none
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: number('minimum', -1000), max: number('maximum', 2 ** 31) })
    case 'number':
      return fc.double({ min: number('minimum', -1000), max: number('maximum', 1000), noNaN: true })
    case 'array': {
      const items = loose((schema['items'] ?? {}) as JsonSchema)
      return fc.array(items, { minLength: number('minItems', 0), maxLength: Math.min(number('maxItems', 3), 3) })
    }
    case 'object':
      return ofObject(schema)
    default:
      return ofText(schema)
  }
}

function ofText(schema: JsonSchema): fc.Arbitrary<string> {
  const pattern = schema['pattern'] as string | undefined
  // fast-check has no look-ahead; what it forbids is filtered out.
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?!(?:[^()]|\([^()]*\))*\)/g, ''), 'u'))
  const [min, max] = [(schema['minLength'] as number | undefined) ?? 0, schema['maxLength'] as number | undefined]
  // Characters beyond the BMP are two units of UTF-16 and one character: at the very bound it shows who counts what.
  const longest = max === undefined ? [] : [fc.constant('𝔽'.repeat(max))]
  return fc.oneof(anyText, ...longest).filter((text) => lengthOf(text) >= min)
}

function ofObject(schema: JsonSchema): fc.Arbitrary<Record<string, unknown>> {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>)
  const either = ((schema['oneOf'] ?? []) as { required: string[] }[]).map(({ required }) => required)
  const known = (required: readonly string[]) =>
    fc.record(Object.fromEntries(properties.map(([name, each]) => [name, loose(each)])), { requiredKeys: [...required] })
  const required = (schema['required'] ?? []) as string[]
  if (either.length > 0) {
    return fc.oneof(
      ...either.map((one) => {
        const not = either.flat().filter((name) => !one.includes(name))
        return known([...required, ...one]).map((value) =>
          Object.fromEntries(Object.entries(value).filter(([name]) => !not.includes(name))),
        )
      }),
    )
  }
  const more = schema['additionalProperties']
  if (more === false || (more === undefined && properties.length > 0)) return known(required)
  const names = (schema['propertyNames'] ?? { type: 'string' }) as JsonSchema
  const others = fc.dictionary(fitting(names) as fc.Arbitrary<string>, loose((more ?? {}) as JsonSchema), { maxKeys: 3 })
  return fc.tuple(others, known(required)).map(([a, b]) => ({ ...a, ...b }))
}
