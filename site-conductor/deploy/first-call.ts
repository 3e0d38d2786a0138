// How long the first call of what was booted is waited for: the plan says it, as the site has it (cloud/callbacks.ts), with Ironic's words. Seconds there, ms here.
import { z } from 'zod'
import type { StepContext, StepResult } from '../driver.ts'
import { FaultError } from '../../shared/faults.ts'
import type { AgentCall } from '../agents/agents.ts'
import { bounded } from '../timing.ts'
import { noCall } from './no-call.ts'
import { BOOT_AGAIN, deployContext } from './task-context.ts'

/** Of plans that were made before they said it. */
const CALLBACK_S = 1500

const Patience = z.object({
  /** 0: as long as the step may take. */
  callback_timeout: z.number().nonnegative().default(CALLBACK_S),
  /** After so long without a call the machine is booted again. */
  boot_retry: z.number().positive().optional(),
})

/** Infinity: as long as the step may take. */
export function callbackMs({ args }: Pick<StepContext<unknown>, 'args'>): number {
  const { callback_timeout: callback } = Patience.parse(args)
  return callback === 0 ? Infinity : callback * 1000
}

export const within = async <T>(
  { env, signal }: Pick<StepContext<unknown>, 'env' | 'signal'>,
  ms: number,
  what: string,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> => (ms === Infinity ? await act(signal) : await bounded(env, { ms, what }, signal, act))

/** The call, or where the task goes back to for it; undefined: none can come any more. What was waited for before a boot began again counts. */
export async function firstCall(
  context: StepContext<unknown>,
): Promise<AgentCall | Required<Pick<StepResult, 'back'>> | undefined> {
  const { node, site, args } = context
  const { boot_retry: retry } = Patience.parse(args)
  const waited = deployContext(context).awaited_ms
  const whole = callbackMs(context)
  const left = Math.max(0, whole - waited)
  const ms = Math.min(left, retry === undefined ? Infinity : retry * 1000)
  try {
    return await within(context, ms, 'the call of the agent', (ended) => site.agents.firstCall(node.node, ended))
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== 'timeout') throw error
    const fault = noCall(Math.min(whole, waited + ms), site.agents.lastSeen(node.node), site.boot?.agentApiUrl)
    if (ms === left) throw fault
    context.note('boot.again', { why: fault.message })
    await context.keep({ awaited_ms: waited + ms })
    return { back: BOOT_AGAIN }
  }
}
