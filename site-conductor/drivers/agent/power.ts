// Power by the agent (Ironic's power interface `agent`), for machines without a BMC: as long as one runs on the machine it ends or restarts it. Nobody is
// there to switch a machine on, so that, and whatever the agent does not answer to, is asked of a person.
import { FaultError } from '../../../shared/faults.ts'
import { runningCommand, startCommand } from '../../agents/agent-client.ts'
import { type AgentConnection, Unreachable } from '../../agents/agent-connection.ts'
import { agentOf, connectTo } from '../../deploy/perform.ts'
import { deployContext } from '../../deploy/task-context.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { sleep } from '../../timing.ts'
import { resetOnce } from '../reset-once.ts'

/** A kernel that stops its devices takes a while. */
const END_MS = 60_000
const LOOK_MS = 500
/** A link that flaps, or a connection that is reset, is no machine that is off. */
const SILENT_MS = 3_000

/** `seen`: told what is known of the power now. */
export function agentPower<Info>(
  byHand: Implementation<Info>,
  seen: (node: string, power: 'power on' | 'power off') => void,
): Implementation<Info> {
  const ask = async (step: string, context: StepContext<Info>): Promise<StepResult> =>
    (await byHand.steps![step]!(context)) ?? {}
  const powerOff = async (context: StepContext<Info>): Promise<StepResult> => {
    const { agent_url: url, power_off_told: isTold } = deployContext(context)
    if (url === undefined) return await ask('power_off', context)
    const agent = await agentOf(context, {})
    const ends = isTold || (await obeys(context, agent, 'standby.power_off'))
    if (!ends || !(await fallsSilent(agent, () => runningCommand(agent, '')))) return await ask('power_off', context)
    seen(context.node.node, 'power off')
    return { facts: { power_state: 'power off' } }
  }
  return {
    ...byHand,
    steps: {
      ...byHand.steps,
      power_off: powerOff,
      soft_power_off: powerOff,
      async reset(context) {
        const { last_agent: last } = deployContext(context)
        if (last === undefined) return await ask('reset', context)
        const restart = async (): Promise<StepResult> => {
          const agent = await connectTo(context, last, {})
          if (!(await obeys(context, agent, 'standby.run_image'))) return await ask('reset', context)
          seen(context.node.node, 'power on')
          return { facts: { power_state: 'power on' } }
        }
        const start = { isOff: false, switchOn: restart, reset: restart }
        const { context: kept, ...done } = await resetOnce(context, start)
        return { ...done, context: { ...kept, last_agent: null } }
      },
    },
  }
}

/** Has the agent taken the command? One that is gone, or busy, is a line on the timeline. */
async function obeys(context: StepContext<unknown>, agent: AgentConnection, command: string): Promise<boolean> {
  try {
    await startCommand(agent, command, {}, `${context.task.id} ${context.task.at} ${command}`)
    return true
  } catch (error) {
    if (!(error instanceof FaultError) || !['agent.lost', 'agent.command'].includes(error.fault.code)) throw error
    context.note('agent.gone', { why: error.fault.message })
    return false
  }
}

/** Resolves when the agent has answered nothing, and has not called, for a while; false when it is still there after a longer one. */
export async function fallsSilent(
  { env, signal, heartbeats }: Pick<AgentConnection, 'env' | 'signal' | 'heartbeats'>,
  ask: () => Promise<unknown>,
): Promise<boolean> {
  let [since, calls]: [number | undefined, number] = [undefined, 0]
  for (const end = env.mono() + END_MS; env.mono() < end;) {
    try {
      await ask()
      since = undefined
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      if (since === undefined || calls !== heartbeats.count()) [since, calls] = [env.mono(), heartbeats.count()]
      if (env.mono() - since >= SILENT_MS) return true
    }
    await sleep(env, LOOK_MS, signal)
  }
  return false
}
