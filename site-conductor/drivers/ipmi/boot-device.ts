// Boot device by IPMI: boot option 3 (do not forget), boot option 5 (what to boot), then read back. IPMI 2.0 §28.12, Table 28-14.
import { FaultError } from '../../../shared/faults.ts'
import { bootModeOf } from '../../../shared/capabilities.ts'
import { plannedBootDevice } from '../../deploy/boot-device.ts'
import type { Implementation } from '../../driver.ts'
import { getBootFlags, setBootFlags, setBootFlagTimeoutDisabled } from '../../ipmi/commands/boot-options.ts'
import { IpmiError } from '../../ipmi/errors.ts'
import type { RequestOptions } from '../../ipmi/request.ts'
import type { Session } from '../../ipmi/session.ts'
import { type IpmiContext, mutate, read } from './bmc.ts'
import type { IpmiInfo } from './info.ts'
import { injectNmi } from './nmi.ts'

export const BOOT_DEVICES = ['pxe', 'disk', 'cdrom', 'bios', 'safe'] as const
type Device = (typeof BOOT_DEVICES)[number]

/** Boot option 3 is optional for a BMC (Table 28-14): one that does not have it has nothing to switch off. */
const NO_SUCH_PARAMETER = 0x80

export async function setBootDevice(context: IpmiContext, args: Readonly<Record<string, unknown>>): Promise<void> {
  const device = BOOT_DEVICES.find((each) => each === args['boot_device'])
  if (device === undefined) {
    throw new FaultError(
      'request.invalid',
      `boot_device must be one of ${BOOT_DEVICES.join(', ')}, not ${String(args['boot_device'])}`,
    )
  }
  const wanted = {
    device,
    persistent: args['persistent'] === true,
    efi: bootModeOf(context.node.properties) === 'uefi',
  }
  const found = await mutate(context, async (session, options) => {
    await keepFlags(session, options)
    await setBootFlags(session, wanted, options)
    return await getBootFlags(session, { signal: options.signal })
  })
  if (found.device !== device) {
    throw new FaultError(
      'bmc.refused',
      `the BMC was told to boot from ${device}, but says ${String(found.device)} when it is asked`,
    )
  }
  if (found.persistent !== wanted.persistent || found.efi !== wanted.efi) {
    context.log.warn('the BMC stores the boot flags otherwise than told', { wanted, found })
  }
}

async function keepFlags(session: Session, options: RequestOptions): Promise<void> {
  try {
    await setBootFlagTimeoutDisabled(session, true, options)
  } catch (error) {
    if (!(error instanceof IpmiError) || error.completionCode !== NO_SUCH_PARAMETER) throw error
  }
}

async function getBootDevice(
  context: IpmiContext,
): Promise<{ boot_device: Device | null; persistent: boolean | null }> {
  const flags = await read(context, getBootFlags, 'operator')
  const device = BOOT_DEVICES.find((each) => each === flags.device)
  if (!flags.valid || device === undefined) return { boot_device: null, persistent: null }
  return { boot_device: device, persistent: flags.persistent }
}

/** IPMI's flag says network; whether firmware takes HTTP or PXE is in its own set-up. */
function ofIpmi(planned: { boot_device: unknown; persistent: boolean }) {
  return planned.boot_device === 'uefihttp' ? { ...planned, boot_device: 'pxe' } : planned
}

export const ipmiManagement: Implementation<IpmiInfo> = {
  steps: {
    set_boot_device: (context) => setBootDevice(context, ofIpmi(plannedBootDevice(context))),
  },
  methods: {
    get_boot_device: getBootDevice,
    set_boot_device: setBootDevice,
    get_supported_boot_devices: async () => ({ supported_boot_devices: [...BOOT_DEVICES] }),
    /** By the boot flags, where they are in force: IPMI knows of no other. */
    get_boot_mode: async (context) => {
      const flags = await read(context, getBootFlags, 'operator')
      return flags.valid ? (flags.efi ? 'uefi' : 'bios') : null
    },
    inject_nmi: injectNmi,
  },
}
