// clean.get_clean_steps: which clean steps this ramdisk has.
import * as z from 'zod'
import { agentNodeSchema, agentPortSchema } from '../../shared/agent-protocol.ts'
import { defineCommand } from '../command.ts'
import { listSteps, MANAGER_VERSION } from '../step-list.ts'

export const getCleanSteps = defineCommand({
  name: 'clean.get_clean_steps',
  about: 'Lists the clean steps of this ramdisk with their arguments.',
  kind: 'sync',
  params: z.object({ node: agentNodeSchema.optional(), ports: z.array(agentPortSchema).max(256).optional() }),
  run: async (context) => ({
    clean_steps: listSteps('clean', context.steps),
    hardware_manager_version: MANAGER_VERSION,
  }),
})
