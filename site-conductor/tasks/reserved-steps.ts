// Steps that every driver has, on any interface (Ironic's reserved names). Those that change power are the driver's own, put into the plan by the cloud.
import { FaultError } from '../../shared/faults.ts'
import type { StepContext, StepResult } from '../driver.ts'
import { sleep } from '../timing.ts'

/** Ironic's max_conductor_wait_step_seconds is at most this. */
const MAX_WAIT_S = 1800

export const reservedSteps: Readonly<Record<string, (context: StepContext) => Promise<StepResult | void>>> = {
  /** `seconds`, or until the agent calls again. */
  async wait({ args, env, signal, site, node }) {
    const { seconds } = args
    if (seconds !== undefined) {
      if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= MAX_WAIT_S))
        throw new FaultError('request.invalid', `wait: seconds is a number from 0 to ${MAX_WAIT_S}`)
      return await sleep(env, seconds * 1000, signal)
    }
    const over = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
    )
    over.catch(() => undefined)
    await Promise.race([site.agents.callAfter(node.node, site.agents.callCount(node.node), signal), over])
  },
}
