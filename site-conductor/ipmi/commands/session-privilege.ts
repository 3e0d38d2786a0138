// Set Session Privilege Level (IPMI 2.0 §22.18, Table 22-23): network function 06h, command 3Bh.
// A new session works at User level whatever it was opened for.
import { IpmiError } from '../errors.ts'
import type { RequestOptions, Requester } from '../request.ts'
import { readAnswer } from './read-answer.ts'

export const privilegeLevels = { callback: 1, user: 2, operator: 3, administrator: 4 } as const

export type Privilege = keyof typeof privilegeLevels

const name = 'Set Session Privilege Level'
const completions = {
  0x80: 'this level is not available for this user',
  0x81: "this level exceeds the user's or channel's limit",
  0x82: 'authentication cannot be disabled at this level',
}

/** Throws IpmiError 'privilege' where the user may not have the level. */
export async function setSessionPrivilege(
  session: Requester,
  privilege: Privilege,
  options?: RequestOptions,
): Promise<void> {
  const level = privilegeLevels[privilege]
  try {
    const data = await session.request(
      { name, netFn: 0x06, command: 0x3b, data: Uint8Array.of(level), kind: 'read', completions },
      options,
    )
    const granted = readAnswer(name, data, (reader) => reader.u8() & 0x0f)
    if (granted < level) throw new IpmiError('privilege', `${name}: asked for ${privilege}, got level ${granted}`)
  } catch (error) {
    if (error instanceof IpmiError && error.completionCode !== undefined && error.completionCode in completions)
      throw new IpmiError('privilege', error.message, error.completionCode)
    throw error
  }
}
