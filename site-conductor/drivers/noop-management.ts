// Ironic's management interface `noop`: nobody tells the machine what to boot. Its firmware is set, once and by hand, to try the network first and
// then its disk. What else management can do is not there.
import { FaultError } from '../../shared/faults.ts'
import { plannedBootDevice } from '../deploy/boot-device.ts'
import type { Context, Implementation, StepResult } from '../driver.ts'

type Args = Readonly<Record<string, unknown>>
type SetBootDevice<Info> = (context: Context<Info>, args: Args) => Promise<StepResult | void>

const DEVICES: readonly unknown[] = ['pxe', 'disk']

/** `tell`: what a person has to know about each boot, where it is a person who sees to it. */
export function noopManagement<Info>(tell: (context: Context<Info>, device: unknown) => void = () => {}): {
  noop: Implementation<Info>
} {
  const setBootDevice: SetBootDevice<Info> = async (context, { boot_device: device }) => {
    if (!DEVICES.includes(device))
      throw new FaultError('request.invalid', `boot_device must be one of ${DEVICES.join(', ')}, not ${String(device)}`)
    say(context, device)
  }
  const say = (context: Context<Info>, device: unknown): void => {
    context.before()
    tell(context, device)
  }
  return {
    noop: {
      validate() {},
      steps: { set_boot_device: async (context) => say(context, plannedBootDevice(context).boot_device) },
      methods: {
        set_boot_device: setBootDevice,
        get_boot_device: async () => ({ boot_device: 'pxe', persistent: true }),
        get_supported_boot_devices: async () => ({ supported_boot_devices: [...DEVICES] }),
      },
    },
  }
}

/** By the management interface of the node, for other interfaces that set what it boots. */
export function setBootDeviceBy<Info>(management: Readonly<Record<string, Implementation<Info>>>): SetBootDevice<Info> {
  return async (context, args) => {
    const used = management[context.node.interfaces['management'] ?? ''] ?? Object.values(management)[0]
    return (await used?.methods?.['set_boot_device']?.(context, args)) as StepResult | void
  }
}
