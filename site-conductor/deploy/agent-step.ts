// Steps that the agent carries out (Ironic's in-band steps): ordered as part of the work that they are in, cleaning, deployment or service.
import { FaultError } from '../../shared/faults.ts'
import type { StepContext } from '../driver.ts'
import { burnInInfo, layersFor } from './step-needs.ts'
import { type AgentOptions, nodeParams, performer } from './perform.ts'

const PHASES: Readonly<Record<string, 'clean' | 'deploy' | 'service'>> = {
  clean: 'clean',
  deploy: 'deploy',
  rebuild: 'deploy',
  service: 'service',
}

/** As whose step the agent is asked to do what is part of that kind of work; undefined: it has none for that. */
export const phaseOf = (kind: string): 'clean' | 'deploy' | 'service' | undefined => PHASES[kind]

/** Runs `step` with the arguments of the task's step, and answers what the agent's own step answered. */
export function agentStep<Info>(options: AgentOptions<Info>, iface: string, step: string) {
  const perform = performer(options)
  return async (
    context: StepContext<Info>,
    args: Readonly<Record<string, unknown>> = context.args,
  ): Promise<Record<string, unknown>> => {
    const phase = phaseOf(context.task.kind)
    if (phase === undefined)
      throw new FaultError('driver.unsupported', `${iface}.${step} is no step of the work ${context.task.kind}`)
    const { node, ports } = nodeParams(context)
    const order = {
      step: { interface: iface, step, args },
      node: { ...node, ...burnInInfo(context, step) },
      ports,
      ...(await layersFor(context, step)),
    }
    const answer = await perform(context, step, `${phase}.execute_${phase}_step`, order)
    return (answer[`${phase}_result`] ?? {}) as Record<string, unknown>
  }
}
