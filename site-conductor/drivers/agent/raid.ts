// Software RAID by the agent (Ironic's raid interface `agent`).
import { FaultError } from '../../../shared/faults.ts'
import { agentStep } from '../../deploy/agent-step.ts'
import type { AgentOptions } from '../../deploy/perform.ts'
import { deployContext } from '../../deploy/task-context.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'

export function agentRaid<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const order = (step: string) => agentStep(options, 'raid', step)
  const [create, remove, apply] = [
    order('create_configuration'),
    order('delete_configuration'),
    order('apply_configuration'),
  ]
  return {
    offers: {
      create_configuration: { clean: 0, service: 0 },
      delete_configuration: { clean: 0, service: 0 },
      apply_configuration: {
        deploy: 0,
        service: 0,
        args: {
          raid_config: { description: 'The RAID configuration: {"logical_disks": […]}', required: true },
          delete_existing: { description: 'Take what is there apart first (true)' },
        },
      },
    },
    steps: {
      /** What it is to be like is on the node. */
      async create_configuration(context) {
        if (deployContext(context).target_raid_config === undefined)
          throw new FaultError('request.invalid', 'the node has no target_raid_config')
        return asFacts(context, await create(context))
      },
      async apply_configuration(context) {
        return asFacts(context, await apply(context))
      },
      async delete_configuration(context) {
        const { result } = await remove(context)
        context.note('raid.deleted', { result })
        return { context: { raid_config: {} }, facts: { raid_config: {} } }
      },
    },
  }
}

/** The steps that follow in the same work are told, too: the agent erases arrays that are on no record. */
function asFacts({ env }: StepContext<unknown>, made: Record<string, unknown>): StepResult {
  const raid_config = { ...made, last_updated: new Date(env.now()).toISOString() }
  return { context: { raid_config }, facts: { raid_config } }
}
