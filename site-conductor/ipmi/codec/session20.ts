// RMCP+ session wrapper (IPMI 2.0 §13.6 Table 13-8, §13.28.4 integrity, §13.29 AES-CBC-128).
//   06 | payload type (bit 7 encrypted, bit 6 signed) | session id | sequence | length | payload | FF pads | pad length | 07 | HMAC
//   encrypted payload: IV 16 | data, pads 01 02 03 …, pad length
// Invariant: with keys, nothing is decrypted before its HMAC was found right, and unsigned or plain packets are refused.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { CodecError, Reader, Writer } from './cursor.ts'
import type { SessionKeys } from './keys.ts'
import { rmcpHeader } from './rmcp.ts'

/** Payload types (Table 13-16). */
export const payloadType = {
  ipmi: 0x00,
  sol: 0x01,
  openRequest: 0x10,
  openResponse: 0x11,
  rakp1: 0x12,
  rakp2: 0x13,
  rakp3: 0x14,
  rakp4: 0x15,
} as const

export interface Session20 {
  payloadType: number
  encrypted: boolean
  signed: boolean
  sessionId: number
  sequence: number
  /** As on the wire: still encrypted when `encrypted`. */
  payload: Uint8Array
}

/** A whole datagram outside a session: id and sequence 0, neither encrypted nor signed. */
export function encodePlain20(type: number, payload: Uint8Array): Buffer {
  return header(16 + payload.length, type, 0, 0, payload.length)
    .put(payload)
    .done()
}

/** A whole datagram inside a session. `iv`: 16 unpredictable bytes, never used twice. */
export function encodeSealed20(
  frame: { payloadType: number; sessionId: number; sequence: number; payload: Uint8Array },
  keys: SessionKeys,
  iv: Uint8Array,
): Buffer {
  const encrypted = encrypt(frame.payload, keys, iv)
  // From the wrapper's first byte to the 07 the length is a multiple of four (Table 13-8).
  const pads = -(12 + encrypted.length + 2) & 3
  const { checkBytes } = keys.suite
  const size = 16 + encrypted.length + pads + 2 + checkBytes
  const writer = header(size, frame.payloadType | 0xc0, frame.sessionId, frame.sequence, encrypted.length)
  writer.put(encrypted)
  for (let pad = 0; pad < pads; pad++) writer.u8(0xff)
  const datagram = writer.u8(pads).u8(0x07).put(new Uint8Array(checkBytes)).done()
  const end = size - checkBytes
  datagram.set(check(datagram.subarray(4, end), keys), end)
  return datagram
}

function header(size: number, type: number, sessionId: number, sequence: number, length: number): Writer {
  return new Writer(size).put(rmcpHeader).u8(0x06).u8(type).u32(sessionId).u32(sequence).u16(length)
}

/** Takes the wrapper apart without keys (`wrapper`: what follows the RMCP header). Throws CodecError. */
export function decodeSession20(wrapper: Uint8Array): Session20 {
  const reader = new Reader(wrapper, 'RMCP+ wrapper')
  reader.expect(0x06, 'authentication type')
  const type = reader.u8()
  if ((type & 0x3f) === 0x02) throw reader.fail('OEM payload')
  const [sessionId, sequence] = [reader.u32(), reader.u32()]
  const payload = reader.take(reader.u16())
  const [encrypted, signed] = [(type & 0x80) !== 0, (type & 0x40) !== 0]
  return { payloadType: type & 0x3f, encrypted, signed, sessionId, sequence, payload }
}

/** Verifies and decrypts a frame that decodeSession20 took from `wrapper`. Throws CodecError. */
export function unseal20(wrapper: Uint8Array, frame: Session20, keys: SessionKeys): Uint8Array {
  if (!frame.signed || !frame.encrypted) throw new CodecError('RMCP+ packet: not signed and encrypted')
  const end = wrapper.length - keys.suite.checkBytes
  // The trailer has at least pad length and next header. How many pads there are is not looked at: the HMAC covers them.
  if (end < 12 + frame.payload.length + 2) throw new CodecError('RMCP+ packet: no room for its check value')
  if (!timingSafeEqual(check(wrapper.subarray(0, end), keys), wrapper.subarray(end)))
    throw new CodecError('RMCP+ packet: wrong check value')
  return decrypt(frame.payload, keys)
}

function check(bytes: Uint8Array, { suite, integrity }: SessionKeys): Buffer {
  return createHmac(suite.hash, integrity).update(bytes).digest().subarray(0, suite.checkBytes)
}

function encrypt(payload: Uint8Array, keys: SessionKeys, iv: Uint8Array): Buffer {
  const pads = -(payload.length + 1) & 15
  const plain = new Writer(payload.length + pads + 1).put(payload)
  for (let pad = 1; pad <= pads; pad++) plain.u8(pad)
  const cipher = createCipheriv('aes-128-cbc', keys.confidentiality, iv).setAutoPadding(false)
  return Buffer.concat([iv, cipher.update(plain.u8(pads).done())])
}

function decrypt(payload: Uint8Array, keys: SessionKeys): Uint8Array {
  if (payload.length < 32 || payload.length % 16 !== 0) throw new CodecError('RMCP+ packet: not whole AES blocks')
  const cipher = createDecipheriv('aes-128-cbc', keys.confidentiality, payload.subarray(0, 16)).setAutoPadding(false)
  const plain = cipher.update(payload.subarray(16))
  const pads = plain[plain.length - 1] ?? 0
  // §13.29: at most 15 pads; their values are checked by nobody and are covered by the HMAC.
  if (pads > 15 || pads + 1 > plain.length) throw new CodecError('RMCP+ packet: wrong pad length')
  return plain.subarray(0, plain.length - pads - 1)
}
