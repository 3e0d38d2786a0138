// A reset, the one command whose second time does something else (docs/adr/0015): only for machines that may not be off, and at most once. One that is
// off all the same is switched on instead, which is as good a start, and none follows it.
// That it may go out is on record before it does. Whoever finds that and no end of the step looks for what the machine did since, and never
// repeats it.
import { FaultError } from '../../shared/faults.ts'
import { deployContext } from '../deploy/task-context.ts'
import type { StepContext, StepResult } from '../driver.ts'

export interface Start {
  readonly isOff: boolean
  switchOn(): Promise<StepResult>
  /** Resolves when the machine is seen on. */
  reset(): Promise<StepResult>
}

export async function resetOnce<Info>(context: StepContext<Info>, start: Start): Promise<StepResult> {
  const { reset_begun: hasBegun, boot_token: bootsRamdisk } = deployContext(context)
  const over = { reset_begun: null }
  if (!hasBegun || start.isOff) {
    await context.keep({ reset_begun: true })
    const done = await (start.isOff ? start.switchOn() : start.reset())
    return { ...done, context: { ...done.context, ...over } }
  }
  // The agent's call, which is waited for next, shows it; where nobody serves that boot any more, the task has gone back before this step.
  if (bootsRamdisk !== undefined) {
    context.note('reset.unknown', {
      why: 'an earlier run of this step may have reset the machine: its agent will tell',
    })
    return { context: over }
  }
  throw new FaultError('power.timeout', 'whether the machine was reset is not known, so it was not reset again', {
    hint: 'look at the machine on its console; reboot it once more if it was not',
  })
}
