// The driver for machines with a Redfish BMC: power, boot device and the rest of the machine by Redfish, deployment over the network.
import { directDeploy } from '../deploy/direct.ts'
import { iscsiDeploy } from '../deploy/iscsi.ts'
import { ramdiskBoot } from '../deploy/ramdisk-boot.ts'
import { defineDriver } from '../driver.ts'
import { noInterface, noop } from '../no-interface.ts'
import { setBootDevice } from './redfish/boot-device.ts'
import { openFence } from './redfish/fence.ts'
import { redfishInfo, type RedfishInfo } from './redfish/info.ts'
import { redfishManagement } from './redfish/management.ts'
import { getPowerState, redfishPower } from './redfish/power.ts'

export default defineDriver({
  name: 'redfish',
  about: 'Machines with a Redfish BMC, deployed by an agent that is booted over the network',
  info: redfishInfo,
  secrets: ['redfish_password'],
  interfaces: {
    power: { redfish: redfishPower },
    management: { redfish: redfishManagement },
    boot: { ipxe: ramdiskBoot<RedfishInfo>(), pxe: ramdiskBoot<RedfishInfo>('pxe') },
    deploy: {
      direct: directDeploy<RedfishInfo>({ setBootDevice, getPowerState }),
      iscsi: iscsiDeploy<RedfishInfo>({ setBootDevice, getPowerState }),
    },
    bios: noInterface('bios'),
    console: noInterface('console'),
    firmware: noInterface('firmware'),
    inspect: noInterface('inspect'),
    network: noop(),
    raid: noInterface('raid'),
    rescue: noInterface('rescue'),
    storage: noop(),
    vendor: noInterface('vendor'),
  },
  fencing: {
    steps: [
      'power.power_on',
      'power.power_off',
      'power.soft_power_off',
      'management.set_boot_device',
      'management.set_boot_mode',
      'deploy.prepare_instance_boot',
    ],
    open: openFence,
  },
})
