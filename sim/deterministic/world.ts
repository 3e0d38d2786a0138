// What everything in one simulated run shares: time, chance, the trace, and the list of broken promises.
import { createHash } from 'node:crypto'
import { Clock, START_MS } from './clock.ts'
import { Random } from './random.ts'

const HASH_CHARACTERS = 65_536

export class World {
  readonly clock = new Clock()
  readonly random: Random
  readonly violations: string[] = []
  readonly #hash = createHash('sha256')
  readonly #print: ((line: string) => void) | undefined
  #lines = 0
  /** Lines that are not in the hash yet: many at once cost less. */
  #unhashed = ''

  constructor(seed: number, print?: (line: string) => void) {
    this.random = new Random(seed)
    this.#print = print
  }

  /** A line of the trace: the same seed gives the same lines, to the byte. */
  say(who: string, what: string): void {
    const line = `${((this.clock.now - START_MS) / 1000).toFixed(3).padStart(9)} ${who.padEnd(9)} ${what}`
    this.#unhashed += `${line}\n`
    if (this.#unhashed.length > HASH_CHARACTERS) this.#digest()
    this.#lines++
    this.#print?.(line)
  }

  /** An invariant does not hold. `rule`: its name in the list of invariants.ts. */
  violated(rule: string, what: string): void {
    this.violations.push(`${rule}: ${what}`)
    this.say('JUDGE', `VIOLATION ${rule}: ${what}`)
  }

  #digest(): void {
    this.#hash.update(this.#unhashed)
    this.#unhashed = ''
  }

  get trace(): { lines: number; sha256: string } {
    this.#digest()
    return { lines: this.#lines, sha256: this.#hash.copy().digest('hex') }
  }
}
