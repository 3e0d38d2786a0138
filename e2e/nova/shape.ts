// What of an answer nova's driver depends on: its keys, the JSON type of each value, and the very value where it is a state that nova waits for
// or decides by.
import { isDeepStrictEqual } from 'node:util'

/** Nova's decisions: `result` is that of an interface's validation. */
const STATES = new Set(['provision_state', 'target_provision_state', 'power_state', 'target_power_state', 'maintenance', 'instance_uuid', 'console_enabled', 'result', 'error']) // prettier-ignore

export type Shape = string | readonly Shape[] | { readonly [key: string]: unknown }

/** A list is told by its first element, and a state by `=` and its value. */
export function shapeOf(value: unknown): Shape {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, STATES.has(key) ? `= ${JSON.stringify(each)}` : shapeOf(each)]),
  )
}

/** Where the two differ: `.nodes[].name: string, missing`. */
export function misshapen(wanted: unknown, seen: unknown, at = ''): string[] {
  if (isDeepStrictEqual(wanted, seen)) return []
  const told = (shape: unknown) => (shape === undefined ? 'missing' : JSON.stringify(shape))
  const bothAre = (what: (shape: unknown) => boolean) => what(wanted) && what(seen)
  if (bothAre(Array.isArray)) {
    const [[a], [b]] = [wanted as unknown[], seen as unknown[]]
    return misshapen(a, b, `${at}[]`)
  }
  if (bothAre((shape) => typeof shape === 'object' && !Array.isArray(shape))) {
    const [a, b] = [wanted as Record<string, unknown>, seen as Record<string, unknown>]
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      misshapen(a[key], b[key], `${at}.${key}`),
    )
  }
  return [`${at}: ${told(wanted)}, ${told(seen)}`]
}

/** Is it of a node that is on its way somewhere? */
export function isUnderWay(shape: unknown): boolean {
  return /"target_p\w+_state":"= (?!null)/.test(JSON.stringify(shape) ?? '')
}

/** The shape without the values of states. */
export function stateless(shape: unknown): unknown {
  if (typeof shape === 'string') return shape.startsWith('= ') ? 'a state' : shape
  if (Array.isArray(shape)) return shape.map(stateless)
  if (typeof shape !== 'object' || shape === null) return shape
  return Object.fromEntries(Object.entries(shape).map(([key, each]) => [key, stateless(each)]))
}
