// deploy.execute_deploy_step: runs one deploy step.
import { defineCommand } from '../command.ts'
import { executeParams, executeStep } from '../step-list.ts'

export const executeDeployStep = defineCommand({
  name: 'deploy.execute_deploy_step',
  about: 'Runs one deploy step that get_deploy_steps listed.',
  kind: 'async',
  params: executeParams,
  run: (context, params) => executeStep('deploy', context, params),
})
