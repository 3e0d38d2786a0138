// Regular expressions of inspection rules (docs/adr/0016).
import { compilePattern, type Pattern } from '../../shared/pattern.ts'
import { RuleFailure } from './fields.ts'

export type { Pattern }

/** Throws RuleFailure. */
export function compile(regex: string): Pattern {
  try {
    return compilePattern(regex)
  } catch (error) {
    throw new RuleFailure((error as Error).message)
  }
}

/** Why this is no regular expression. */
export function notPattern(regex: string): string | undefined {
  try {
    compile(regex)
    return undefined
  } catch (error) {
    if (error instanceof RuleFailure) return error.message
    throw error
  }
}
