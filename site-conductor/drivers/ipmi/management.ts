// Management by IPMI: what the machine boots from, who made it, its sensors, and the interrupt. IPMI changes neither boot mode nor secure boot.
import { plannedBootDevice } from '../../deploy/boot-device.ts'
import type { Implementation } from '../../driver.ts'
import { getBootFlags } from '../../ipmi/commands/boot-options.ts'
import { getDeviceId } from '../../ipmi/commands/device-id.ts'
import { manufacturerName } from '../../ipmi/manufacturers.ts'
import { type IpmiContext, read } from './bmc.ts'
import { BOOT_DEVICES, getBootDevice, ofIpmi, setBootDevice } from './boot-device.ts'
import type { IpmiInfo } from './info.ts'
import { injectNmi } from './nmi.ts'
import { getSensorsData } from './sensors.ts'

async function detectVendor(context: IpmiContext): Promise<string | null> {
  const { manufacturer } = await read(context, getDeviceId)
  return manufacturerName(manufacturer) ?? null
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
    detect_vendor: detectVendor,
    get_sensors_data: getSensorsData,
    inject_nmi: injectNmi,
  },
}
