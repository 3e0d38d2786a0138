// ipmi_force_boot_device: what a machine boots is remembered for a BMC that does not (under Ironic's names, in driver_internal_info), and each start is
// told the device again that was set to stay, unless the last word was about that one start only.
import type { StepContext, StepResult } from '../../driver.ts'
import type { IpmiContext } from './bmc.ts'
import type { IpmiInfo } from './info.ts'

interface Memory {
  readonly persistent_boot_device?: string | undefined
  readonly is_next_boot_persistent?: boolean | undefined
}

/** What earlier steps of the task have left counts before what the node was granted with. */
function memoryOf(context: IpmiContext): Memory {
  const { persistent_boot_device, is_next_boot_persistent } = (
    'task' in context ? (context as StepContext<IpmiInfo>).task.context : {}
  ) as Memory
  const { bootMemory = {} } = context.node
  return {
    persistent_boot_device: persistent_boot_device ?? bootMemory.persistent_boot_device,
    is_next_boot_persistent: is_next_boot_persistent ?? bootMemory.is_next_boot_persistent,
  }
}

/** To be told to the node, and left for the steps that follow. */
function remembered(memory: Memory): StepResult {
  return { context: { ...memory }, facts: { driver_internal_info: { ...memory } } }
}

/** Answers what is to be remembered; undefined: the BMC keeps it. */
export function remember({ driverInfo }: IpmiContext, device: string, persistent: boolean): StepResult | undefined {
  if (!driverInfo.ipmi_force_boot_device) return undefined
  if (!persistent) return remembered({ is_next_boot_persistent: false })
  return remembered({ persistent_boot_device: device, is_next_boot_persistent: true })
}

/** The device that was set to stay, unless the next start is another's. */
export function recall(context: IpmiContext): string | undefined {
  const { persistent_boot_device: device, is_next_boot_persistent: isNext } = memoryOf(context)
  return context.driverInfo.ipmi_force_boot_device && isNext !== false ? device : undefined
}

/** The start that the last word was about has been: the next one is that of the device that was set to stay. */
export function afterStart(context: IpmiContext): StepResult {
  return memoryOf(context).is_next_boot_persistent === false ? remembered({ is_next_boot_persistent: true }) : {}
}
