// JSON Patch as Ironic takes it: add, replace and remove on a fixed list of attributes; no test, move or copy.
import { z } from 'zod'
import type { PatchOperation } from '../site-hub/commands.ts'
import { check } from './body.ts'
import { need } from './microversion.ts'
import { invalid } from './query.ts'

const Operation = z
  .strictObject({ op: z.enum(['add', 'replace', 'remove']), path: z.string().max(1024), value: z.unknown().optional() })
  .refine((operation) => operation.op === 'remove' || 'value' in operation, {
    message: 'a value is needed',
    path: ['value'],
  })
export const MAX_PATCH_OPERATIONS = 500
export const PatchBody = z.array(Operation).max(MAX_PATCH_OPERATIONS)

/** An attribute that may be patched: the microversion that knows it, its schema, and whether it has keys below it
 * (any, or one level of those whose name is of this pattern). */
export interface Patchable {
  readonly since: number
  readonly schema: z.ZodType
  readonly keys?: true | { readonly name: string; readonly value: z.ZodType }
  /** It cannot be removed. */
  readonly needed?: true
}

const PLAIN_PATH = /^(\/[\w-]+)+$/
/** Since 1.98 keys may hold `~` and `/`, escaped as ~0 and ~1 (RFC 6901 §3). */
const ESCAPED_PATH = /^(\/([\w.:-]|~[01])+)+$/

/** The operations, each checked against `allowed`; the fault names the first that is not possible. */
export function checkPatch(
  body: z.infer<typeof PatchBody>,
  allowed: Readonly<Record<string, Patchable>>,
  version: number,
): PatchOperation[] {
  return body.map((operation, i): PatchOperation => {
    const { op, path, value } = operation
    if (!(version >= 98 ? ESCAPED_PATH : PLAIN_PATH).test(path))
      throw invalid(`Operation ${i}: "${path}" is not a valid path`)
    const [, root, ...below] = path.split('/') as [string, string, ...string[]]
    const attribute = allowed[root]
    if (!attribute)
      throw invalid(`Operation ${i}: "/${root}" cannot be changed; possible are ${Object.keys(allowed).join(', ')}`)
    need(version, attribute.since, `The field ${root}`)
    if (below.length > 0 && !attribute.keys) throw invalid(`Operation ${i}: "/${root}" has no keys`)
    if (op === 'remove' && below.length === 0 && attribute.needed)
      throw invalid(`Operation ${i}: "/${root}" cannot be removed`)
    if (op === 'remove') return { op, path }
    return { op, path, value: below.length === 0 ? check(attribute.schema, value, root) : value }
  })
}
