// IPMI message inside a LAN session (IPMI 2.0 §13.8, Figure 13-4).
//   request:  rsAddr | netFn<<2 rsLUN | cks1 | rqAddr | rqSeq<<2 rqLUN | cmd |      data… | cks2
//   response: rqAddr | netFn<<2 rqLUN | cks1 | rsAddr | rqSeq<<2 rsLUN | cmd | cc | data… | cks2
import { CodecError, Writer } from './cursor.ts'

/** Slave address of the BMC and software id of a remote console (Table 5-4). */
export const bmcAddress = 0x20
export const consoleAddress = 0x81

export interface IpmiRequest {
  /** Even; a response carries netFn + 1. */
  netFn: number
  command: number
  /** rqSeq, 0–63. */
  sequence: number
  data: Uint8Array
}

export interface IpmiResponse extends IpmiRequest {
  completionCode: number
}

/** Two's complement checksum (IPMB 1.0 §3.1): the bytes and it add up to zero. */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at++) sum += bytes[at] ?? 0
  return -sum & 0xff
}

export function encodeRequest(request: IpmiRequest): Buffer {
  return encodeMessage(bmcAddress, consoleAddress, request)
}

/** From one controller to another (IPMB 1.0 §2.11.1). */
export function encodeMessage(to: number, from: number, { netFn, command, sequence, data }: IpmiRequest): Buffer {
  return encode(to, from, [netFn << 2, sequence << 2, command], data)
}

export function encodeResponse(response: IpmiResponse): Buffer {
  const data = new Writer(1 + response.data.length).u8(response.completionCode).put(response.data).done()
  const head = [response.netFn << 2, response.sequence << 2, response.command] as const
  return encode(consoleAddress, bmcAddress, head, data)
}

function encode(to: number, from: number, head: readonly [number, number, number], data: Uint8Array): Buffer {
  const bytes = new Writer(7 + data.length).u8(to).u8(head[0]).u8(0).u8(from).u8(head[1]).u8(head[2]).put(data).u8(0)
  const message = bytes.done()
  message[2] = checksum(message, 0, 2)
  message[message.length - 1] = checksum(message, 3, message.length - 1)
  return message
}

/** Throws CodecError on short messages and wrong checksums. `data` is a view. */
export function decodeRequest(message: Uint8Array): IpmiRequest {
  check(message, 7)
  return fields(message, 6)
}

/** As decodeRequest. */
export function decodeResponse(message: Uint8Array): IpmiResponse {
  check(message, 8)
  return { ...fields(message, 7), completionCode: message[6] as number }
}

function check(message: Uint8Array, least: number): void {
  if (message.length < least) throw new CodecError(`IPMI message: ${message.length} bytes`)
  if (checksum(message, 0, 3) !== 0) throw new CodecError('IPMI message: header checksum')
  if (checksum(message, 3, message.length) !== 0) throw new CodecError('IPMI message: data checksum')
}

function fields(message: Uint8Array, dataAt: number): IpmiRequest {
  const [, netFnLun = 0, , , seqLun = 0, command = 0] = message
  const data = message.subarray(dataAt, message.length - 1)
  return { netFn: netFnLun >> 2, command, sequence: seqLun >> 2, data }
}
