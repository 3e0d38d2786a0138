// Management by Redfish: what the machine boots from and how.
import type { Implementation } from '../../driver.ts'
import { BOOT_TARGETS, getBootDevice, getBootMode, setBootDevice, setBootMode } from './boot-device.ts'
import type { RedfishInfo } from './info.ts'

export const redfishManagement: Implementation<RedfishInfo> = {
  steps: {
    set_boot_device: (context) => setBootDevice(context, context.args),
    set_boot_mode: setBootMode,
  },
  methods: {
    get_boot_device: getBootDevice,
    set_boot_device: setBootDevice,
    get_supported_boot_devices: async () => ({ supported_boot_devices: Object.keys(BOOT_TARGETS) }),
    get_boot_mode: getBootMode,
    get_supported_boot_modes: async () => ({ supported_boot_modes: ['uefi', 'bios'] }),
  },
}
