// deploy.get_deploy_steps: which deploy steps this ramdisk has.
import * as z from 'zod'
import { agentNodeSchema, agentPortSchema } from '../../shared/agent-protocol.ts'
import { defineCommand } from '../command.ts'
import { listSteps, MANAGER_VERSION } from '../step-list.ts'

export const getDeploySteps = defineCommand({
  name: 'deploy.get_deploy_steps',
  about: 'Lists the deploy steps of this ramdisk with their arguments.',
  kind: 'sync',
  params: z.object({ node: agentNodeSchema.optional(), ports: z.array(agentPortSchema).max(256).optional() }),
  run: async (context) => ({
    deploy_steps: listSteps('deploy', context.steps),
    hardware_manager_version: MANAGER_VERSION,
  }),
})
