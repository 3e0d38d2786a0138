// What a step of a plan sets a machine to boot from. Plans say `pxe` for the start that loads the ramdisk, whatever the boot interface loads it from,
// and a machine's BMC may need every override to stay, or none (driver_info.force_persistent_boot_device).
import type { StepContext } from '../driver.ts'
import { bootInfoOf } from './boot-info.ts'
import { deployContext } from './task-context.ts'

/** A boot device that is `persistent` as the node wants it. */
export function forced<Args extends { readonly persistent: boolean }>(
  context: Pick<StepContext<unknown>, 'driverInfo'>,
  args: Args,
): Args {
  const { force_persistent_boot_device: force } = bootInfoOf(context)
  return force === 'Always' || force === 'Never' ? { ...args, persistent: force === 'Always' } : args
}

/** Arguments of the step `management.set_boot_device` as they are meant. */
export function plannedBootDevice(context: StepContext<unknown>): { boot_device: unknown; persistent: boolean } {
  const { boot_device: device, persistent } = context.args
  const planned = device === 'pxe' ? (deployContext(context).ramdisk_device ?? device) : device
  return forced(context, { boot_device: planned, persistent: persistent === true })
}
