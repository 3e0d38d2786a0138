// Replacement fields of inspection rules, as Python's format has them: {node.driver}, {inventory[cpu][count]}, {item[path]}. A text with a
// field that leads nowhere stays as it is; what was put in is not looked at again.

export type Values = Readonly<Record<string, unknown>>

/** A rule that cannot be carried out, or one whose action is to fail: the inspection fails with this message. */
export class RuleFailure extends Error {
  override name = 'RuleFailure'
}

const MAX_TEXT = 1024 * 1024

/** Who is told how many characters are read, value by value, and how many were put in. */
interface Watcher {
  read(characters: number): void
  made(characters: number): void
}

/** `value` with the fields in every text inside it replaced. Throws RuleFailure where that is too much. */
export function filled(value: unknown, names: Values, watcher: Watcher): unknown {
  if (typeof value === 'string') return filledText(value, names, watcher)
  watcher.read(0)
  if (Array.isArray(value)) return value.map((each) => filled(each, names, watcher))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [filledText(key, names, watcher), filled(each, names, watcher)]),
  )
}

/** May something be put into this text? */
export function namesField(text: string): boolean {
  return /\{(node\.|(inventory|plugin_data|item)\b)/.test(text)
}

/** As Python's str() would have it, apart from the inside of lists and objects. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number)
}

function filledText(text: string, names: Values, watcher: Watcher): string {
  watcher.read(text.length)
  let [isWhole, made] = [true, 0]
  const result = text.replaceAll(/\{\{|\}\}|\{([^{}]*)\}/g, (match, path: string | undefined) => {
    if (path === undefined) return match[0]!
    const found = lookUp(path, names)
    if (found === undefined) isWhole = false
    const put = textOf(found)
    made += put.length
    if (made > MAX_TEXT) throw new RuleFailure('a text of an inspection rule becomes too long')
    return put
  })
  watcher.made(made)
  return isWhole ? result : text
}

/** The node is an object, whose attributes have a dot in front; everything else is in brackets. */
function lookUp(path: string, names: Values): unknown {
  const parts = /^(\w+)(\.\w+)?((?:\[[^[\]]+\])*)$/.exec(path)
  if (!parts || (parts[1] === 'node') !== (parts[2] !== undefined)) return undefined
  const inside = [...parts[3]!.matchAll(/\[([^[\]]+)\]/g)].map(([, key]) => key!)
  let value: unknown = names
  for (const key of [parts[1]!, ...(parts[2] ? [parts[2].slice(1)] : []), ...inside]) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Values)[key]
  }
  return value
}
