// Close Session (IPMI 2.0 §22.19, Table 22-24): network function 06h, command 3Ch. One's own needs nothing, another's Administrator.
// Closing a predecessor's session by its id is the fence that keeps a paused conductor from acting on a machine.
import { IpmiError } from '../errors.ts'
import type { Command, RequestOptions, Requester } from '../request.ts'

/** The command for a BMC-side session id, which goes over the wire as four bytes, least significant first. */
export function closeSessionCommand(sessionId: number): Command {
  const data = Buffer.alloc(4)
  data.writeUInt32LE(sessionId)
  const completions = { 0x87: 'no session has this id', 0x88: 'no session has this handle' }
  return { name: 'Close Session', netFn: 0x06, command: 0x3c, data, kind: 'idempotent', completions }
}

/**
 * Closes the session that has this BMC-side id (`Session.id`, also of another conductor). Resolves `false` when the BMC has no such
 * session any more, which serves a fence as well.
 */
export async function closeSessionById(
  session: Requester,
  sessionId: number,
  options?: RequestOptions,
): Promise<boolean> {
  try {
    await session.request(closeSessionCommand(sessionId), options)
    return true
  } catch (error) {
    // Only this code means it. "Invalid data field" may come from a BMC that closes nobody's session but one's own.
    if (error instanceof IpmiError && error.completionCode === 0x87) return false
    throw error
  }
}
