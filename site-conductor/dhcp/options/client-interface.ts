// Option 94, client network interface (RFC 4578 §2.2): type 1 is UNDI, with its version.
//
//   +------+-------+-------+
//   | type | major | minor |
//   +------+-------+-------+
import { Reader } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

export interface ClientInterface {
  type: number
  major: number
  minor: number
}

export const clientInterface: OptionCodec<ClientInterface> = {
  code: 94,
  name: 'client interface',
  decode(bytes) {
    const reader = new Reader(bytes)
    const value = { type: reader.u8(), major: reader.u8(), minor: reader.u8() }
    reader.end(clientInterface.name)
    return value
  },
  encode: ({ type, major, minor }) => Buffer.of(type, major, minor),
}
