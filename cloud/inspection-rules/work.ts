// What the rules of one inspection may do in a hub's turn, where nothing else of the site goes on: a budget of steps and of texts.
import { RuleFailure } from './fields.ts'
import { compile, type Pattern } from './patterns.ts'

/** An instruction of a pattern that looks at a character is one; the worst pattern takes some 15 ns for each (2 cores of 2020). */
const BUDGET = 50_000_000
/** What compiling an instruction is worth, in characters. */
const COMPILATION = 100
/** And a character that is put in the place of a field. */
const CHARACTER = 4

export class Work {
  readonly #patterns = new Map<string, Pattern>()
  #left = BUDGET

  /** Characters that were made. Throws RuleFailure, as do the others. */
  made(characters: number): void {
    this.#spend(characters * CHARACTER)
  }

  /** Is the whole text of this pattern? */
  matches(regex: string, text: string): boolean {
    return this.#pattern(regex, text).testExact(text)
  }

  /** Is some part of the text? */
  contains(regex: string, text: string): boolean {
    return this.#pattern(regex, text).test(text)
  }

  #pattern(regex: string, text: string): Pattern {
    const known = this.#patterns.get(regex)
    const pattern = known ?? compile(regex)
    this.#spend(pattern.programSize() * (text.length + (known ? 1 : COMPILATION)))
    this.#patterns.set(regex, pattern)
    return pattern
  }

  #spend(amount: number): void {
    this.#left -= amount
    if (this.#left < 0) throw new RuleFailure('the inspection rules have too much to do together')
  }
}
