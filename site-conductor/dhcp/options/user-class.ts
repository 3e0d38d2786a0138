// Option 77, user class (RFC 3004 §4): length-prefixed classes. iPXE sends its class bare, without the length
// (seen from iPXE 1.21: 4 bytes "iPXE"), so bytes that do not add up to prefixed classes are one bare class.
//
//   +-----+---------------+-----+---------------
//   | len | class ...     | len | class ...
//   +-----+---------------+-----+---------------
import { CodecError, Reader, Writer } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

export interface UserClass {
  /** Whether the single class came without its length byte. */
  bare: boolean
  classes: string[]
}

export const userClass: OptionCodec<UserClass> = {
  code: 77,
  name: 'user class',
  decode(bytes) {
    if (bytes.length === 0) throw new CodecError('empty')
    const reader = new Reader(bytes)
    const classes: string[] = []
    while (reader.left > 0) {
      const length = reader.u8()
      if (length === 0 || length > reader.left) return { bare: true, classes: [Buffer.from(bytes).toString('latin1')] }
      classes.push(reader.take(length).toString('latin1'))
    }
    return { bare: false, classes }
  },
  encode({ bare, classes }) {
    const writer = new Writer()
    for (const name of classes) {
      if (!bare) writer.u8(name.length)
      writer.bytes(Buffer.from(name, 'latin1'))
    }
    return writer.finish()
  },
}
