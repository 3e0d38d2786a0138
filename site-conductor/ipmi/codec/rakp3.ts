// RAKP Message 3 (IPMI 2.0 §13.22, Table 13-13): the console's proof of the password, or why it gives up.
//   tag | status | 0 0 | managed id | HMAC 20 or 32 (absent after an error)
import { Reader, Writer } from './cursor.ts'

export interface Rakp3 {
  tag: number
  status: number
  managedId: number
  authCode: Uint8Array
}

export function encodeRakp3(message: Rakp3): Buffer {
  const authCode = message.status === 0 ? message.authCode : new Uint8Array(0)
  const writer = new Writer(8 + authCode.length).u8(message.tag).u8(message.status).u16(0)
  return writer.u32(message.managedId).put(authCode).done()
}

export function decodeRakp3(payload: Uint8Array): Rakp3 {
  const reader = new Reader(payload, 'RAKP 3')
  const [tag, status] = [reader.u8(), reader.u8()]
  reader.u16()
  return { tag, status, managedId: reader.u32(), authCode: reader.rest() }
}
