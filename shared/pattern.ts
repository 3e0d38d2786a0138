// Regular expressions that users write: RE2's, whose time grows with pattern and text and never explodes (docs/adr/0016).
import { RE2JS, RE2JSException } from 're2js'

export type Pattern = Pick<RE2JS, 'programSize' | 'test' | 'testExact'>

const MAX_PATTERN = 1024

/** Throws an Error that says why it is none. */
export function compilePattern(regex: string, { ignoreCase = false }: { ignoreCase?: boolean } = {}): Pattern {
  const refuse = (why: string) => new Error(`${regex.slice(0, 100)} is no regular expression: ${why}`)
  if (regex.length > MAX_PATTERN) throw refuse(`it is longer than ${MAX_PATTERN} characters`)
  try {
    return RE2JS.compile(regex, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw refuse(error.message.replace(/^error parsing regexp: /, ''))
  }
}
