// Inspection by the agent in the ramdisk (Ironic's inspect interface `agent`): what it found becomes inventory, plugin data, properties and ports.
import { inspectionDataSchema } from '../../../shared/agent-protocol.ts'
import { FaultError } from '../../../shared/faults.ts'
import { AgentRefusal } from '../../agents/agent-connection.ts'
import { type AgentOptions, nodeParams, performer } from '../../deploy/perform.ts'
import { deployContext } from '../../deploy/task-context.ts'
import type { Implementation } from '../../driver.ts'
import { inspectionFacts } from '../../inspection/facts.ts'
import { DEFAULT_INSPECTION } from '../../inspection/settings.ts'

export function agentInspect<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const perform = performer(options)
  return {
    steps: {
      async inspect_hardware(context) {
        const step = 'inspect_hardware'
        const told = await perform(context, step, 'inspection.collect', nodeParams(context)).catch(
          async (error: unknown) => {
            // Ironic's own agent has no such command.
            if (!(error instanceof AgentRefusal) || ![400, 404].includes(error.status)) throw error
            return { inventory: await perform(context, step, 'poll.get_hardware_info', {}) }
          },
        )
        const { data, error } = inspectionDataSchema.safeParse(told)
        if (error) {
          const [issue] = error.issues
          throw new FaultError('agent.command', `inspection: ${issue?.path.join('.')} ${issue?.message}`)
        }
        const { inventory, ...pluginData } = data
        const found = {
          inventory,
          pluginData,
          properties: context.node.properties,
          earlierDisks: deployContext(context).inspected_disks,
        }
        return { facts: inspectionFacts(found, context.site.inspection ?? DEFAULT_INSPECTION) }
      },
    },
  }
}
