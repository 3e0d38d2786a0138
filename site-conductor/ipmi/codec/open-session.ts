// RMCP+ Open Session Request and Response (IPMI 2.0 §13.17 Table 13-9, §13.18 Table 13-10): both sides name their session id
// and settle on algorithms.
//   tag | privilege | 0 0 | console id | 3 × (type, 0 0, length 8, algorithm, 0 0 0)
//   tag | status | privilege | 0 | console id | managed id | 3 × (as above); after an error nothing but the first 8 bytes
import { Reader, Writer } from './cursor.ts'

export interface Algorithms {
  authentication: number
  integrity: number
  confidentiality: number
}

export interface OpenSessionRequest extends Algorithms {
  tag: number
  /** Highest level wanted: 1 callback … 4 administrator, 0 "the highest that fits". */
  privilege: number
  consoleId: number
}

export interface OpenSessionResponse extends Algorithms {
  tag: number
  /** Table 13-15; anything but 0 leaves the rest zero. */
  status: number
  privilege: number
  consoleId: number
  managedId: number
}

export function encodeOpenSessionRequest(request: OpenSessionRequest): Buffer {
  const writer = new Writer(32).u8(request.tag).u8(request.privilege).u16(0).u32(request.consoleId)
  return putAlgorithms(writer, request).done()
}

export function decodeOpenSessionRequest(payload: Uint8Array): OpenSessionRequest {
  const reader = new Reader(payload, 'Open Session Request')
  const [tag, privilege] = [reader.u8(), reader.u8() & 0x0f]
  reader.u16()
  return { tag, privilege, consoleId: reader.u32(), ...takeAlgorithms(reader) }
}

export function encodeOpenSessionResponse(response: OpenSessionResponse): Buffer {
  const { tag, status, privilege, consoleId } = response
  const writer = new Writer(status === 0 ? 36 : 8).u8(tag).u8(status).u8(privilege).u8(0).u32(consoleId)
  return status === 0 ? putAlgorithms(writer.u32(response.managedId), response).done() : writer.done()
}

export function decodeOpenSessionResponse(payload: Uint8Array): OpenSessionResponse {
  const reader = new Reader(payload, 'Open Session Response')
  const [tag, status] = [reader.u8(), reader.u8()]
  const none = { privilege: 0, consoleId: 0, managedId: 0, authentication: 0, integrity: 0, confidentiality: 0 }
  // Implementations differ in how much they send after an error (ipmi_sim: all of it): the status is what counts.
  if (status !== 0) return { tag, status, ...none, consoleId: reader.remaining >= 6 ? (reader.u16(), reader.u32()) : 0 }
  const privilege = reader.u8() & 0x0f
  reader.u8()
  return { tag, status, privilege, consoleId: reader.u32(), managedId: reader.u32(), ...takeAlgorithms(reader) }
}

function putAlgorithms(writer: Writer, algorithms: Algorithms): Writer {
  const { authentication, integrity, confidentiality } = algorithms
  for (const [type, algorithm] of [authentication, integrity, confidentiality].entries())
    writer.u8(type).u16(0).u8(8).u8(algorithm).u16(0).u8(0)
  return writer
}

function takeAlgorithms(reader: Reader): Algorithms {
  const found = [0, 1, 2].map((type) => {
    reader.expect(type, 'algorithm payload type')
    reader.u16()
    // Length 0 is the wildcard "you choose" of Table 13-9; it is never ours to send and reads as algorithm "none".
    const length = reader.u8()
    if (length !== 8 && length !== 0) throw reader.fail(`algorithm payload of ${length} bytes`)
    const algorithm = reader.u8() & 0x3f
    reader.u16()
    reader.u8()
    return algorithm
  })
  const [authentication = 0, integrity = 0, confidentiality = 0] = found
  return { authentication, integrity, confidentiality }
}
