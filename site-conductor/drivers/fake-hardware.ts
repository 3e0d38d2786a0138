// A driver without hardware: every interface, on machines that are objects in memory. Read fake/basic.ts before you write a driver.
// driver_info.fake_delay_ms slows each step down, driver_info.fake_fail makes one fail.
import { defineDriver } from '../driver.ts'
import { noInterface, noop } from '../no-interface.ts'
import { flat } from '../network/flat.ts'
import { cinderStorage } from '../storage/cinder.ts'
import { externalStorage } from '../storage/external.ts'
import { boot, fencing, management, power } from './fake/basic.ts'
import { deploys } from './fake/deploys.ts'
import { type Info, info } from './fake/machine.ts'
import { bios, console, firmware, inspect, raid, rescue } from './fake/parts.ts'
import { vendor } from './fake/vendor.ts'
import { noopManagement } from './noop-management.ts'

export default defineDriver({
  name: 'fake-hardware',
  about: 'Machines in memory: for trying things out and for tests',
  info,
  secrets: ['fake_password'],
  interfaces: {
    power: { fake: power },
    management: { fake: management, ...noopManagement<Info>() },
    boot: { fake: boot },
    deploy: deploys,
    bios: { fake: bios, ...noInterface('bios') },
    console: { fake: console, ...noInterface('console') },
    firmware: { fake: firmware, ...noInterface('firmware') },
    inspect: { fake: inspect, ...noInterface('inspect') },
    network: { ...noop<Info>(), ...flat<Info>() },
    raid: { fake: raid, ...noInterface('raid') },
    rescue: { fake: rescue, ...noInterface('rescue') },
    storage: { ...noop<Info>(), ...externalStorage<Info>(), ...cinderStorage<Info>() },
    vendor: { fake: vendor, ...noInterface('vendor') },
  },
  fencing,
})
