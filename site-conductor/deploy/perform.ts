// How a step has the agent of its machine do something: which agent, the command to its end, and what is told meanwhile.
import type { CommandProgress } from '../../shared/agent-protocol.ts'
import { FaultError } from '../../shared/faults.ts'
import { startCommand, waitForCommand } from '../agents/agent-client.ts'
import { type AgentConnection, openAgentConnections } from '../agents/agent-connection.ts'
import type { Context, StepContext, StepResult } from '../driver.ts'
import { deployContext, type KnownAgent, openSecret } from './task-context.ts'

/** A step of a minute tells about twenty times how far it is. */
const PROGRESS_SPACING_MS = 3_000
/** A silent agent is judged each second; its BMC is slow, and a person may be asking it as well. */
const POWER_SPACING_MS = 10_000

export interface AgentOptions<Info> {
  readonly setBootDevice: (
    context: Context<Info>,
    args: { boot_device: 'disk'; persistent: boolean },
  ) => Promise<StepResult | void>
  /** Tells a machine that lost its power from an agent that is slow. */
  readonly getPowerState?: (context: Context<Info>) => Promise<unknown>
}

export async function agentOf<Info>(
  context: StepContext<Info>,
  options: Pick<AgentOptions<Info>, 'getPowerState'>,
): Promise<AgentConnection> {
  const { agent_url: url, agent_token: sealed, agent_certificate: certificate } = deployContext(context)
  if (url === undefined || sealed === undefined || certificate === undefined) {
    throw new FaultError('agent.no_call', 'no agent has called during this boot')
  }
  return await connectTo(context, { url, token: sealed, certificate }, options)
}

/** `agent`: one that the context knows, as it is on record: its token sealed. */
export async function connectTo<Info>(
  context: StepContext<Info>,
  { url, token, certificate }: KnownAgent,
  { getPowerState }: Pick<AgentOptions<Info>, 'getPowerState'>,
): Promise<AgentConnection> {
  const { before, env, signal, task } = context
  const [{ agents }, { node }] = [context.site, context.node]
  let askedPowerAt = -Infinity
  return {
    connections: context.site.resource(openAgentConnections),
    url,
    certificate,
    token: await openSecret(context, 'task.agent_token', token),
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

/** By which the agent knows a command of this step again. */
export const commandKey = ({ task }: Pick<StepContext<unknown>, 'task'>, step: string): string =>
  `${task.id} ${task.at} ${step}`

/**
 * Runs an asynchronous command to its end and answers its result; one that an earlier run of this step began is picked up, running or done. `attempt`: its
 * name, where one may not be taken for another.
 */
export function performer<Info>(options: AgentOptions<Info>) {
  return async (
    context: StepContext<Info>,
    step: string,
    name: string,
    params: Record<string, unknown>,
    attempt?: string,
  ): Promise<Record<string, unknown>> => {
    const agent = await agentOf(context, options)
    const heartbeats = agent.heartbeats.count()
    const key = commandKey(context, step)
    const command = await startCommand(agent, name, params, attempt === undefined ? key : `${key} ${attempt}`)
    if (command.repeated) context.note(`${step}.resumed`, { command: command.id })
    return await waitForCommand(agent, command, progressNotes(context, step), heartbeats)
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

/** How far something is that says only its bytes, as notes, with the rate since the part began. */
export function byteNotes(context: StepContext<unknown>, step: string): ByteNotes {
  const say = progressNotes(context, step)
  let current = ''
  let from = { at: 0, bytes: 0 }
  return (part, bytes, total) => {
    const now = context.env.mono()
    if (part !== current || bytes < from.bytes) from = { at: now, bytes }
    current = part
    const ratePerS = now > from.at ? Math.round(((bytes - from.bytes) * 1000) / (now - from.at)) : 0
    say({ step: part, bytes, ratePerS, ...(total !== undefined && { total }) })
  }
}
export type ByteNotes = (part: string, bytes: number, total: number | undefined) => void

/** The node and its ports as agents want them in every step. */
export function nodeParams({ node, ...context }: StepContext<unknown>): {
  readonly node: Record<string, unknown>
  readonly ports: readonly { readonly address: string }[]
} {
  const {
    instance_info: instanceInfo,
    target_raid_config: raid,
    raid_config: made,
  } = deployContext({ node, ...context })
  return {
    node: {
      uuid: node.node,
      properties: node.properties,
      instance_info: instanceInfo,
      driver_internal_info: {},
      raid_config: made,
      ...(raid !== undefined && { target_raid_config: raid }),
    },
    ports: node.ports.map(({ address }) => ({ address })),
  }
}
