// The deploy interface "anaconda": an installer of an operator (Anaconda, of Fedora, Red Hat and theirs) is booted over the network, and does by its kickstart
// file what an agent does otherwise. It tells the conductor when it begins, ends or fails. What is done between instances is done by an agent, as in "direct".
import { FaultError } from '../../shared/faults.ts'
import type { Implementation, StepContext } from '../driver.ts'
import type { InstallerReports } from '../agents/installer-reports.ts'
import { sleep } from '../timing.ts'
import { forced } from './boot-device.ts'
import { directDeploy } from './direct.ts'
import { callbackMs, within } from './first-call.ts'
import { inBandSteps } from './in-band.ts'
import { installerInfoOf } from './installer-info.ts'
import { rootDiskOf } from './kickstart/kickstart.ts'
import { noCall } from './no-call.ts'
import type { AgentOptions } from './perform.ts'
import { refuseProperties } from './properties.ts'
import { deployContext } from './task-context.ts'

/** Less than the limit of the step in the plan. */
const INSTALL_MS = 180 * 60_000
/** The installer unmounts its disks behind its last report. */
const SHUTDOWN_MS = 10 * 60_000
const POWER_POLL_MS = 2_000

/** `options`: also of the agent that cleans. */
export function anacondaDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const { steps, resume, failed } = directDeploy<Info>(options)
  const { wait_agent, tear_down_agent } = steps!
  const inBand = inBandSteps(options)
  return {
    deployment: { core: ['boot_installer'] },
    validate(context, instanceInfo) {
      refuseProperties(context, instanceInfo)
      const boot = context.other('boot')
      if (boot?.steps?.['prepare_installer'] === undefined)
        throw new FaultError(
          'driver.unsupported',
          `boot interface ${context.node.interfaces['boot']} cannot boot an installer`,
          { hint: 'choose another boot interface, such as ipxe, or another deploy interface' },
        )
      if (instanceInfo === undefined) return
      boot.validateInstaller?.(instanceInfo)
      const hints = instanceInfo['root_device'] ?? context.node.properties['root_device']
      rootDiskOf(hints, installerInfoOf(instanceInfo).template !== undefined)
    },
    offers: inBand.offers,
    resume: resume!,
    failed: failed!,
    steps: {
      ...inBand.steps,
      wait_agent: wait_agent!,
      tear_down_agent: tear_down_agent!,
      async wait_installer(context) {
        const reports = context.site.agents.reportsOf(context.node.node)
        await begun(context, reports)
        const last = await within(context, INSTALL_MS, 'the installer', (signal) => reports.next('last', signal))
        if (last.status === 'error')
          throw new FaultError('agent.command', last.message || 'the installer has failed and does not say why', {
            hint: "see the machine's console, and what its kickstart file asks for",
          })
        if (deployContext(context).installer?.after === 'off') await off(context, options)
        return { facts: { driver_internal_info: { agent_status: last.status, agent_status_message: last.message } } }
      },
      prepare_instance_boot: async (context) =>
        await options.setBootDevice(context, forced(context, { boot_device: 'disk', persistent: true })),
    },
  }
}

/** A machine that never gets as far as its installer is known long before that one's time is over. */
async function begun<Info>(context: StepContext<Info>, reports: InstallerReports): Promise<void> {
  const { node, site } = context
  const ms = callbackMs(context as StepContext<unknown>)
  const first = within(context, ms, 'the first report of the installer', (signal) => reports.next('any', signal))
  await first.catch((error: unknown) => {
    if (!(error instanceof FaultError) || error.fault.code !== 'timeout') throw error
    throw noCall(ms, site.agents.lastSeen(node.node), site.boot?.agentApiUrl, 'installer')
  })
}

/** Its kickstart file has it switched off; where the power of a machine is not to be seen, that is given its time. */
async function off<Info>(context: StepContext<Info>, { getPowerState }: AgentOptions<Info>): Promise<void> {
  const { env } = context
  await within(context, SHUTDOWN_MS, 'the installer to switch its machine off', async (signal) => {
    while ((await getPowerState?.(context)) !== 'power off') await sleep(env, POWER_POLL_MS, signal)
  }).catch((error: unknown) => {
    if (!(error instanceof FaultError) || error.fault.code !== 'timeout') throw error
    context.note('installer.stays_on', { why: error.fault.message })
  })
}
