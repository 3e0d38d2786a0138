// Traits that an instance wants of its node (Ironic's instance_info.traits): without one of them nothing is deployed.
import { FaultError } from '../shared/faults.ts'

export function wantedTraits(instanceInfo: unknown): string[] {
  const { traits } = instanceInfo as { traits?: unknown }
  return Array.isArray(traits) ? traits.map(String) : []
}

/** Throws 400 where the node `has` not all of them. */
export function refuseLacking(node: string, wanted: readonly string[], has: readonly string[]): void {
  const missing = wanted.filter((trait) => !has.includes(trait))
  if (missing.length > 0)
    throw new FaultError('request.invalid', `The instance wants traits that node ${node} lacks: ${missing.join(', ')}.`)
}
