// What the node shows of its agent (driver_internal_info, with Ironic's names). Told with events of a task only: a heartbeat by itself is nothing that anybody has
// changed, so what is shown is the last one before the last event.
import { listedStepsSchema } from '../../shared/agent-protocol.ts'
import { FaultError, toFault } from '../../shared/faults.ts'
import { startCommand, waitForCommand } from '../agents/agent-client.ts'
import type { StepContext, StepResult } from '../driver.ts'
import type { Site } from '../site.ts'
import { bounded } from '../timing.ts'
import { phaseOf } from './agent-step.ts'
import { agentOf, type AgentOptions, nodeParams } from './perform.ts'

const ASK_MS = 30_000
/** More steps than fit in here are not shown. */
const MAX_STEPS_BYTES = 16 * 1024

/** As Ironic writes it: UTC, without saying so. */
export const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, -1)

/** The result of a step with when the agent of its machine called last, where one does. */
export function withHeartbeat(result: StepResult, { agents }: Pick<Site, 'agents'>, node: string): StepResult {
  const at = agents.lastCallAt(node)
  if (at === undefined) return result
  const { facts: { driver_internal_info: internal, ...facts } = {} } = result
  return {
    ...result,
    facts: { ...facts, driver_internal_info: { ...(internal as object), agent_last_heartbeat: stamp(at) } },
  }
}

/** Of an agent that has called: what it is, and which steps it has for this work. */
export async function agentFacts<Info>(
  context: StepContext<Info>,
  options: AgentOptions<Info>,
  { url, version }: { readonly url: string; readonly version: string },
): Promise<Record<string, unknown>> {
  const known = { agent_url: url, agent_version: version }
  const phase = phaseOf(context.task.kind)
  if (phase === undefined) return known
  try {
    return { ...known, ...(await stepsOf(context, options, phase)) }
  } catch (error) {
    context.signal.throwIfAborted()
    if (toFault(error).code === 'fenced') throw error
    context.note('agent.steps_unknown', { why: toFault(error).message })
    return known
  }
}

async function stepsOf<Info>(
  context: StepContext<Info>,
  options: AgentOptions<Info>,
  phase: 'clean' | 'deploy' | 'service',
): Promise<Record<string, unknown>> {
  const { env, signal } = context
  const limit = { ms: ASK_MS, what: 'asking the agent for its steps' }
  const answer = await bounded(env, limit, signal, async (ended) => {
    const agent = await agentOf({ ...context, signal: ended }, options)
    const params = nodeParams(context as StepContext<unknown>)
    return await waitForCommand(agent, await startCommand(agent, `${phase}.get_${phase}_steps`, params))
  })
  const listed = listedStepsSchema.safeParse(answer[`${phase}_steps`])
  if (!listed.success) throw new FaultError('agent.command', `the agent's list of steps: ${listed.error.message}`)
  // An agent does nothing without its ramdisk, and does not say so.
  const steps = Object.values(listed.data)
    .flat()
    .map((step) => ({ ...step, requires_ramdisk: true }))
  const byInterface = Object.groupBy(steps, ({ interface: iface }) => iface)
  const bytes = Buffer.byteLength(JSON.stringify(byInterface))
  if (bytes > MAX_STEPS_BYTES)
    throw new FaultError('request.too_large', `its ${steps.length} steps have ${bytes} bytes, more than is shown`)
  return {
    hardware_manager_version: answer['hardware_manager_version'] ?? {},
    [`agent_cached_${phase}_steps`]: byInterface,
    [`agent_cached_${phase}_steps_refreshed`]: stamp(env.now()),
  }
}
