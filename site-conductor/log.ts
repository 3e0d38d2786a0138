// One logger: a line per event with fields, JSON for machines or short text for people. Callers pass no secrets: driver_info and
// task context are never logged.

export type Fields = Readonly<Record<string, unknown>>
export type Level = 'debug' | 'info' | 'warn' | 'error'
const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

export interface Log {
  debug(text: string, fields?: Fields): void
  info(text: string, fields?: Fields): void
  warn(text: string, fields?: Fields): void
  error(text: string, fields?: Fields): void
  /** A logger whose lines carry these fields too (site, conductor, node, task, epoch, step). */
  with(fields: Fields): Log
}

export interface LogOptions {
  readonly level: Level
  readonly format: 'json' | 'text'
  readonly now: () => number
  readonly write: (line: string) => void
}

export function logger(options: LogOptions, base: Fields = {}): Log {
  const at =
    (level: Level) =>
    (text: string, fields: Fields = {}) => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(options.level)) return
      const all = { ...base, ...fields }
      const time = new Date(options.now()).toISOString()
      if (options.format === 'json') return options.write(JSON.stringify({ time, level, text, ...all }, readable))
      const tail = Object.entries(all).map(([key, value]) => `${key}=${JSON.stringify(value, readable)}`)
      options.write([time.slice(11, 23), level.padEnd(5), text, ...tail].join(' '))
    }
  const [debug, info, warn, error] = LEVELS.map(at) as [Log['debug'], Log['info'], Log['warn'], Log['error']]
  return { debug, info, warn, error, with: (fields) => logger(options, { ...base, ...fields }) }
}

export const silent: Log = logger({ level: 'error', format: 'json', now: () => 0, write: () => {} })

function readable(_: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return value.cause === undefined ? value.message : `${value.message}: ${String(value.cause)}`
}
