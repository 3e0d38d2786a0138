// Boot device by IPMI: boot option 3 (do not forget), boot option 5 (what to boot), then read back. IPMI 2.0 §28.12, Table 28-14.
import { FaultError } from '../../../shared/faults.ts'
import { bootModeOf } from '../../../shared/capabilities.ts'
import { getBootFlags, setBootFlags, setBootFlagTimeoutDisabled } from '../../ipmi/commands/boot-options.ts'
import { IpmiError } from '../../ipmi/errors.ts'
import type { RequestOptions, Requester } from '../../ipmi/request.ts'
import type { StepResult } from '../../driver.ts'
import { type IpmiContext, mutate, read } from './bmc.ts'
import { recall, remember } from './boot-memory.ts'

export const BOOT_DEVICES = ['pxe', 'disk', 'cdrom', 'bios', 'safe'] as const
type Device = (typeof BOOT_DEVICES)[number]

/** What Supermicro's firmware takes for its disk in UEFI mode; Ironic sends it the same (0x24). */
const SUPERMICRO_UEFI_DISK = 9

/** Boot option 3 is optional for a BMC (Table 28-14): one that does not have it has nothing to switch off. */
const NO_SUCH_PARAMETER = 0x80

export async function setBootDevice(
  context: IpmiContext,
  args: Readonly<Record<string, unknown>>,
): Promise<StepResult | void> {
  const device = BOOT_DEVICES.find((each) => each === args['boot_device'])
  if (device === undefined) {
    throw new FaultError(
      'request.invalid',
      `boot_device must be one of ${BOOT_DEVICES.join(', ')}, not ${String(args['boot_device'])}`,
    )
  }
  const memory = remember(context, device, args['persistent'] === true)
  // What a BMC does not keep it is told for one start.
  await tellBmc(context, device, args['persistent'] === true && memory === undefined)
  if (memory?.facts) context.tell?.(memory.facts)
  return memory
}

/** Before each start: what was set to stay, where the BMC does not keep it. */
export async function assertBootDevice(context: IpmiContext): Promise<void> {
  const device = BOOT_DEVICES.find((each) => each === recall(context))
  if (device !== undefined) await tellBmc(context, device, false)
}

async function tellBmc(context: IpmiContext, device: Device, persistent: boolean): Promise<void> {
  const efi = bootModeOf(context.node.properties) === 'uefi'
  const wanted = { device: codeOf(context, device, efi), persistent, efi }
  const found = await mutate(context, async (session, options) => {
    if (context.driverInfo.ipmi_disable_boot_timeout) await keepFlags(session, options)
    await setBootFlags(session, wanted, options)
    return await getBootFlags(session, { signal: options.signal })
  })
  if (found.device !== wanted.device) {
    throw new FaultError(
      'bmc.refused',
      `the BMC was told to boot from ${device}, but says ${String(found.device)} when it is asked`,
    )
  }
  if (found.persistent !== wanted.persistent || found.efi !== wanted.efi) {
    context.log.warn('the BMC stores the boot flags otherwise than told', { wanted, found })
  }
}

function isSupermicro({ node }: IpmiContext): boolean {
  return String(node.properties['vendor']).toLowerCase() === 'supermicro'
}

function codeOf(context: IpmiContext, device: Device, efi: boolean): Device | typeof SUPERMICRO_UEFI_DISK {
  return device === 'disk' && efi && isSupermicro(context) ? SUPERMICRO_UEFI_DISK : device
}

async function keepFlags(session: Requester, options: RequestOptions): Promise<void> {
  try {
    await setBootFlagTimeoutDisabled(session, true, options)
  } catch (error) {
    if (!(error instanceof IpmiError) || error.completionCode !== NO_SUCH_PARAMETER) throw error
  }
}

export async function getBootDevice(
  context: IpmiContext,
): Promise<{ boot_device: string | null; persistent: boolean | null }> {
  const forced = recall(context)
  if (forced !== undefined) return { boot_device: forced, persistent: true }
  const flags = await read(context, getBootFlags, 'operator')
  const device = BOOT_DEVICES.find((each) => codeOf(context, each, flags.efi) === flags.device)
  if (!flags.valid || device === undefined) return { boot_device: null, persistent: null }
  return { boot_device: device, persistent: flags.persistent }
}

/** IPMI's flag says network; whether firmware takes HTTP or PXE is in its own set-up. */
export function ofIpmi(planned: { boot_device: unknown; persistent: boolean }) {
  return planned.boot_device === 'uefihttp' ? { ...planned, boot_device: 'pxe' } : planned
}
