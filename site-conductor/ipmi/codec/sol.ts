// Serial over LAN, the payload of a console (IPMI 2.0 §15.9, Tables 15-2 and 15-3).
//   sequence (0: only an acknowledgement) | sequence that is acknowledged (0: none) | characters of it that were accepted | operation or status | characters…
import { Reader, Writer } from './cursor.ts'

export interface SolPacket {
  /** 1–15, or 0. */
  sequence: number
  acknowledges: number
  accepted: number
  /** Bits of `solOperation` from a console, of `solStatus` from a BMC. */
  flags: number
  data: Uint8Array
}

export const solOperation = { nack: 0x40, break: 0x10 } as const
export const solStatus = { nack: 0x40, unavailable: 0x20, inactive: 0x10, overrun: 0x08, break: 0x04 } as const

/** Bytes before the characters. */
export const SOL_HEADER_BYTES = 4

export function encodeSol({ sequence, acknowledges, accepted, flags, data }: SolPacket): Buffer {
  const writer = new Writer(SOL_HEADER_BYTES + data.length)
  return writer.u8(sequence).u8(acknowledges).u8(accepted).u8(flags).put(data).done()
}

/** Throws CodecError. `data` is a view. */
export function decodeSol(payload: Uint8Array): SolPacket {
  const reader = new Reader(payload, 'SOL packet')
  const [sequence, acknowledges] = [reader.u8() & 0x0f, reader.u8() & 0x0f]
  return { sequence, acknowledges, accepted: reader.u8(), flags: reader.u8(), data: reader.rest() }
}

/** 1 to 15, and again. */
export function nextSequence(sequence: number): number {
  return (sequence % 15) + 1
}
