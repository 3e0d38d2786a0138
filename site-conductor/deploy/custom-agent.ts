// The deploy interface "custom-agent": as "direct", but nothing is written by a step that this conductor knows. The operator's ramdisk has a step of its
// own for that, which a deploy template or a request puts into the list (Ironic recommends priorities 81 to 99).
import type { ListedStep } from '../../shared/agent-protocol.ts'
import { listedStepsSchema } from '../../shared/agent-protocol.ts'
import { FaultError } from '../../shared/faults.ts'
import { startCommand, waitForCommand } from '../agents/agent-client.ts'
import type { Implementation, StepContext } from '../driver.ts'
import { directDeploy } from './direct.ts'
import { imageInfoOf } from './image-info.ts'
import { configDriveOf } from './instance-drive.ts'
import { agentOf, type AgentOptions, nodeParams, performer } from './perform.ts'
import { refuseProperties } from './properties.ts'
import { deployContext } from './task-context.ts'

export function customAgentDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const { offers, steps, resume, failed } = directDeploy<Info>(options)
  const { write_image: _, write_configdrive: __, wait_agent: awaitAgent, ...more } = steps!
  const perform = performer(options)
  return {
    deployment: {
      core: ['boot_agent', 'prepare_instance_boot', 'tear_down_agent', 'boot_instance'],
      agentSteps: true,
    },
    validate: (context, instanceInfo) => refuseProperties(context, instanceInfo),
    offers: offers!,
    resume: resume!,
    failed: failed!,
    steps: {
      ...more,
      /** Fails before anything is done where the agent does not have all the steps of the list (`args.steps`). */
      async wait_agent(context) {
        const result = await awaitAgent!(context)
        if (result?.back !== undefined) return result
        if (result?.context !== undefined) await context.keep(result.context)
        const wanted = (context.args['steps'] ?? []) as string[]
        if (wanted.length === 0) return result
        const has = (await stepsOfAgent(context, options)).map(({ step }) => step)
        const missing = wanted.filter((step) => !has.includes(step))
        if (missing.length === 0) return result
        throw new FaultError('driver.unsupported', `the agent does not have the deploy steps ${missing.join(', ')}`, {
          hint: `correct the list or boot another ramdisk; this one has ${has.join(', ') || 'none'}`,
        })
      },
    },
    async agentStep(context, name) {
      const listed = (await stepsOfAgent(context, options)).find(({ step }) => step === name)
      if (listed === undefined)
        throw new FaultError('driver.unsupported', `the agent does not have the deploy step ${name}`)
      const args = { ...(await argsOfInstance(context, listed)), ...context.args }
      const step = { interface: 'deploy', step: name, args }
      await perform(context, name, 'deploy.execute_deploy_step', { step, ...nodeParams(context) })
    },
  }
}

async function stepsOfAgent<Info>(context: StepContext<Info>, options: AgentOptions<Info>): Promise<ListedStep[]> {
  const agent = await agentOf(context, options)
  const started = await startCommand(agent, 'deploy.get_deploy_steps', nodeParams(context as StepContext<unknown>))
  const { deploy_steps: listed } = await waitForCommand(agent, started)
  const parsed = listedStepsSchema.safeParse(listed)
  if (!parsed.success) throw new FaultError('agent.command', `the agent's list of steps: ${parsed.error.message}`)
  return Object.values(parsed.data).flat()
}

/** What the step takes of the instance, as Ironic fills it in for `write_image`; what a list gives it itself goes before that. */
async function argsOfInstance<Info>(
  context: StepContext<Info>,
  { argsinfo }: ListedStep,
): Promise<Record<string, unknown>> {
  const takes = (name: string) => Object.hasOwn(argsinfo ?? {}, name) && !Object.hasOwn(context.args, name)
  const instanceInfo = deployContext(context as StepContext<unknown>).instance_info
  const drive = takes('configdrive') ? await configDriveOf(context as StepContext<unknown>) : undefined
  const image = takes('image_info') && instanceInfo['image_source'] !== undefined
  return {
    ...(drive !== undefined && { configdrive: drive }),
    ...(image && { image_info: imageInfoOf(context.node.node, instanceInfo) }),
  }
}
