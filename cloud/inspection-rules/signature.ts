// What an operator or an action of an inspection rule takes. Arguments come by name, or as a list in the order of the signature.
import { filled, RuleFailure, type Values } from './fields.ts'
import type { Work } from './work.ts'

export interface Signature {
  readonly needs: readonly string[]
  /** Those that may be left out; in a list they come last. */
  readonly may?: readonly string[]
  /** Why arguments cannot do, whatever an inspection finds. */
  refuse?(args: Values): string | undefined
  /** The same, where it takes long to find out: only when a rule is made. */
  refuseNew?(args: Values): string | undefined
}

export type Arguments = Values | readonly unknown[]

/** Why a rule with these arguments cannot be made. */
export function complaint(signature: Signature, given: Arguments): string | undefined {
  return (
    misfit(signature, given) ?? signature.refuseNew?.(byName([...signature.needs, ...(signature.may ?? [])], given))
  )
}

/** Why `given` are no arguments of this signature, by their names. */
function misfit(signature: Signature, given: Arguments): string | undefined {
  const { needs, may = [] } = signature
  const all = [...needs, ...may]
  const named = byName(all, given)
  const missing = needs.filter((name) => !Object.hasOwn(named, name))
  const unknown = Object.keys(named).filter((name) => !all.includes(name))
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  if (unknown.length > 0) return `does not know ${unknown.join(', ')}; possible are ${all.join(', ')}`
  if (Array.isArray(given) && given.length > all.length) return `takes only ${all.join(', ')}`
  return signature.refuse?.(named)
}

/** Arguments by name, with their fields replaced. Throws RuleFailure. */
export function argsOf(signature: Signature, given: Arguments = {}, names: Values, work: Work): Values {
  work.begins()
  const refused = misfit(signature, given)
  if (refused !== undefined) throw new RuleFailure(refused)
  return filled(byName([...signature.needs, ...(signature.may ?? [])], given), names, work) as Values
}

function byName(all: readonly string[], given: Arguments): Values {
  if (!Array.isArray(given)) return given as Values
  return Object.fromEntries(all.slice(0, given.length).map((name, i) => [name, (given as readonly unknown[])[i]]))
}
