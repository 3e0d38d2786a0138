// A question to the conductor that drives a node, or something that a person may repeat.
import type { Call } from '../call.ts'
import { command, findNode } from './find.ts'

/** How long a machine may take to answer a question that a person waits for. */
const CALL_TIMEOUT_MS = 30_000

/** Throws the conductor's fault, or 503 while no conductor drives the node. */
export async function ask(
  call: Call,
  ident: string,
  iface: string,
  method: string,
  args: Record<string, unknown> = {},
): Promise<unknown> {
  const node = await findNode(call, ident)
  return command(call, node.site, {
    kind: 'call',
    node: node.uuid,
    interface: iface,
    method,
    args,
    timeoutMs: CALL_TIMEOUT_MS,
  })
}
