// What the node's driver_info says of its burn-ins. A conductor shows the agent no other fields of it.
import * as z from 'zod'
import { type BurnIn, burnInSchema } from '../../../shared/burn-in.ts'
import type { CommandContext } from '../../command.ts'
import { AgentFault } from '../../fault.ts'

export function burnInOf({ node }: Pick<CommandContext, 'node'>): BurnIn {
  const parsed = burnInSchema.safeParse(node['driver_info'] ?? {})
  if (parsed.success) return parsed.data
  throw new AgentFault('InvalidCommandParamsError', `driver_info: ${z.prettifyError(parsed.error)}`)
}

/** For a program that is to end by itself after so many seconds. */
export const patience = (seconds: number): number => Math.min((seconds + 600) * 1000, 2 ** 31 - 1)

/** The end of what a program has said, for a fault. */
export const lastWords = (text: string): string => text.trim().slice(-4000)
