// RAKP Message 2 (IPMI 2.0 §13.21, Table 13-12): the BMC's random number, its GUID and the first proof of the password.
//   tag | status | 0 0 | console id | managed random 16 | GUID 16 | HMAC 20 or 32; after an error only the first 8 bytes
import { Reader, Writer } from './cursor.ts'

export interface Rakp2 {
  tag: number
  status: number
  consoleId: number
  managedRandom: Uint8Array
  guid: Uint8Array
  authCode: Uint8Array
}

export function encodeRakp2(message: Rakp2): Buffer {
  const failed = message.status !== 0
  const writer = new Writer(failed ? 8 : 40 + message.authCode.length)
  writer.u8(message.tag).u8(message.status).u16(0).u32(message.consoleId)
  if (!failed) writer.put(message.managedRandom).put(message.guid).put(message.authCode)
  return writer.done()
}

export function decodeRakp2(payload: Uint8Array): Rakp2 {
  const reader = new Reader(payload, 'RAKP 2')
  const [tag, status] = [reader.u8(), reader.u8()]
  const nothing = new Uint8Array(0)
  const none = { managedRandom: nothing, guid: nothing, authCode: nothing }
  if (status !== 0) return { tag, status, consoleId: reader.remaining >= 6 ? (reader.u16(), reader.u32()) : 0, ...none }
  reader.u16()
  const consoleId = reader.u32()
  return { tag, status, consoleId, managedRandom: reader.take(16), guid: reader.take(16), authCode: reader.rest() }
}
