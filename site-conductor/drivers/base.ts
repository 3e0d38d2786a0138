// What every hardware type with real machines has, whatever its BMC speaks (Ironic's generic hardware type): network boot, deployment by an agent,
// and interfaces that do nothing. A driver spreads it and puts its own implementations before or after.
import { anacondaDeploy } from '../deploy/anaconda.ts'
import { ansibleDeploy } from '../deploy/ansible/ansible.ts'
import { autodetectDeploy } from '../deploy/autodetect.ts'
import { bootcDeploy } from '../deploy/bootc.ts'
import { customAgentDeploy } from '../deploy/custom-agent.ts'
import { directDeploy } from '../deploy/direct.ts'
import type { AgentOptions } from '../deploy/perform.ts'
import { iscsiDeploy } from '../deploy/iscsi.ts'
import { ramdiskDeploy } from '../deploy/ramdisk.ts'
import { networkBoot } from '../deploy/ramdisk-boot.ts'
import type { Implementation, InterfaceKind } from '../driver.ts'
import { flat } from '../network/flat.ts'
import { neutron } from '../network/neutron/neutron.ts'
import { noInterface, noop } from './no-interface.ts'
import { cinderStorage } from '../storage/cinder.ts'
import { externalStorage } from '../storage/external.ts'
import { agentInspect } from './agent/inspect.ts'
import { agentRaid } from './agent/raid.ts'
import { agentRescue } from './agent/rescue.ts'
import { fakeGraphical } from './graphical/fake-graphical.ts'

type BaseKind = Exclude<InterfaceKind, 'power' | 'management'>

/** `options`: how the driver sets what the machine boots, and knows whether it has power. */
export function baseInterfaces<Info>(options: AgentOptions<Info>) {
  const direct = directDeploy<Info>(options)
  return {
    boot: networkBoot<Info>(),
    deploy: {
      autodetect: autodetectDeploy(['ramdisk', 'bootc', 'direct'], direct),
      direct,
      iscsi: iscsiDeploy<Info>(options),
      ramdisk: ramdiskDeploy<Info>(options),
      ansible: ansibleDeploy<Info>(options),
      bootc: bootcDeploy<Info>(options),
      anaconda: anacondaDeploy<Info>(options),
      'custom-agent': customAgentDeploy<Info>(options),
    },
    console: { ...noInterface<Info>('console'), 'fake-graphical': fakeGraphical<Info>() },
    inspect: { agent: agentInspect<Info>(options), ...noInterface('inspect') },
    bios: noInterface('bios'),
    raid: { ...noInterface('raid'), agent: agentRaid<Info>(options) },
    firmware: noInterface('firmware'),
    rescue: { ...noInterface('rescue'), agent: agentRescue<Info>(options) },
    network: { ...noop<Info>(), ...flat<Info>(), ...neutron<Info>() },
    storage: { ...noop<Info>(), ...externalStorage<Info>(), ...cinderStorage<Info>() },
    vendor: noInterface('vendor'),
  } satisfies Record<BaseKind, Record<string, Implementation<Info>>>
}
