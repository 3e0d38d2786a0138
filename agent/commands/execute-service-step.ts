// service.execute_service_step: runs one service step.
import { defineCommand } from '../command.ts'
import { executeParams, executeStep } from '../step-list.ts'

export const executeServiceStep = defineCommand({
  name: 'service.execute_service_step',
  about: 'Runs one service step that get_service_steps listed.',
  kind: 'async',
  params: executeParams,
  run: (context, params) => executeStep('service', context, params),
})
