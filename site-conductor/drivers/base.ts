// What every hardware type with real machines has, whatever its BMC speaks (Ironic's generic hardware type): network boot, deployment by an agent,
// and interfaces that do nothing. A driver spreads it and puts its own implementations before or after.
import { type DirectDeployOptions, directDeploy } from '../deploy/direct.ts'
import { iscsiDeploy } from '../deploy/iscsi.ts'
import { networkBoot } from '../deploy/ramdisk-boot.ts'
import type { Implementation, InterfaceKind } from '../driver.ts'
import { noInterface, noop } from '../no-interface.ts'

type BaseKind = Exclude<InterfaceKind, 'power' | 'management'>

/** `options`: how the driver sets what the machine boots, and knows whether it has power. */
export function baseInterfaces<Info>(
  options: DirectDeployOptions<Info>,
): Record<BaseKind, Record<string, Implementation<Info>>> {
  return {
    boot: networkBoot<Info>(),
    deploy: { direct: directDeploy<Info>(options), iscsi: iscsiDeploy<Info>(options) },
    console: noInterface('console'),
    inspect: noInterface('inspect'),
    bios: noInterface('bios'),
    raid: noInterface('raid'),
    firmware: noInterface('firmware'),
    rescue: noInterface('rescue'),
    network: noop(),
    storage: noop(),
    vendor: noInterface('vendor'),
  }
}
