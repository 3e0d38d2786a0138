// A driver without hardware: every interface, on machines that are objects in memory. Read fake/basic.ts before you write a driver.
// driver_info.fake_delay_ms slows each step down, driver_info.fake_fail makes one fail. With a boot interface other than `fake` the machine is real, and
// switched by hand (fake/by-boot.ts).
import { defineDriver } from '../driver.ts'
import { noInterface } from './no-interface.ts'
import { baseInterfaces } from './base.ts'
import { boot, fencing, management, power } from './fake/basic.ts'
import { byAgent, powerOf } from './fake/by-boot.ts'
import { deploys } from './fake/deploys.ts'
import { type Info, info } from './fake/machine.ts'
import { bios, console, firmware, inspect, raid, rescue, storage } from './fake/parts.ts'
import { vendors } from './fake/vendor.ts'
import { noopManagement, setBootDeviceBy } from './noop-management.ts'

const managements = { fake: management, ...noopManagement<Info>() }
const base = baseInterfaces<Info>({
  setBootDevice: setBootDeviceBy(managements),
  getPowerState: async (context) => powerOf(context),
})

export default defineDriver({
  name: 'fake-hardware',
  about: 'Machines in memory, or switched by hand: for trying things out and for tests',
  info,
  secrets: ['fake_password'],
  interfaces: {
    ...base,
    power: { fake: power },
    management: managements,
    boot: { fake: boot, ...base.boot },
    deploy: deploys(base.deploy),
    bios: { fake: bios, ...base.bios },
    console: { fake: console, ...base.console },
    firmware: { fake: firmware, ...base.firmware },
    inspect: { fake: inspect, agent: byAgent(base.inspect['agent']!), ...noInterface('inspect') },
    raid: { fake: raid, ...noInterface('raid'), agent: byAgent(base.raid['agent']!) },
    rescue: { fake: rescue, ...noInterface('rescue'), agent: byAgent(base.rescue['agent']!) },
    storage: { ...base.storage, fake: storage },
    vendor: { ...vendors, ...base.vendor },
  },
  fencing,
})
