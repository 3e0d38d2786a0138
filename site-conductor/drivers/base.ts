// What every hardware type with real machines has, whatever its BMC speaks (Ironic's generic hardware type): network boot, deployment by an agent,
// and interfaces that do nothing. A driver spreads it and puts its own implementations before or after.
import { directDeploy } from '../deploy/direct.ts'
import type { AgentOptions } from '../deploy/perform.ts'
import { iscsiDeploy } from '../deploy/iscsi.ts'
import { ramdiskBoot } from '../deploy/ramdisk-boot.ts'
import type { Implementation, InterfaceKind } from '../driver.ts'
import { noInterface, noop } from '../no-interface.ts'
import { agentInspect } from './agent/inspect.ts'
import { agentRaid } from './agent/raid.ts'
import { agentRescue } from './agent/rescue.ts'

type BaseKind = Exclude<InterfaceKind, 'power' | 'management'>

/** `options`: how the driver sets what the machine boots, and knows whether it has power. */
export function baseInterfaces<Info>(
  options: AgentOptions<Info>,
): Record<BaseKind, Record<string, Implementation<Info>>> {
  return {
    boot: { ipxe: ramdiskBoot<Info>(), pxe: ramdiskBoot<Info>('pxe') },
    deploy: { direct: directDeploy<Info>(options), iscsi: iscsiDeploy<Info>(options) },
    console: noInterface('console'),
    inspect: { agent: agentInspect<Info>(options), ...noInterface('inspect') },
    bios: noInterface('bios'),
    raid: { ...noInterface('raid'), agent: agentRaid<Info>(options) },
    firmware: noInterface('firmware'),
    rescue: { ...noInterface('rescue'), agent: agentRescue<Info>(options) },
    network: noop(),
    storage: noop(),
    vendor: noInterface('vendor'),
  }
}
