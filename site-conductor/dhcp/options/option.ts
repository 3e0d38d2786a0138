// The shape of every option codec. decode() gives a value or throws CodecError; encode() is its inverse.
import { CodecError } from '../cursor.ts'

/** Option number → value as it was on the wire, pieces of one code already joined (RFC 3396 §7). Order is kept. */
export type OptionMap = Map<number, Uint8Array>

export interface OptionCodec<T> {
  readonly code: number
  readonly name: string
  decode(bytes: Uint8Array): T
  encode(value: T): Uint8Array
}

/** The option's value; undefined when the packet does not carry it. A malformed one is a CodecError naming it. */
export function getOption<T>(options: OptionMap, codec: OptionCodec<T>): T | undefined {
  const bytes = options.get(codec.code)
  if (bytes === undefined) return undefined
  try {
    return codec.decode(bytes)
  } catch (error) {
    if (error instanceof CodecError) throw new CodecError(`option ${codec.code} (${codec.name}): ${error.message}`)
    throw error
  }
}

export function setOption<T>(options: OptionMap, codec: OptionCodec<T>, value: T): void {
  options.set(codec.code, codec.encode(value))
}
