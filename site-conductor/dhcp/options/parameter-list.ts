// Option 55, the codes of the options a client wants, in its order of preference (RFC 2132 §9.8).
import type { OptionCodec } from './option.ts'

export const parameterList: OptionCodec<number[]> = {
  code: 55,
  name: 'parameter request list',
  decode: (bytes) => Array.from(bytes),
  encode: (codes) => Buffer.from(codes),
}
