// Reads a command's answer: one that is too short or malformed is a protocol error that names the command, never a value.
// (ipmitool takes an empty success answer for "power is off".)
import { CodecError, Reader } from '../codec/cursor.ts'
import { IpmiError } from '../errors.ts'

export function readAnswer<Value>(name: string, data: Uint8Array, read: (reader: Reader) => Value): Value {
  try {
    return read(new Reader(data, name))
  } catch (error) {
    if (error instanceof CodecError) throw new IpmiError('protocol', `malformed answer: ${error.message}`)
    throw error
  }
}
