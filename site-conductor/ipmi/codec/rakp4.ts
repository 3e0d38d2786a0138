// RAKP Message 4 (IPMI 2.0 §13.23, Table 13-14): the BMC's proof that it derived the same session key.
//   tag | status | 0 0 | console id | check value 12 or 16 (absent after an error)
import { Reader, Writer } from './cursor.ts'

export interface Rakp4 {
  tag: number
  status: number
  consoleId: number
  checkValue: Uint8Array
}

export function encodeRakp4(message: Rakp4): Buffer {
  const checkValue = message.status === 0 ? message.checkValue : new Uint8Array(0)
  const writer = new Writer(8 + checkValue.length).u8(message.tag).u8(message.status).u16(0)
  return writer.u32(message.consoleId).put(checkValue).done()
}

export function decodeRakp4(payload: Uint8Array): Rakp4 {
  const reader = new Reader(payload, 'RAKP 4')
  const [tag, status] = [reader.u8(), reader.u8()]
  if (status !== 0 && reader.remaining < 6) return { tag, status, consoleId: 0, checkValue: new Uint8Array(0) }
  reader.u16()
  return { tag, status, consoleId: reader.u32(), checkValue: status === 0 ? reader.rest() : new Uint8Array(0) }
}
