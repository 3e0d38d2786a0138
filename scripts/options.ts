// Options of a task: what does not fit is answered with one line and the help, not with a stack trace.
import { parseArgs, type ParseArgsConfig } from 'node:util'

/** Prints the help for --help (exit code 0) and for what it does not know (exit code 2). */
export function readOptions<T extends NonNullable<ParseArgsConfig['options']>>(help: string, options: T) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } as const } })
    if ((values as { help?: boolean }).help) {
      console.log(help)
      process.exit(0)
    }
    return values
  } catch (error) {
    console.error(`${(error as Error).message.split('. ')[0]}.\n\n${help}`)
    process.exit(2)
  }
}
