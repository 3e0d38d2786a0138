// Arguments of a step, looked at again by who carries it out: the cloud that took them may know less about them.
import { FaultError } from '../../shared/faults.ts'
import { wrongArguments } from '../../shared/step-arguments.ts'
import type { StepContext } from '../driver.ts'

/** `Args`: what shared/step-arguments.ts has of the step. Throws a FaultError for others. */
export function checkedArguments<Args>({ args }: Pick<StepContext, 'args'>, step: string): Args {
  const why = wrongArguments(step, args)
  if (why !== undefined) throw new FaultError('request.invalid', `${step}: ${why}`)
  return args as Args
}
