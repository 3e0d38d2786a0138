// One mistake that somebody could make in the protocol, as data: where it is, and what stands there instead.
// 1. `find` stands exactly once in today's source; else the mutant has rotted and is an error. 2. A mutant passes the types.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Flavour } from '../mix.ts'

export const RULES = ['1', '2', '3', '4', '5', '6', '7', '8', '8b', '9', '10'] as const
/** Of docs/simulator.md, "The rules". */
export type Rule = (typeof RULES)[number]

export interface Mutant {
  readonly id: string
  readonly rule: Rule
  /** Seeds that are about this come first. */
  readonly flavour?: Flavour
  /** What goes wrong, in words. */
  readonly breaks: string
  /** From the root of the repository. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** Why nothing can catch it: known, and no failure. */
  readonly survives?: string
}

export const ROOT = join(import.meta.dirname, '..', '..', '..')

/** The mutated text of its file. */
export function mutated({ id, file, find, replace }: Mutant, source = readFileSync(join(ROOT, file), 'utf8')): string {
  const parts = source.split(find)
  if (parts.length !== 2)
    throw new Error(`mutant ${id}: what it looks for stands ${parts.length - 1} times in ${file}, not once`)
  return parts.join(replace)
}
