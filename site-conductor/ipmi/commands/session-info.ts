// Get Session Info (IPMI 2.0 §22.20, Table 22-25): network function 06h, command 3Dh, User.
import type { RequestOptions, Requester } from '../request.ts'
import { readAnswer } from './read-answer.ts'

export interface SessionInfo {
  /** Handle of the session, which is not its id. 0: no such session. */
  handle: number
  /** How many sessions the BMC can have at once, and has. */
  possible: number
  active: number
  /** Present for an active session. */
  session?: { userId: number; privilege: number; channel: number }
}

const name = 'Get Session Info'

/** About the session it is asked in, or the n-th active one (from 1). */
export async function getSessionInfo(
  session: Requester,
  index: number = 0,
  options?: RequestOptions,
): Promise<SessionInfo> {
  const command = { name, netFn: 0x06, command: 0x3d, data: Uint8Array.of(index), kind: 'read' } as const
  const data = await session.request(command, options)
  return readAnswer(name, data, (reader) => {
    const info = { handle: reader.u8(), possible: reader.u8() & 0x3f, active: reader.u8() & 0x3f }
    if (reader.remaining < 3) return info
    const [userId, privilege, channel] = [reader.u8() & 0x3f, reader.u8() & 0x0f, reader.u8() & 0x0f]
    return { ...info, session: { userId, privilege, channel } }
  })
}
