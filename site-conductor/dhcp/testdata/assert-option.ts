// What every option codec must do, in one line of a test.
import { expect } from 'vitest'
import { CodecError } from '../cursor.ts'
import type { OptionCodec } from '../options/option.ts'

export const assert = {
  /** The hex digits decode to `value`, and `value` encodes to them. */
  holds<T>(codec: OptionCodec<T>, spacedHex: string, value: T): void {
    const hex = spacedHex.replaceAll(' ', '')
    expect(codec.decode(Buffer.from(hex, 'hex'))).toEqual(value)
    expect(Buffer.from(codec.encode(value)).toString('hex')).toBe(hex)
  },

  refuses(codec: OptionCodec<unknown>, hex: string): void {
    expect(() => codec.decode(Buffer.from(hex, 'hex'))).toThrow(CodecError)
  },
}
