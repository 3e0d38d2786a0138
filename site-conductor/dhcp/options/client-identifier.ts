// Option 61, client identifier (RFC 2132 §9.14): a type (1 Ethernet, 255 RFC 4361, 0 opaque) and its bytes. It is
// opaque to a server, which must send it back as it came (RFC 6842 §3).
//
//   +------+-----------------
//   | type | identifier ...
//   +------+-----------------
import { Reader, Writer } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

export interface ClientIdentifier {
  type: number
  identifier: Uint8Array
}

export const clientIdentifier: OptionCodec<ClientIdentifier> = {
  code: 61,
  name: 'client identifier',
  decode(bytes) {
    const reader = new Reader(bytes)
    return { type: reader.u8(), identifier: reader.rest() }
  },
  encode: ({ type, identifier }) => new Writer().u8(type).bytes(identifier).finish(),
}
