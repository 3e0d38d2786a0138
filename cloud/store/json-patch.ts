// JSON patch as Ironic takes it (RFC 6902 add, replace, remove; RFC 6901 pointers) on a document of known root fields.
import { FaultError } from '../../shared/faults.ts'
import type { PatchOperation } from '../site-hub/commands.ts'

/** A changed copy of `document`. A removed root field becomes `empty[field]`, or null; a path that leads nowhere is a fault. */
export function applyPatch(
  document: Readonly<Record<string, unknown>>,
  patch: readonly PatchOperation[],
  empty: Readonly<Partial<Record<string, unknown>>>,
): Record<string, unknown> {
  const copy = structuredClone(document) as Record<string, unknown>
  for (const operation of patch) applyOne(copy, operation, empty)
  return copy
}

function applyOne(
  document: Record<string, unknown>,
  { op, path, value }: PatchOperation,
  empty: Readonly<Partial<Record<string, unknown>>>,
): void {
  const keys = path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop()
  if (last === undefined) throw invalid(path, 'names no attribute')
  if (keys.length === 0) {
    document[last] =
      op === 'remove' ? structuredClone(empty[last] ?? null) : (value ?? structuredClone(empty[last] ?? null))
    return
  }
  let parent: unknown = document
  for (const key of keys) parent = child(parent, key, path)
  if (Array.isArray(parent)) return applyToList(parent, op, last, value, path)
  if (parent === null || typeof parent !== 'object') throw invalid(path, 'does not exist')
  const record = parent as Record<string, unknown>
  if (op !== 'add' && !Object.hasOwn(record, last)) throw invalid(path, 'does not exist')
  if (op === 'remove') delete record[last]
  else Object.defineProperty(record, last, { value, writable: true, enumerable: true, configurable: true }) // __proto__ is a key like others
}

function applyToList(list: unknown[], op: string, key: string, value: unknown, path: string): void {
  const at = key === '-' && op === 'add' ? list.length : /^\d{1,9}$/.test(key) ? Number(key) : -1
  if (at < 0 || at > list.length || (op !== 'add' && at === list.length)) throw invalid(path, 'does not exist')
  if (op === 'add') list.splice(at, 0, value)
  else if (op === 'remove') list.splice(at, 1)
  else list[at] = value
}

function child(parent: unknown, key: string, path: string): unknown {
  if (parent === null || typeof parent !== 'object' || !Object.hasOwn(parent, key))
    throw invalid(path, 'does not exist')
  return (parent as Record<string, unknown>)[key]
}

function invalid(path: string, why: string): FaultError {
  return new FaultError('request.invalid', `Couldn't apply patch: ${path} ${why}.`)
}
