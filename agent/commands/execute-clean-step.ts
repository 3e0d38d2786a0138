// clean.execute_clean_step: runs one clean step.
import { defineCommand } from '../command.ts'
import { executeParams, executeStep } from '../step-list.ts'

export const executeCleanStep = defineCommand({
  name: 'clean.execute_clean_step',
  about: 'Runs one clean step that get_clean_steps listed.',
  kind: 'async',
  params: executeParams,
  run: (context, params) => executeStep('clean', context, params),
})
