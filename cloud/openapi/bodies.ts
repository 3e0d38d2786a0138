// The bodies of requests, from the very schemas that read them.
import { z } from 'zod'
import type { JsonSchema, Route } from '../api/call.ts'
import { MAX_PATCH_OPERATIONS, type Patchable } from '../api/patch.ts'

export function bodySchema({ body, patch }: Route): JsonSchema | undefined {
  if (patch) return patchSchema(patch)
  return body && schemaOf(body)
}

function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

/** A body that may be left out is read as `{}`. */
export function takesEmpty({ body }: Route): boolean {
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

/** Of what is below an attribute. */
function keyPattern(keys: NonNullable<Patchable['keys']>): string {
  return keys === true ? '(/([A-Za-z0-9_.:-]|~[01])+)+' : `/${keys.name}`
}
