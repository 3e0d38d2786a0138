// Every command of this agent. A new one is a file in commands/ and a line here; the contract suite runs on all of them.
import type { Command } from './command.ts'
import { collectInspection } from './commands/collect-inspection.ts'
import { collectSystemLogs } from './commands/collect-system-logs.ts'
import { executeBootcInstall } from './commands/execute-bootc-install.ts'
import { executeCleanStep } from './commands/execute-clean-step.ts'
import { executeDeployStep } from './commands/execute-deploy-step.ts'
import { finalizeRescue } from './commands/finalize-rescue.ts'
import { executeServiceStep } from './commands/execute-service-step.ts'
import { getServiceSteps } from './commands/get-service-steps.ts'
import { getCleanSteps } from './commands/get-clean-steps.ts'
import { getDeploySteps } from './commands/get-deploy-steps.ts'
import { getHardwareInfo } from './commands/get-hardware-info.ts'
import { getPartitionUuids } from './commands/get-partition-uuids.ts'
import { installBootloader } from './commands/install-bootloader.ts'
import { digestDisk } from './commands/iscsi-digest.ts'
import { finishDisk } from './commands/iscsi-finish-disk.ts'
import { startSshServer } from './commands/start-ssh-server.ts'
import { stopSshServer } from './commands/stop-ssh-server.ts'
import { startIscsiTarget } from './commands/start-iscsi-target.ts'
import { stopIscsiTarget } from './commands/stop-iscsi-target.ts'
import { powerOff } from './commands/power-off.ts'
import { prepareImage } from './commands/prepare-image.ts'
import { runImage } from './commands/run-image.ts'
import { sync } from './commands/sync.ts'

export const commands: readonly Command[] = [
  getHardwareInfo,
  collectInspection,
  getDeploySteps,
  executeDeployStep,
  getCleanSteps,
  executeCleanStep,
  getServiceSteps,
  executeServiceStep,
  prepareImage,
  executeBootcInstall,
  startIscsiTarget,
  stopIscsiTarget,
  startSshServer,
  stopSshServer,
  digestDisk,
  finishDisk,
  getPartitionUuids,
  installBootloader,
  powerOff,
  runImage,
  sync,
  finalizeRescue,
  collectSystemLogs,
]
