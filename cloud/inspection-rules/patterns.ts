// Regular expressions of inspection rules. Operators write them and a hub runs them in its turn, where nothing else of the site goes on: hence
// RE2's (docs/adr/0016), whose time grows with pattern and text and never explodes, and a budget for all that one inspection asks.
import { RE2JS, RE2JSException } from 're2js'
import { RuleFailure } from './fields.ts'

const MAX_PATTERN = 1024
/** Instructions of a pattern times characters that it looks at. The worst pattern takes some 15 ns for each (2 cores of 2020). */
const MAX_WORK = 50_000_000
/** What compiling an instruction is worth, in characters. */
const COMPILATION = 100

export class Patterns {
  readonly #compiled = new Map<string, RE2JS>()
  #left = MAX_WORK

  /** Is the whole text of this pattern? Throws RuleFailure, as does `contains`. */
  matches(regex: string, text: string): boolean {
    return this.#charged(regex, text).testExact(text)
  }

  /** Is some part of the text? */
  contains(regex: string, text: string): boolean {
    return this.#charged(regex, text).test(text)
  }

  #charged(regex: string, text: string): RE2JS {
    const known = this.#compiled.get(regex)
    const pattern = known ?? compile(regex)
    this.#left -= pattern.programSize() * (text.length + (known ? 1 : COMPILATION))
    if (this.#left < 0) throw new RuleFailure('the regular expressions of all rules have too much to look at together')
    this.#compiled.set(regex, pattern)
    return pattern
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

function compile(regex: string): RE2JS {
  const refuse = (why: string) => new RuleFailure(`${regex.slice(0, 100)} is no regular expression: ${why}`)
  if (regex.length > MAX_PATTERN) throw refuse(`it is longer than ${MAX_PATTERN} characters`)
  try {
    return RE2JS.compile(regex)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw refuse(error.message.replace(/^error parsing regexp: /, ''))
  }
}
