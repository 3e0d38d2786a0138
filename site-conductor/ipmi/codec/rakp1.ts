// RAKP Message 1 (IPMI 2.0 §13.20, Table 13-11): the console's random number, role and user name.
//   tag | 0 0 0 | managed id | console random 16 | role | 0 0 | name length | name ≤ 16
import { Reader, Writer } from './cursor.ts'

/** Bit 4 of the role: look the user up by name alone, not by name and privilege. */
export const nameOnlyLookup = 0x10

export interface Rakp1 {
  tag: number
  managedId: number
  consoleRandom: Uint8Array
  /** Privilege level in bits 0–3, `nameOnlyLookup`; it enters three HMACs exactly as sent. */
  role: number
  username: Uint8Array
}

export function encodeRakp1(message: Rakp1): Buffer {
  const { username } = message
  const writer = new Writer(28 + username.length).u8(message.tag).u8(0).u16(0).u32(message.managedId)
  return writer.put(message.consoleRandom).u8(message.role).u16(0).u8(username.length).put(username).done()
}

export function decodeRakp1(payload: Uint8Array): Rakp1 {
  const reader = new Reader(payload, 'RAKP 1')
  const tag = reader.u8()
  reader.skip(3)
  const managedId = reader.u32()
  const consoleRandom = reader.take(16)
  const role = reader.u8()
  reader.u16()
  const length = reader.u8()
  if (length > 16) throw reader.fail(`user name of ${length} bytes`)
  return { tag, managedId, consoleRandom, role, username: reader.take(length) }
}
