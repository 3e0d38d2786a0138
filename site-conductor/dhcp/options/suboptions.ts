// Encapsulated options (RFC 2132 §8.4): code, length, value; 0 pads, and where the enclosing option allows it 255
// ends. Of a repeated code the first counts. Shared by options 43, 82 and 175.
import { CodecError, Reader, Writer } from '../cursor.ts'
import type { OptionMap } from './option.ts'

export function readSuboptions(bytes: Uint8Array, padAndEnd: boolean): OptionMap {
  const reader = new Reader(bytes)
  const options: OptionMap = new Map()
  while (reader.left > 0) {
    const code = reader.u8()
    if (padAndEnd && code === 0) continue
    if (padAndEnd && code === 255) break
    const value = reader.take(reader.u8())
    if (!options.has(code)) options.set(code, value)
  }
  return options
}

export function writeSuboptions(options: OptionMap, withEnd: boolean): Uint8Array {
  const writer = new Writer()
  for (const [code, value] of options) {
    if (value.length > 255) throw new CodecError(`sub-option ${code} has ${value.length} bytes, at most 255 fit`)
    writer.u8(code).u8(value.length).bytes(value)
  }
  if (withEnd) writer.u8(255)
  return writer.finish()
}
