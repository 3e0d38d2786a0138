// Option 93, client system architecture (RFC 4578 §2.1; numbers: IANA "Processor Architecture Types"). A client may
// list several, best first; none at all is malformed.
import { CodecError, Reader, Writer } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

export const clientArchitecture: OptionCodec<number[]> = {
  code: 93,
  name: 'client architecture',
  decode(bytes) {
    if (bytes.length === 0) throw new CodecError('empty')
    const reader = new Reader(bytes)
    const types: number[] = []
    while (reader.left > 0) types.push(reader.u16())
    return types
  },
  encode(types) {
    const writer = new Writer()
    for (const type of types) writer.u16(type)
    return writer.finish()
  },
}
