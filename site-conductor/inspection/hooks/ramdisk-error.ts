import { FaultError } from '../../../shared/faults.ts'
import type { Hook } from '../found.ts'

export const ramdiskError: Hook = ({ pluginData: { error } }) => {
  if (typeof error === 'string' && error !== '')
    throw new FaultError('agent.command', `the ramdisk could not inspect it: ${error}`)
  return undefined
}
