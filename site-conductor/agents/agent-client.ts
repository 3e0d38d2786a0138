// Commands to the agent in a deploy ramdisk: started, found, waited for, ended (reference: ironic agent API).
// 1. Each command carries the epoch: the agent refuses an older one. 2. A command whose answer was lost is looked for before it is sent again.
// 3. A command under way is picked up, not restarted.
import {
  commandListSchema,
  type CommandProgress,
  type CommandResult,
  commandResultSchema,
} from '../../shared/agent-protocol.ts'
import { FaultError } from '../../shared/faults.ts'
import { type AgentConnection, AgentRefusal, faultOf, request, Unreachable } from './agent-connection.ts'
import { sleep, sleepOr } from '../timing.ts'

const TRIES = 3
const RETRY_PAUSE_MS = 2_000
const POLL_MS = 1_000
/** A machine that writes at full speed may be slow to answer; that long a silence is a lost agent. */
const MAX_SILENCE_MS = 120_000
/** After so long it is asked whether the agent can come back at all. */
const LOOK_AFTER_MS = 5_000

/**
 * Starts `name` and returns the agent's entry of it; for synchronous commands that is the end of it. `key` makes it safe to repeat:
 * the agent answers what it has of the command, running or done, with `repeated`. One that knows no keys (Ironic's own) is at least
 * not disturbed: what it runs under this name is taken for the command.
 */
export async function startCommand(
  agent: AgentConnection,
  name: string,
  params: Record<string, unknown>,
  key?: string,
): Promise<CommandResult> {
  const body = () => JSON.stringify({ name, params, epoch: agent.epoch(), key })
  for (let attempt = 1; ; attempt++) {
    try {
      return commandResultSchema.parse(await request(agent, 'POST', '/v1/commands/', body))
    } catch (error) {
      const isBusy = error instanceof AgentRefusal && error.status === 409
      if (!isBusy && !(error instanceof Unreachable)) throw error
      if (!isBusy && attempt === TRIES) throw await lost(agent, error)
      if (!isBusy) await sleep(agent.env, RETRY_PAUSE_MS, agent.signal)
      const running = await runningCommand(agent, name).catch(() => undefined)
      if (running !== undefined) return { ...running, repeated: true }
      if (isBusy) throw error
    }
  }
}

/** The agent's last command, when it is `name` and runs. */
export async function runningCommand(agent: AgentConnection, name: string): Promise<CommandResult | undefined> {
  const { commands } = commandListSchema.parse(await request(agent, 'GET', '/v1/commands/'))
  const last = commands.at(-1)
  return last?.command_name === shortName(name) && last.command_status === 'RUNNING' ? last : undefined
}

/** Ends the command under way when its key begins with `key`, and waits for that. */
export async function abortCommand(agent: AgentConnection, key: string): Promise<void> {
  const { commands } = commandListSchema.parse(await request(agent, 'GET', '/v1/commands/'))
  const ours = commands.find((each) => each.command_status === 'RUNNING' && each.key?.startsWith(key))
  if (ours === undefined) return
  await request(agent, 'DELETE', `/v1/commands/${encodeURIComponent(ours.id)}`)
  await waitForCommand(agent, ours).catch((error: unknown) => {
    if (!(error instanceof FaultError) || error.fault.code !== 'agent.command') throw error
  })
}

/**
 * The command `id`; undefined when the agent does not know it (it was restarted, say). `waitMs`: our agent answers when the command has ended, at
 * the latest after so long; Ironic's own knows `wait=true` only and answers at once.
 */
export async function findCommand(
  agent: AgentConnection,
  id: string,
  waitMs?: number,
): Promise<CommandResult | undefined> {
  const path = `/v1/commands/${encodeURIComponent(id)}${waitMs === undefined ? '' : `?wait=${waitMs}`}`
  try {
    return commandResultSchema.parse(await request(agent, 'GET', path))
  } catch (error) {
    if (error instanceof AgentRefusal && error.status === 404) return undefined
    throw error
  }
}

/** Waits until a command has ended and returns its result; a failed one becomes a fault. */
export async function waitForCommand(
  agent: AgentConnection,
  command: CommandResult,
  onProgress: (progress: CommandProgress) => void = () => {},
  heartbeatsBefore = agent.heartbeats.count(),
): Promise<Record<string, unknown>> {
  let current = command
  let heartbeats = heartbeatsBefore
  let heardAt = agent.env.mono()
  while (current.command_status === 'RUNNING') {
    if (current.command_progress !== undefined) onProgress(current.command_progress)
    const askedAt = agent.env.mono()
    try {
      const found = await findCommand(agent, current.id, POLL_MS)
      if (found === undefined) throw new FaultError('agent.lost', 'the agent was restarted in the middle of a command')
      current = found
      heardAt = agent.env.mono()
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      const fault = await judgeSilence(agent, agent.env.mono() - heardAt, error)
      if (fault !== undefined) throw fault
    }
    // An answer that came early: an agent that does not hold it back, or none at all.
    const leftMs = POLL_MS - (agent.env.mono() - askedAt)
    if (current.command_status !== 'RUNNING' || leftMs <= 0) continue
    const early = (signal: AbortSignal) => agent.heartbeats.after(heartbeats, signal)
    await sleepOr(agent.env, leftMs, agent.signal, early)
    heartbeats = agent.heartbeats.count()
  }
  if (current.command_status === 'SUCCEEDED') return current.command_result ?? {}
  const { type = 'unknown', message = current.command_status, details = '' } = current.command_error ?? {}
  throw faultOf(type, message, details)
}

/** Of an agent that has not answered for so long: the fault when it is given up, undefined while it may come back. */
export async function judgeSilence(
  agent: AgentConnection,
  silenceMs: number,
  cause: Error,
): Promise<FaultError | undefined> {
  if (silenceMs <= LOOK_AFTER_MS) return undefined
  const why = await whyGone(agent)
  return why !== undefined || silenceMs > MAX_SILENCE_MS ? gone(agent, why, cause) : undefined
}

async function lost(agent: AgentConnection, cause: Error): Promise<FaultError> {
  return gone(agent, await whyGone(agent), cause)
}

function gone(agent: AgentConnection, why: string | undefined, cause: Error): FaultError {
  const silence = `the agent at ${agent.url} does not answer: ${cause.message}`
  return new FaultError('agent.lost', why === undefined ? silence : `${why}; ${silence}`, { cause })
}

/** Where that cannot be found out either (a BMC that is silent, say), nothing is known. */
async function whyGone({ whyGone: ask, signal }: AgentConnection): Promise<string | undefined> {
  return await ask?.().catch(() => {
    signal.throwIfAborted()
    return undefined
  })
}

/** `standby.prepare_image` is listed as `prepare_image`. */
function shortName(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}
