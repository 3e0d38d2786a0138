// Eyes on an agent whose disk somebody writes, or is going to: whoever writes over iSCSI hears nothing of its end, and libiscsi would try to reconnect for ever.
import { FaultError } from '../../shared/faults.ts'
import { findCommand, judgeSilence, runningCommand } from '../agents/agent-client.ts'
import type { AgentConnection } from '../agents/agent-connection.ts'
import type { StepContext } from '../driver.ts'
import { sleep } from '../timing.ts'
import { exportOf } from './iscsi-export.ts'

const WATCH_MS = 10_000
/** So long without another byte on the disk: it takes no more. The flush at the end of a write is silent, and a machine may cache very much. */
const STALL_MS = 20 * 60_000

/** How long others write is not known, so the step's limit begins anew for as long as the agent is there; its signal aborts when it is not. */
export function watchWhileWaiting(agent: AgentConnection, context: StepContext<unknown>) {
  const { env } = context
  const [lost, over] = [new AbortController(), new AbortController()]
  const signal = AbortSignal.any([agent.signal, over.signal])
  const watch = async () => {
    for (let heardAt = env.mono(); ;) {
      await sleep(env, WATCH_MS, signal)
      const silence = await isThere({ ...agent, signal }).catch((error: unknown) => error as Error)
      if (silence === undefined) {
        heardAt = env.mono()
        context.limitFromNow()
      } else {
        const fault = await judgeSilence(agent, env.mono() - heardAt, silence)
        if (fault !== undefined) return lost.abort(fault)
      }
    }
  }
  const watching = watch().catch(() => {})
  return {
    signal: AbortSignal.any([agent.signal, lost.signal]),
    async [Symbol.asyncDispose]() {
      over.abort(new Error('the wait has ended'))
      await watching
    },
  }
}

async function isThere(agent: AgentConnection): Promise<undefined> {
  await runningCommand(agent, '')
}

/**
 * Runs `work` for as long as the agent answers and knows `command`, the export is there, and `progress` is called now and then; otherwise its signal
 * aborts with a fault that says which.
 */
export async function whileWatched(
  agent: AgentConnection,
  command: string,
  env: StepContext['env'],
  work: (signal: AbortSignal, progress: () => void) => Promise<void>,
): Promise<void> {
  let movedAt = env.mono()
  const lost = new AbortController()
  const over = new AbortController()
  const watch = async () => {
    const signal = AbortSignal.any([agent.signal, over.signal])
    for (let heardAt = env.mono(); !signal.aborted;) {
      await sleep(env, WATCH_MS, signal)
      const found = await findCommand({ ...agent, signal }, command).catch((error: unknown) => error as Error)
      if (found === undefined)
        return lost.abort(new FaultError('agent.lost', 'the agent was restarted while its disk was written'))
      if (found instanceof Error) {
        const fault = await judgeSilence(agent, env.mono() - heardAt, found)
        if (fault !== undefined) return lost.abort(fault)
        continue
      }
      heardAt = env.mono()
      const { ended } = exportOf(found.command_result)
      if (typeof ended === 'string')
        return lost.abort(new FaultError('agent.command', `the export ended while the disk was written: ${ended}`))
      if (env.mono() - movedAt > STALL_MS)
        return lost.abort(new FaultError('disk.io', `the disk took no byte for ${STALL_MS / 60_000} minutes`))
    }
    return undefined
  }
  const watching = watch().catch(() => {})
  try {
    await work(AbortSignal.any([agent.signal, lost.signal]), () => void (movedAt = env.mono()))
  } finally {
    over.abort(new Error('the write has ended'))
    await watching
  }
}
