// The deploy interface "direct": the agent in the ramdisk fetches the image itself and writes it to the root disk.
import { AGENT_CORE } from '../../shared/core-steps.ts'
import { FaultError } from '../../shared/faults.ts'
import { runningCommand, startCommand, waitForCommand } from '../agents/agent-client.ts'
import { bootModeOf } from '../../shared/capabilities.ts'
import type { Implementation, StepContext } from '../driver.ts'
import { bootVolumeOf } from '../storage/boot-volume.ts'
import { agentFacts } from './agent-facts.ts'
import { forced } from './boot-device.ts'
import { collectLogs } from './deploy-logs.ts'
import { firstCall } from './first-call.ts'
import { inBandSteps } from './in-band.ts'
import { writeFromHere } from './image-from-here.ts'
import { imageInfoOf } from './image-info.ts'
import { configDriveOf } from './instance-drive.ts'
import { agentOf, type AgentOptions, nodeParams, performer } from './perform.ts'
import { downloadSource, isSet, refuseProperties } from './properties.ts'
import { BOOT_AGAIN, deployContext } from './task-context.ts'

export function directDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const perform = performer(options)
  const inBand = inBandSteps(options)
  return {
    deployment: { core: AGENT_CORE, takes: [{ has: ['image_source'] }] },
    validate(context, instanceInfo) {
      refuseProperties(context, instanceInfo, ['http', 'local'])
      if (instanceInfo !== undefined && bootVolumeOf(context, instanceInfo) === undefined)
        imageInfoOf(context.node.node, instanceInfo)
    },
    /** An agent that an earlier task has left is asked before it is relied on; the machine of one that does not answer is booted. */
    async resume(context) {
      if (!deployContext(context).fast_track) return undefined
      try {
        await runningCommand(await agentOf(context, options), '')
      } catch (error) {
        context.signal.throwIfAborted()
        context.note('boot.again', { why: `the agent that was left does not answer: ${(error as Error).message}` })
        return BOOT_AGAIN
      }
      await context.keep({ fast_track: null })
      return undefined
    },
    failed: (context, why) => collectLogs(context, options, why),
    offers: inBand.offers,
    steps: {
      ...inBand.steps,
      async wait_agent(context) {
        const known = deployContext(context)
        // An earlier run of this step may have heard it already.
        if (known.agent_url !== undefined && known.agent_certificate !== undefined) {
          const heard = { url: known.agent_url, version: known.agent_version }
          return { facts: { driver_internal_info: await agentFacts(context, options, heard) } }
        }
        const call = await firstCall(context as StepContext<unknown>)
        if (call === undefined)
          throw new FaultError(
            'agent.no_call',
            'the machine has started again before its agent called, and the token of a boot is given out once',
            { hint: 'look at the serial console for why it starts again, then deploy once more' },
          )
        if ('back' in call) return call
        const { url, version, certificate } = call
        return {
          context: { agent_url: url, agent_version: version, agent_certificate: certificate, awaited_ms: null },
          facts: { driver_internal_info: await agentFacts(context, options, call) },
        }
      },
      async write_image(context) {
        const image = imageInfoOf(context.node.node, deployContext(context).instance_info)
        if (downloadSource(context, deployContext(context).instance_info) === 'local')
          return await writeFromHere(context, image, options)
        await perform(context, 'write_image', 'standby.prepare_image', { image_info: image, ...nodeParams(context) })
        return undefined
      },
      async write_configdrive(context) {
        const configdrive = await configDriveOf(context)
        if (configdrive === undefined) return
        const step = { interface: 'deploy', step: 'write_configdrive', args: { configdrive } }
        await perform(context, 'write_configdrive', 'deploy.execute_deploy_step', { step, ...nodeParams(context) })
      },
      async prepare_instance_boot(context) {
        const target_boot_mode = bootModeOf(context.node.properties)
        if (target_boot_mode === 'uefi')
          await perform(context, 'install_bootloader', 'image.install_bootloader', {
            // Ironic's own agent insists on it; null: a whole-disk image.
            root_uuid: null,
            target_boot_mode,
          })
        return await options.setBootDevice(context, forced(context, { boot_device: 'disk', persistent: true }))
      },
      /** What it boots next ends it whatever happens here, so an agent that is gone already is no failure. */
      async tear_down_agent(context) {
        try {
          await collectLogs(context, options, undefined)
          const agent = await agentOf(context, options)
          await waitForCommand(agent, await startCommand(agent, 'standby.sync', {})).catch((error: unknown) => {
            if (!(error instanceof FaultError) || error.fault.code !== 'agent.command') throw error
            throw new FaultError('disk.io', `what was written may not be on the disk: ${error.fault.message}`)
          })
          if (context.args['power_off'] === false || isSet(context, 'deploy_forces_oob_reboot')) return {}
          await startCommand(agent, 'standby.power_off', {})
          return { context: { power_off_told: true } }
        } catch (error) {
          if (
            !(error instanceof FaultError) ||
            !['agent.lost', 'agent.no_call', 'agent.command'].includes(error.fault.code)
          )
            throw error
          context.note('agent.gone', { why: error.fault.message })
          return {}
        }
      },
    },
  }
}
