// Any command of the BMC, as bytes: network function, command, data (what ipmitool calls raw).
import { IpmiError } from '../errors.ts'
import type { RequestOptions, Requester } from '../request.ts'

export interface RawRequest {
  /** Of a request, so even: 0–62. */
  readonly netFn: number
  readonly command: number
  readonly data: Uint8Array
}

/** As many bytes as ipmitool takes, network function and command among them. */
export const MAX_RAW_BYTES = 256

/** Throws IpmiError 'argument' for bytes that are no request. */
export function rawRequestOf(bytes: Uint8Array): RawRequest {
  const [netFn, command] = bytes
  if (netFn === undefined || command === undefined || bytes.length > MAX_RAW_BYTES)
    throw new IpmiError('argument', `a raw command has 2 to ${MAX_RAW_BYTES} bytes: network function, command, data`)
  if (netFn > 0x3e || netFn % 2 === 1)
    throw new IpmiError(
      'argument',
      `network function 0x${netFn.toString(16)} is not one of a request (even, up to 0x3e)`,
    )
  return { netFn, command, data: bytes.subarray(2) }
}

/** Sent once, since nobody knows what it does the second time. Resolves what the BMC answers after the completion code. */
export async function sendRaw(
  session: Requester,
  { netFn, command, data }: RawRequest,
  options?: RequestOptions,
): Promise<Uint8Array> {
  const hex = (byte: number) => `0x${byte.toString(16).padStart(2, '0')}`
  const name = `raw command ${hex(netFn)} ${hex(command)}`
  return await session.request({ name, netFn, command, data, kind: 'once' }, options)
}
