// What everything in one simulated run shares: time, chance, the trace, and the list of broken promises.
import { createHash } from 'node:crypto'
import { Clock, START_MS } from './clock.ts'
import { Random } from './random.ts'

export class World {
  readonly clock = new Clock()
  readonly random: Random
  readonly violations: string[] = []
  readonly #hash = createHash('sha256')
  readonly #print: ((line: string) => void) | undefined
  #lines = 0

  constructor(seed: number, print?: (line: string) => void) {
    this.random = new Random(seed)
    this.#print = print
  }

  /** A line of the trace: the same seed gives the same lines, to the byte. */
  say(who: string, what: string): void {
    const line = `${((this.clock.now - START_MS) / 1000).toFixed(3).padStart(9)} ${who.padEnd(9)} ${what}`
    this.#hash.update(line).update('\n')
    this.#lines++
    this.#print?.(line)
  }

  /** An invariant does not hold. `rule`: its number in the list of judge.ts. */
  violated(rule: string, what: string): void {
    this.violations.push(`${rule}: ${what}`)
    this.say('JUDGE', `VIOLATION ${rule}: ${what}`)
  }

  get trace(): { lines: number; sha256: string } {
    return { lines: this.#lines, sha256: this.#hash.copy().digest('hex') }
  }
}
