// Management by Redfish: what the machine boots from and how, secure boot, lights, virtual media, sensors, the BMC's clock,
// firmware that it fetches, and the interrupt.
import { plannedBootDevice } from '../../deploy/boot-device.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { FaultError } from '../../../shared/faults.ts'
import { getSecureBoot, resetSecureBootKeys, setSecureBoot } from '../../redfish/settings.ts'
import { resetSystem } from '../../redfish/system.ts'
import { mutate, read, type RedfishContext, systemOf } from './bmc.ts'
import { BOOT_TARGETS, getBootDevice, getBootMode, setBootDevice, setBootMode } from './boot-device.ts'
import { setBmcClock, verifyBmcClock } from './clock.ts'
import { checkFirmwareUpdate, updateFirmware } from './firmware-images.ts'
import { indicatorMethods } from './indicators.ts'
import type { RedfishInfo } from './info.ts'
import { mediaMethods } from './media.ts'
import { getSensorsData } from './sensors.ts'

export async function getSecureBootState(context: RedfishContext): Promise<boolean> {
  return await read(context, async (session, options) =>
    getSecureBoot(session, (await systemOf(context, session, options)).value, options),
  )
}

async function changeSecureBoot(context: StepContext<RedfishInfo>): Promise<StepResult> {
  const wanted = context.args['enabled'] === true
  await mutate(context, async (session, options) =>
    setSecureBoot(session, (await systemOf(context, session, options)).value, wanted, options),
  )
  if ((await getSecureBootState(context)) !== wanted)
    throw new FaultError('bmc.refused', `the BMC was told to switch secure boot ${wanted ? 'on' : 'off'}, and has not`)
  return { facts: { secure_boot: wanted } }
}

const resetKeys = (type: 'ResetAllKeysToDefault' | 'DeleteAllKeys') => (context: StepContext<RedfishInfo>) =>
  mutate(context, async (session, options) =>
    resetSecureBootKeys(session, (await systemOf(context, session, options)).value, type, options),
  )

/** A second one may reset the machine, so it is a person's call and never a step of a plan, and it is sent once. */
async function injectNmi(context: RedfishContext): Promise<void> {
  await mutate(
    context,
    async (session, options) =>
      void (await resetSystem(session, await systemOf(context, session, options), 'Nmi', options)),
  )
}

export const redfishManagement: Implementation<RedfishInfo> = {
  offers: {
    reset_secure_boot_keys_to_default: { clean: 0, deploy: 0, ramdisk: false },
    clear_secure_boot_keys: { clean: 0, deploy: 0, ramdisk: false },
    update_firmware: {
      clean: 0,
      service: 0,
      ramdisk: false,
      restart: 'check_firmware_update',
      timeoutMs: 4 * 60 * 60_000,
      args: {
        firmware_images: {
          description:
            'What the BMC is to fetch and to flash: a list of {url, wait}. `wait`: seconds until the next one. `checksum` is not looked at: the BMC fetches and judges the image',
          required: true,
        },
      },
    },
    set_bmc_clock: {
      clean: 0,
      ramdisk: false,
      args: {
        target_datetime: { description: 'ISO 8601 with an offset. Default: the time of the conductor' },
        datetime_local_offset: { description: 'As +01:00. Default: as the BMC has it' },
      },
    },
    // Ironic's priority where it is enabled is 1: stepPriorities with verify.management.verify_bmc_clock=1.
    verify_bmc_clock: { verify: 0, ramdisk: false },
  },
  steps: {
    set_boot_device: (context) => setBootDevice(context, plannedBootDevice(context)),
    set_boot_mode: setBootMode,
    set_secure_boot: changeSecureBoot,
    reset_secure_boot_keys_to_default: resetKeys('ResetAllKeysToDefault'),
    clear_secure_boot_keys: resetKeys('DeleteAllKeys'),
    update_firmware: updateFirmware,
    check_firmware_update: checkFirmwareUpdate,
    set_bmc_clock: setBmcClock,
    verify_bmc_clock: verifyBmcClock,
  },
  methods: {
    get_boot_device: getBootDevice,
    set_boot_device: setBootDevice,
    get_supported_boot_devices: async () => ({ supported_boot_devices: Object.keys(BOOT_TARGETS) }),
    get_boot_mode: getBootMode,
    get_supported_boot_modes: async () => ({ supported_boot_modes: ['uefi', 'bios'] }),
    get_secure_boot_state: getSecureBootState,
    inject_nmi: injectNmi,
    get_sensors_data: getSensorsData,
    ...indicatorMethods,
    ...mediaMethods,
  },
}
