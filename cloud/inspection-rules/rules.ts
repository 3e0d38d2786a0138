// Inspection rules: what is done with a node when what its inspection found meets conditions. Nothing here reads or writes anything else.
import { act, namesOf, type Action, type Found } from './actions.ts'
import { holds, type Condition } from './conditions.ts'
import { RuleFailure } from './fields.ts'
import { Work } from './work.ts'

export interface Rule {
  readonly uuid: string
  readonly priority: number
  readonly conditions: readonly Condition[]
  readonly actions: readonly Action[]
}

/**
 * Changes `found` by the rules all of whose conditions hold: the highest priority first, equals in the order given; each sees what those before
 * it did. Answers why the inspection fails, if it does; what was done until then stays.
 */
export function applyRules(rules: readonly Rule[], found: Found, work = new Work()): string | undefined {
  for (const rule of rules.toSorted((a, b) => b.priority - a.priority)) {
    try {
      if (!rule.conditions.every((condition) => holds(condition, namesOf(found), work))) continue
      for (const action of rule.actions) act(action, found, work)
    } catch (error) {
      if (!(error instanceof RuleFailure)) throw error
      return `inspection rule ${rule.uuid}: ${error.message}`
    }
  }
  return undefined
}
