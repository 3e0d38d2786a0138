// service.get_service_steps: which service steps this ramdisk has.
import * as z from 'zod'
import { agentNodeSchema, agentPortSchema } from '../../shared/agent-protocol.ts'
import { defineCommand } from '../command.ts'
import { listSteps, MANAGER_VERSION } from '../step-list.ts'

export const getServiceSteps = defineCommand({
  name: 'service.get_service_steps',
  about: 'Lists the service steps of this ramdisk with their arguments.',
  kind: 'sync',
  params: z.object({ node: agentNodeSchema.optional(), ports: z.array(agentPortSchema).max(256).optional() }),
  run: async (context) => ({
    service_steps: listSteps('service', context.steps),
    hardware_manager_version: MANAGER_VERSION,
  }),
})
