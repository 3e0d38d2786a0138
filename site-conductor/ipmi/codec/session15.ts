// IPMI 1.5 session wrapper (IPMI 2.0 §13.6, Table 13-8), only as used outside a session: authentication type "none".
//   00 auth type | 00000000 sequence | 00000000 session id | length | IPMI message
import { Reader, Writer } from './cursor.ts'
import { rmcpHeader } from './rmcp.ts'

/** A whole datagram around a session-less IPMI message of at most 255 bytes. */
export function encodeSession15(message: Uint8Array): Buffer {
  return new Writer(14 + message.length).put(rmcpHeader).u8(0).u32(0).u32(0).u8(message.length).put(message).done()
}

/** The IPMI message of a session-less wrapper. Throws CodecError; a signed 1.5 packet is one, since we never open such sessions. */
export function decodeSession15(wrapper: Uint8Array): Uint8Array {
  const reader = new Reader(wrapper, 'IPMI 1.5 wrapper')
  reader.expect(0, 'authentication type')
  reader.u32()
  if (reader.u32() !== 0) throw reader.fail('belongs to a session')
  // Some stacks append one legacy pad byte (§13.6 note 1): what comes after the length is ignored.
  return reader.take(reader.u8())
}
