// The driver for machines with a Redfish BMC: power, boot device and the rest of the machine by Redfish, deployment by an agent.
import { defineDriver } from '../driver.ts'
import { noInterface } from './no-interface.ts'
import { baseInterfaces } from './base.ts'
import { redfishBios } from './redfish/bios.ts'
import { noopManagement, setBootDeviceBy } from './noop-management.ts'
import { openFence } from './redfish/fence.ts'
import { redfishFirmware } from './redfish/firmware.ts'
import { redfishGraphical } from './redfish/graphical-console.ts'
import { redfishInfo, type RedfishInfo } from './redfish/info.ts'
import { redfishInspect } from './redfish/inspect.ts'
import { redfishManagement } from './redfish/management.ts'
import { getPowerState, redfishPower } from './redfish/power.ts'
import { redfishRaid } from './redfish/raid.ts'
import { redfishSerialConsole } from './redfish/serial-console.ts'
import { SERIAL_SECRETS } from './redfish/serial-info.ts'
import { redfishVendor } from './redfish/vendor.ts'
import { redfishHttps, redfishVirtualMedia } from './redfish/volume-boot.ts'

const management = { redfish: redfishManagement, ...noopManagement<RedfishInfo>() }
const base = baseInterfaces<RedfishInfo>({ setBootDevice: setBootDeviceBy(management), getPowerState })

export default defineDriver({
  name: 'redfish',
  about: 'Machines with a Redfish BMC, deployed by an agent that is booted over the network or from a volume',
  info: redfishInfo,
  secrets: ['redfish_password', ...SERIAL_SECRETS],
  interfaces: {
    ...base,
    boot: { ...base.boot, 'redfish-virtual-media': redfishVirtualMedia, 'redfish-https': redfishHttps },
    power: { redfish: redfishPower },
    management,
    console: { ...base.console, 'redfish-graphical': redfishGraphical, 'ipmitool-socat': redfishSerialConsole },
    bios: { redfish: redfishBios, ...noInterface('bios') },
    firmware: { redfish: redfishFirmware, ...noInterface('firmware') },
    inspect: { redfish: redfishInspect, ...base.inspect },
    raid: { redfish: redfishRaid, ...base.raid },
    vendor: { redfish: redfishVendor, ...noInterface('vendor') },
  },
  fencing: {
    steps: [
      'power.power_on',
      'power.power_off',
      'power.soft_power_off',
      'power.reset',
      'management.set_boot_device',
      'management.set_boot_mode',
      'management.set_secure_boot',
      'management.reset_secure_boot_keys_to_default',
      'management.clear_secure_boot_keys',
      'management.update_firmware',
      'management.set_bmc_clock',
      'management.verify_bmc_clock',
      'bios.apply_configuration',
      'bios.factory_reset',
      'firmware.update',
      'raid.apply_configuration',
      'raid.create_configuration',
      'raid.delete_configuration',
      'vendor.eject_vmedia',
      'deploy.prepare_instance_boot',
      'deploy.set_boot_to_disk',
    ],
    open: openFence,
  },
})
