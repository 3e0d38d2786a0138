// All mutants, by rule.
import { fences } from './fences.ts'
import { leases } from './leases.ts'
import type { Mutant } from './mutant.ts'
import { numbers } from './numbers.ts'
import { refusals } from './refusals.ts'
import { tasks } from './tasks.ts'

export const MUTANTS: readonly Mutant[] = [...leases, ...numbers, ...fences, ...tasks, ...refusals]
