// The options of these benchmarks: numbers by name.
import { parseArgs } from 'node:util'

/** `--points 8`; what is not given has its default. Throws for anything else. */
export function numbers<T extends Record<string, number>>(args: readonly string[], defaults: T): T {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]))
  const { values } = parseArgs({ args: [...args], options })
  const given = Object.entries(values).map(([name, text]) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`--${name} is a whole number from 1 on, not ${String(text)}`)
    return [name, value]
  })
  return { ...defaults, ...Object.fromEntries(given) } as T
}
