// A question to the conductor that drives a node, or a change of its machine that takes no task: a person may repeat it.
import type { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import type { Call } from '../call.ts'
import { command, findNode } from './find.ts'

/** How long a machine may take to answer a question that a person waits for. */
const CALL_TIMEOUT_MS = 30_000

type Question = [call: Call, ident: string, iface: string, method: string, args?: Record<string, unknown>]

/** Throws the conductor's fault, or 503 while no conductor drives the node. */
export const ask = (...question: Question): Promise<unknown> => relay(question, {})

/** The same of what changes the machine. Throws node.locked while a task works on the node. */
export const change = (...question: Question): Promise<unknown> => relay(question, { exclusive: true })

/** What a conductor has answered, of this shape: it is another program, perhaps of another version. Throws 503 where it is not. */
export function shaped<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
  const { data } = schema.safeParse(answer)
  if (data !== undefined) return data
  throw new FaultError('unavailable', `What the node's conductor has answered is not ${what}.`, {
    hint: 'upgrade the conductor, or report it with its version',
  })
}

async function relay(
  [call, ident, iface, method, args = {}]: Question,
  more: { readonly exclusive?: true },
): Promise<unknown> {
  const node = await findNode(call, ident)
  return command(call, node.site, {
    kind: 'call',
    node: node.uuid,
    interface: iface,
    method,
    args,
    timeoutMs: CALL_TIMEOUT_MS,
    ...more,
  })
}
