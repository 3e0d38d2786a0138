// The driver for machines with an IPMI 2.0 BMC: power and boot device by IPMI, deployment over the network.
import { defineDriver } from '../driver.ts'
import { noInterface } from './no-interface.ts'
import { baseInterfaces } from './base.ts'
import { ipmiManagement } from './ipmi/management.ts'
import { socatConsole } from './ipmi/console.ts'
import { openFence } from './ipmi/fence.ts'
import { ipmiInfo, type IpmiInfo } from './ipmi/info.ts'
import { getPowerState, ipmiPower } from './ipmi/power.ts'
import { ipmiVendor } from './ipmi/vendor.ts'
import { noopManagement, setBootDeviceBy } from './noop-management.ts'

const management = { ipmitool: ipmiManagement, ...noopManagement<IpmiInfo>() }

export default defineDriver({
  name: 'ipmi',
  about: 'Machines with an IPMI 2.0 BMC, deployed by an agent that is booted over the network',
  info: ipmiInfo,
  secrets: ['ipmi_password', 'ipmi_hex_kg_key'],
  interfaces: {
    ...baseInterfaces<IpmiInfo>({ setBootDevice: setBootDeviceBy(management), getPowerState }),
    power: { ipmitool: ipmiPower },
    management,
    console: { 'ipmitool-socat': socatConsole, ...noInterface('console') },
    vendor: { ipmitool: ipmiVendor, ...noInterface('vendor') },
  },
  fencing: {
    steps: [
      'power.power_on',
      'power.power_off',
      'power.soft_power_off',
      'power.reset',
      'management.set_boot_device',
      'console.start_console',
      'vendor.send_raw',
      'vendor.bmc_reset',
      'deploy.prepare_instance_boot',
      'deploy.set_boot_to_disk',
    ],
    open: openFence,
  },
})
