// The same work on a machine that may not be powered off (docs/adr/0015): where a plan switches off and on, the machine is reset.
import type { Step } from '../shared/protocol.ts'

/** Nothing is left out but power: what a plan leaves off at its end stays on here, and an agent that ends does not stop its machine. */
export function keptOn(steps: readonly (Step & { readonly children?: unknown })[]): Step[] {
  let wouldBeOff = false
  return steps.flatMap((step) => {
    if (step.children !== undefined) return [step]
    switch (`${step.interface}.${step.step}`) {
      case 'power.power_off':
        wouldBeOff = true
        return []
      case 'power.power_on':
        if (!wouldBeOff) return [step]
        wouldBeOff = false
        return [{ ...step, step: 'reset' }]
      case 'deploy.tear_down_agent':
        return [{ ...step, args: { ...step.args, power_off: false } }]
      default:
        return [step]
    }
  })
}
