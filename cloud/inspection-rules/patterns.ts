// Regular expressions of inspection rules: RE2's, whose time grows with pattern and text and never explodes (docs/adr/0016).
import { RE2JS, RE2JSException } from 're2js'
import { RuleFailure } from './fields.ts'

export type Pattern = Pick<RE2JS, 'programSize' | 'test' | 'testExact'>

const MAX_PATTERN = 1024

/** Throws RuleFailure. */
export function compile(regex: string): Pattern {
  const refuse = (why: string) => new RuleFailure(`${regex.slice(0, 100)} is no regular expression: ${why}`)
  if (regex.length > MAX_PATTERN) throw refuse(`it is longer than ${MAX_PATTERN} characters`)
  try {
    return RE2JS.compile(regex)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw refuse(error.message.replace(/^error parsing regexp: /, ''))
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
