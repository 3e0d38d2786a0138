// The step that is under way as its node shows it (clean_step, deploy_step, service_step): Ironic's object, always with all its fields, from what the task has of
// the step and what the node's driver says of it.
import type { OfferedStep } from '../../shared/protocol.ts'
import type { ListStep } from '../step-selection.ts'

/** Steps of the plans that the agent does. */
const BY_AGENT: ReadonlySet<string> = new Set([
  'deploy.write_image',
  'deploy.write_configdrive',
  'deploy.prepare_instance_boot',
  'deploy.execute_bootc_install',
])

/** `offered`: of the node's driver; undefined where its conductors are older than that. */
export function stepObject(step: ListStep, offered: readonly OfferedStep[] = []): Record<string, unknown> {
  const { interface: iface, step: name, args, priority = 0, waits = false, children } = step
  const offer = offered.find((each) => each.interface === iface && each.step === name)
  // What no driver knows and says whether it may be aborted is a step of the agent's own (step-selection.ts).
  const isAgents = step.abortable !== undefined || BY_AGENT.has(`${iface}.${name}`)
  return {
    interface: iface,
    step: name,
    args,
    priority,
    abortable: step.abortable ?? offer?.abortable ?? waits,
    argsinfo: offer?.argsinfo ?? null,
    requires_ramdisk: offer ? offer.requires_ramdisk !== false : isAgents,
    ...(children && { execute_on_child_nodes: true }),
  }
}
