// What the rules of one inspection may do in a hub's turn, where nothing else of the site goes on. Whatever grows with the rules or with what was
// found is charged to one budget: conditions and actions, each as often as their loop turns; texts that are read, made or compared; patterns.
import { RuleFailure } from './fields.ts'
import { compile, type Pattern } from './patterns.ts'

/** An instruction of a pattern that looks at a character is one; the worst pattern takes some 15 ns for each (2 cores of 2020). */
const BUDGET = 50_000_000
/** What compiling an instruction is worth, in characters. */
const COMPILATION = 100
/** And a character that is put in the place of a field. */
const CHARACTER = 4
/** A condition or an action, once. */
const OPERATION = 500
/** A value that is looked at, beside its characters. */
const VALUE = 10

export class Work {
  readonly #patterns = new Map<string, Pattern>()
  #left = BUDGET

  /** What has been charged so far. */
  get spent(): number {
    return BUDGET - this.#left
  }

  /** A condition is looked at, or an action carried out. Throws RuleFailure, as do the others. */
  begins(): void {
    this.#spend(OPERATION)
  }

  /** A value of so many characters is read. */
  read(characters: number): void {
    this.#spend(VALUE + characters)
  }

  /** Characters that were made. */
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
