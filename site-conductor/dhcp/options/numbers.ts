// Options that hold one number: 51 lease time, 58 renewal, 59 rebinding (seconds; RFC 2132 §9.2, §9.11, §9.12),
// 57 maximum message size (bytes, §9.10), 52 overload (bits, §9.3).
import { Reader, Writer } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

function number(code: number, name: string, width: 'u8' | 'u16' | 'u32'): OptionCodec<number> {
  return {
    code,
    name,
    decode(bytes) {
      const reader = new Reader(bytes)
      const value = reader[width]()
      reader.end(name)
      return value
    },
    encode: (value) => new Writer()[width](value).finish(),
  }
}

export const leaseSeconds = number(51, 'lease time', 'u32')
/** 1: `file` holds options, 2: `sname` does, 3: both. */
export const overload = number(52, 'option overload', 'u8')
export const maximumMessageSize = number(57, 'maximum message size', 'u16')
export const renewalSeconds = number(58, 'renewal time', 'u32')
export const rebindingSeconds = number(59, 'rebinding time', 'u32')
