// The deploy interface "direct": the agent in the ramdisk fetches the image itself and writes it to the root disk.
import type { CommandProgress } from '../../shared/agent-protocol.ts'
import { FaultError } from '../../shared/faults.ts'
import { runningCommand, startCommand, waitForCommand } from '../agent-client.ts'
import { type AgentConnection, openAgentConnections } from '../agent-connection.ts'
import { bootModeOf } from '../../shared/capabilities.ts'
import type { Context, Implementation, StepContext, StepResult } from '../driver.ts'
import { bounded } from '../timing.ts'
import { imageInfoOf } from './image-info.ts'
import { configDriveOf } from './instance-drive.ts'
import { noCall } from './no-call.ts'
import { BOOT_AGAIN, deployContext, openSecret } from './task-context.ts'

/** A step of a minute tells about twenty times how far it is. */
const PROGRESS_SPACING_MS = 3_000
/** Less than the limit of the step in every plan, so that a machine that does not boot is told from a step that hangs. */
const AGENT_TIMEOUT_MS = 25 * 60_000

/** A silent agent is judged each second; its BMC is slow, and a person may be asking it as well. */
const POWER_SPACING_MS = 10_000

export interface DirectDeployOptions<Info> {
  readonly setBootDevice: (
    context: Context<Info>,
    args: { boot_device: 'disk'; persistent: true },
  ) => Promise<StepResult | void>
  /** Tells a machine that lost its power from an agent that is slow. */
  readonly getPowerState?: (context: Context<Info>) => Promise<unknown>
}

export async function agentOf<Info>(
  context: StepContext<Info>,
  { getPowerState }: Pick<DirectDeployOptions<Info>, 'getPowerState'>,
): Promise<AgentConnection> {
  const { agent_url: url, agent_token: sealed, agent_certificate: certificate } = deployContext(context)
  if (url === undefined || sealed === undefined || certificate === undefined) {
    throw new FaultError('agent.no_call', 'no agent has called during this boot')
  }
  const { before, env, signal, task } = context
  const [{ agents }, { node }] = [context.site, context.node]
  let askedPowerAt = -Infinity
  return {
    connections: context.site.resource(openAgentConnections),
    url,
    certificate,
    token: await openSecret(context, 'task.agent_token', sealed),
    before,
    env,
    signal,
    epoch: () => task.epoch,
    heartbeats: {
      count: () => agents.callCount(node),
      after: (count, until) => agents.callAfter(node, count, until),
    },
    onAnswer: () => agents.answered(node),
    async whyGone() {
      if (agents.cameAgain(node)) return 'the machine has started again in the middle of the command'
      if (env.mono() - askedPowerAt < POWER_SPACING_MS) return undefined
      askedPowerAt = env.mono()
      if ((await getPowerState?.(context)) === 'power off') return 'the machine has lost its power'
      return undefined
    },
  }
}

/** Runs an asynchronous command to its end; one that an earlier run of this step began is picked up, running or done. */
function performer<Info>(options: DirectDeployOptions<Info>) {
  return async (context: StepContext<Info>, step: string, name: string, params: Record<string, unknown>) => {
    const agent = await agentOf(context, options)
    const heartbeats = agent.heartbeats.count()
    const command = await startCommand(agent, name, params, `${context.task.id} ${step}`)
    if (command.repeated) context.note(`${step}.resumed`, { command: command.id })
    await waitForCommand(agent, command, progressNotes(context, step), heartbeats)
  }
}

export function progressNotes({ env, note }: StepContext<unknown>, step: string): (progress: CommandProgress) => void {
  let saidAt = -Infinity
  let said: string | undefined
  return ({ step: part, bytes, total, ratePerS }) => {
    if (part === said && env.mono() - saidAt < PROGRESS_SPACING_MS) return
    said = part
    saidAt = env.mono()
    const percent = total !== undefined && total > 0 ? { percent: Math.floor((bytes / total) * 100) } : {}
    note(step, { part, bytes, ...(total !== undefined && { total }), ratePerS, ...percent })
  }
}

/** The node and its ports as agents want them in every step. */
export function nodeParams({ node, ...context }: StepContext<unknown>): Record<string, unknown> {
  const { instance_info: instanceInfo } = deployContext({ node, ...context })
  return {
    node: { uuid: node.node, properties: node.properties, instance_info: instanceInfo, driver_internal_info: {} },
    ports: node.ports.map(({ address }) => ({ address })),
  }
}

export function directDeploy<Info>(options: DirectDeployOptions<Info>): Implementation<Info> {
  const perform = performer(options)
  return {
    validate({ node }, instanceInfo) {
      if (instanceInfo !== undefined) imageInfoOf(node.node, instanceInfo)
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
    offers: { erase_devices_metadata: { clean: 99, abortable: true } },
    steps: {
      async wait_agent(context) {
        const { node, site, env, signal } = context
        const known = deployContext(context)
        // An earlier run of this step may have heard it already.
        if (known.agent_url !== undefined && known.agent_certificate !== undefined) return {}
        const limit = { ms: site.agentTimeoutMs ?? AGENT_TIMEOUT_MS, what: 'the call of the agent' }
        const heard = bounded(env, limit, signal, (ended) => site.agents.firstCall(node.node, ended))
        const call = await heard.catch((error: unknown) => {
          if (!(error instanceof FaultError) || error.fault.code !== 'timeout') throw error
          throw noCall(limit.ms, site.agents.lastSeen(node.node), site.boot?.agentApiUrl)
        })
        if (call === undefined)
          throw new FaultError(
            'agent.no_call',
            'the machine has started again before its agent called, and the token of a boot is given out once',
            { hint: 'look at the serial console for why it starts again, then deploy once more' },
          )
        return { context: { agent_url: call.url, agent_version: call.version, agent_certificate: call.certificate } }
      },
      async write_image(context) {
        const image = imageInfoOf(context.node.node, deployContext(context).instance_info)
        await perform(context, 'write_image', 'standby.prepare_image', { image_info: image, ...nodeParams(context) })
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
        return await options.setBootDevice(context, { boot_device: 'disk', persistent: true })
      },
      async erase_devices_metadata(context) {
        const step = { interface: 'deploy', step: 'erase_devices_metadata', args: {} }
        await perform(context, 'erase_devices_metadata', 'clean.execute_clean_step', { step, ...nodeParams(context) })
      },
      /** What it boots next ends it whatever happens here, so an agent that is gone already is no failure. */
      async tear_down_agent(context) {
        try {
          const agent = await agentOf(context, options)
          await waitForCommand(agent, await startCommand(agent, 'standby.sync', {})).catch((error: unknown) => {
            if (!(error instanceof FaultError) || error.fault.code !== 'agent.command') throw error
            throw new FaultError('disk.io', `what was written may not be on the disk: ${error.fault.message}`)
          })
          if (context.args['power_off'] !== false) await startCommand(agent, 'standby.power_off', {})
        } catch (error) {
          if (
            !(error instanceof FaultError) ||
            !['agent.lost', 'agent.no_call', 'agent.command'].includes(error.fault.code)
          )
            throw error
          context.note('agent.gone', { why: error.fault.message })
        }
      },
    },
  }
}
