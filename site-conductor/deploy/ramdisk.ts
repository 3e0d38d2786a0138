// The deploy interface "ramdisk": nothing is written. The machine boots a kernel and a ramdisk of its operator over the network, or a volume that its BMC
// shows it, at every start and for as long as the instance is there; no agent has a part in it. What is done between instances is done by an agent, as in "direct".
import { FaultError } from '../../shared/faults.ts'
import type { Implementation } from '../driver.ts'
import { directDeploy } from './direct.ts'
import { inBandSteps } from './in-band.ts'
import type { AgentOptions } from './perform.ts'
import { refuseProperties } from './properties.ts'

/** `options`: of the agent that cleans. */
export function ramdiskDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const { steps, resume, failed } = directDeploy<Info>(options)
  const { wait_agent, tear_down_agent } = steps!
  const inBand = inBandSteps(options)
  return {
    deployment: {
      core: ['boot_from_network'],
      takes: [
        { has: ['boot_iso', 'ironic_ramdisk_deploy'] },
        { has: ['kernel', 'ramdisk', 'ironic_ramdisk_deploy'] },
        { has: ['boot_iso'], lacks: ['image_source'] },
        { has: ['kernel', 'ramdisk'], lacks: ['image_source'] },
      ],
    },
    /** What it boots from is the business of the boot interface, as is whether the instance can be booted so. */
    validate(context, instanceInfo) {
      refuseProperties(context, instanceInfo)
      const boot = context.other('boot')
      if (boot?.steps?.['prepare_instance'] === undefined)
        throw new FaultError(
          'driver.unsupported',
          `boot interface ${context.node.interfaces['boot']} cannot boot an instance that is not on a disk`,
          { hint: 'choose another boot interface, such as ipxe, or another deploy interface' },
        )
      if (instanceInfo !== undefined) boot.validateInstance?.(context as never, instanceInfo)
    },
    offers: inBand.offers,
    resume: resume!,
    failed: failed!,
    steps: { wait_agent: wait_agent!, tear_down_agent: tear_down_agent!, ...inBand.steps },
  }
}
