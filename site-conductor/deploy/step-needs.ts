// What a step of the agent is told beside its arguments: where it gets programs that the ramdisk is without, and what the node says of its burn-ins.
import { burnInSchema } from '../../shared/burn-in.ts'
import { LAYER_OF } from '../../shared/layers.ts'
import type { StepContext } from '../driver.ts'

/** A layer that this conductor does not have is left out: the ramdisk may have the programs by itself, and says so where not. */
export async function layersFor({ site }: Pick<StepContext, 'site'>, step: string): Promise<Record<string, unknown>> {
  const name = LAYER_OF[step]
  const source = name === undefined ? undefined : await site.boot?.layers?.get(name)
  return source === undefined ? {} : { layers: { [name!]: source } }
}

/** Fields of driver_info that the agent needs. All others are nobody's business there: passwords of BMCs are among them. */
export function burnInInfo(
  { driverInfo }: Pick<StepContext<unknown>, 'driverInfo'>,
  step: string,
): Record<string, unknown> {
  if (!step.startsWith('burnin_')) return {}
  const given = Object.entries((driverInfo ?? {}) as Record<string, unknown>)
  const wanted = given.filter(
    ([name, value]) => Object.hasOwn(burnInSchema.shape, name) && value !== null && value !== undefined,
  )
  return { driver_info: Object.fromEntries(wanted) }
}
